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
func ParseObject(body []byte) (Object, error) {
	list, err := Members(body)
	if err != nil {
		return Object{}, err
	}
	outer := make([]Member, 0, len(list))
	seen := make(map[string]bool, len(list))
	for _, m := range list {
		if !m.Outer {
			continue
		}
		if seen[m.Name] {
			return Object{}, ErrDoubled
		}
		seen[m.Name] = true
		outer = append(outer, m)
	}
	return Object{body: body, members: outer}, nil
}

// Raw returns a member's value as it was written, nil if there is no such member.
func (o Object) Raw(name string) []byte {
	for _, m := range o.members {
		if m.Name == name {
			return o.body[m.Start:m.End]
		}
	}
	return nil
}

// AppendOnly appends an object of those members that are named, their values as
// they were written. Those that are not there are left out.
func (o Object) AppendOnly(dst []byte, names []string) []byte {
	dst = append(dst, '{')
	empty := len(dst)
	for _, m := range o.members {
		if !slices.Contains(names, m.Name) {
			continue
		}
		if len(dst) > empty {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, m.Name)
		dst = append(dst, ':')
		dst = append(dst, o.body[m.Start:m.End]...)
	}
	return append(dst, '}')
}
