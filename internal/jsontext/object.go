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
	members []Member // the outermost
}

// ParseObject reads body, one object. Objects within it are checked for their
// form, not for their names.
func ParseObject(body []byte) (*Object, error) {
	list, err := Members(body)
	if err != nil {
		return nil, err
	}
	o := &Object{body: body}
	seen := map[string]bool{}
	for _, m := range list {
		if !m.Outer {
			continue
		}
		if seen[m.Name] {
			return nil, ErrDoubled
		}
		seen[m.Name] = true
		o.members = append(o.members, m)
	}
	return o, nil
}

// Raw returns a member's value as it was written, nil if there is no such member.
// It is not inlined, for the size of the binary.
//
//go:noinline
func (o *Object) Raw(name string) []byte {
	for _, m := range o.members {
		if m.Name == name {
			return o.body[m.Start:m.End]
		}
	}
	return nil
}

// Text returns what a string member says, nothing if there is no such member; ok is
// false for another value.
//
//go:noinline
func (o *Object) Text(name string) (text string, ok bool) {
	raw := o.Raw(name)
	if raw == nil {
		return "", true
	}
	return Text(raw)
}

// AppendOnly appends an object of those members that are named, as they were
// written. Those that are not there are left out.
func (o *Object) AppendOnly(dst []byte, names []string) []byte {
	next := byte('{')
	for _, m := range o.members {
		if slices.Contains(names, m.Name) {
			dst = append(append(dst, next), o.body[m.From:m.End]...)
			next = ','
		}
	}
	if next == '{' {
		dst = append(dst, next)
	}
	return append(dst, '}')
}
