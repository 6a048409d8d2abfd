package jsontext

import (
	"errors"
	"slices"
)

// ErrDoubled is returned for an object that has two members of the same name.
var ErrDoubled = errors.New("the JSON object has two members of the same name")

// Object is an object whose own members all have different names. Of two with the
// same name one parser reads the first and another the last, so tokens and keys
// must not have them (RFC 7515 §4, RFC 7517 §4, RFC 7519 §4).
type Object struct {
	body    []byte
	members []Member // those of objects within it too
}

// ParseObject reads body, one object. Objects within it are checked for their
// form, not for their names.
func ParseObject(body []byte) (*Object, error) {
	list, err := Members(body)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for i := range list {
		if m := &list[i]; m.Outer {
			if seen[m.Name] {
				return nil, ErrDoubled
			}
			seen[m.Name] = true
		}
	}
	return &Object{body: body, members: list}, nil
}

// Raw returns a member's value as it was written, nil if there is no such member.
// It is not inlined, for the size of the binary.
//
//go:noinline
func (o *Object) Raw(name string) []byte {
	for i := range o.members {
		if m := &o.members[i]; m.Outer && m.Name == name {
			return o.body[m.Start:m.End]
		}
	}
	return nil
}

// Texts reads string members into values, in the order of names, nothing where
// there is no such member. It reports false for a member that is no string.
func (o *Object) Texts(names, values []string) (ok bool) {
	for i, name := range names {
		if raw := o.Raw(name); raw != nil {
			if values[i], ok = Text(raw); !ok {
				return false
			}
		}
	}
	return true
}

// Only returns an object of those members that are named, as they were written.
// Those that are not there are left out.
func (o *Object) Only(names []string) string {
	text, next := "", "{"
	for i := range o.members {
		if m := &o.members[i]; m.Outer && slices.Contains(names, m.Name) {
			text += next + string(o.body[m.From:m.End])
			next = ","
		}
	}
	if text == "" {
		text = next
	}
	return text + "}"
}
