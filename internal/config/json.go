package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// This file reads JSON into a tree that knows where each value stands.
// encoding/json alone would stop at the first unknown key, could not say in which
// client it is, keep the last of two equal keys, and take "Origin" for "origin".

// kind is the type of a JSON value.
type kind uint8

const (
	kindOther kind = iota // null, a number
	kindFlag
	kindString
	kindArray
	kindObject
)

func (k kind) String() string {
	return [...]string{"another value", "true or false", "a string", "an array", "an object"}[k]
}

// value is a JSON value and its key.
type value struct {
	key     string // "clients[0].name"
	kind    kind
	text    string // of a string
	flag    bool   // true, not false
	items   []*value
	members []member
}

type member struct {
	name  string
	value *value
}

// problems collects faults.
type problems struct{ list []error }

func (p *problems) add(key, problem, mend string) {
	p.list = append(p.list, &KeyError{Key: key, Problem: problem, Mend: mend})
}

func (p *problems) addFault(key string, f *fault) {
	p.add(key, f.problem, f.mend)
}

func (p *problems) err() error { return errors.Join(p.list...) }

// parseTree reads one JSON value and nothing after it. Repeated keys go to p; a
// text that is no JSON is the error.
func parseTree(data []byte, p *problems) (*value, error) {
	switch {
	case len(data) > maxSize:
		return nil, &KeyError{Problem: "the file is larger than 1 MiB", Mend: "is it the right file?"}
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return nil, &KeyError{Problem: "the file begins with a byte order mark", Mend: "save it as UTF-8 without one"}
	case !utf8.Valid(data):
		return nil, &KeyError{Problem: "the file is not UTF-8", Mend: "save it as UTF-8"}
	}
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		return nil, syntaxFault(data, err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	tree, err := readValue(decoder, "", p)
	if err != nil {
		return nil, &KeyError{Problem: "is not JSON: " + err.Error(), Mend: "correct it there"}
	}
	return tree, nil
}

func syntaxFault(data []byte, err error) error {
	fault := &KeyError{Problem: "is not JSON: " + err.Error(), Mend: "correct it there"}
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return fault
	}
	at := min(max(int(syntax.Offset)-1, 0), len(data)) // Offset counts the offending byte
	before := data[:at]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := at - bytes.LastIndexByte(before, '\n')
	fault.Problem = fmt.Sprintf("line %d, column %d: is not JSON: %s", line, column, syntax)
	if at < len(data) && data[at] == '/' {
		fault.Mend = "remove the comment: JSON has none"
	}
	return fault
}

func readValue(decoder *json.Decoder, key string, p *problems) (*value, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	v := &value{key: key}
	switch token := token.(type) {
	case string:
		v.kind, v.text = kindString, token
	case bool:
		v.kind, v.flag = kindFlag, token
	case json.Delim:
		if token == '[' {
			v.kind = kindArray
			return v, readItems(decoder, v, p)
		}
		v.kind = kindObject
		return v, readMembers(decoder, v, p)
	}
	return v, nil
}

func readItems(decoder *json.Decoder, v *value, p *problems) error {
	for decoder.More() {
		item, err := readValue(decoder, fmt.Sprintf("%s[%d]", v.key, len(v.items)), p)
		if err != nil {
			return err
		}
		v.items = append(v.items, item)
	}
	_, err := decoder.Token()
	return err
}

func readMembers(decoder *json.Decoder, v *value, p *problems) error {
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return err
		}
		name := fmt.Sprint(token) // a member's name is a string
		key := joinKey(v.key, name)
		if slices.ContainsFunc(v.members, func(m member) bool { return m.name == name }) {
			p.add(key, "is given twice", "keep one")
		}
		child, err := readValue(decoder, key, p)
		if err != nil {
			return err
		}
		v.members = append(v.members, member{name, child})
	}
	_, err := decoder.Token()
	return err
}

func joinKey(parent, name string) string {
	if parent == "" {
		return name
	}
	return parent + "." + name
}

// object reads the members of a JSON object one by one; close reports the others.
type object struct {
	p     *problems
	v     *value
	taken []string
}

// asObject reports a value that is no object, and reads it as an empty one.
func asObject(v *value, p *problems) *object {
	if v.kind != kindObject {
		p.add(v.key, "is "+v.kind.String()+", not an object", "write { … }")
	}
	return &object{p: p, v: v}
}

// take returns a member, or nil.
func (o *object) take(name string) *value {
	o.taken = append(o.taken, name)
	for _, m := range o.v.members {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// has reports whether a member is there.
func (o *object) has(name string) bool {
	return slices.ContainsFunc(o.v.members, func(m member) bool { return m.name == name })
}

// key is the key of a member, whether it is there or not.
func (o *object) key(name string) string { return joinKey(o.v.key, name) }

// isObject is false after asObject has reported the value; what is missing in it
// is no news then.
func (o *object) isObject() bool { return o.v.kind == kindObject }

// need takes a member and reports its absence.
func (o *object) need(name, mend string) *value {
	v := o.take(name)
	if v == nil && o.isObject() {
		o.p.add(o.key(name), "is missing", mend)
	}
	return v
}

// optional takes a string member; ok is false when there is none, or it is no
// string, which is reported.
func (o *object) optional(name string) (text string, ok bool) {
	return asString(o.take(name), o.p)
}

// required is optional that reports absence and emptiness too.
func (o *object) required(name, mend string) (text string, ok bool) {
	text, ok = asString(o.need(name, mend), o.p)
	if ok && text == "" {
		o.p.add(o.key(name), "is empty", mend)
		return "", false
	}
	return text, ok
}

// flag takes a member that is true or false; false when there is none.
func (o *object) flag(name string) bool {
	v := o.take(name)
	if v == nil {
		return false
	}
	if v.kind != kindFlag {
		o.p.add(v.key, "is "+v.kind.String()+", not true or false", "write true or false, without quotes")
	}
	return v.flag
}

// close reports every member that nobody took.
func (o *object) close() {
	for _, m := range o.v.members {
		if slices.Contains(o.taken, m.name) {
			continue
		}
		mend := "remove it; known here are " + strings.Join(o.taken, ", ")
		for _, name := range o.taken {
			if strings.EqualFold(name, m.name) {
				mend = fmt.Sprintf("write %q", name)
			}
		}
		o.p.add(o.key(m.name), "is an unknown key", mend)
	}
}

func asString(v *value, p *problems) (text string, ok bool) {
	if v == nil {
		return "", false
	}
	if v.kind != kindString {
		p.add(v.key, "is "+v.kind.String()+", not a string", `write it in quotes, "…"`)
		return "", false
	}
	return v.text, true
}

// asArray returns the elements of an array and reports anything else.
func asArray(v *value, p *problems) (items []*value, ok bool) {
	if v == nil {
		return nil, false
	}
	if v.kind != kindArray {
		p.add(v.key, "is "+v.kind.String()+", not an array", "write [ … ]")
		return nil, false
	}
	return v.items, true
}
