//go:build js && wasm

// Package js is syscall/js with errors in the place of panics.
//
// hack-pad/safejs does the same and more. It is not used because of what it
// weighs: its verbose errors pull in fmt, and fmt reflect, which made proxy.wasm
// 440 KB larger (80 KB compressed) and took it over its budget. This package has
// the part that the vault needs, under the same names.
//
// A JavaScript exception comes back as an error that wraps syscall/js.Error. A
// wrong use from Go (a property of undefined, a number where a string is) is an
// error too and never ends the program, for that would end every request of the
// frame.
package js

import (
	"errors"
	"syscall/js"
)

// Value is a JavaScript value.
type Value struct{ value js.Value }

// Func is a Go function that JavaScript can call. Who makes it releases it.
type Func struct{ function js.Func }

// Type is the type of a Value.
type Type = js.Type

// The types that callers ask for.
const (
	TypeObject   = js.TypeObject
	TypeString   = js.TypeString
	TypeFunction = js.TypeFunction
)

// errMisuse is a wrong use that syscall/js has no words for.
var errMisuse = errors.New("js: a JavaScript value was used in a way that its type does not allow")

// try turns a panic of operation into an error.
func try[T any](operation func() T) (result T, err error) {
	defer func() {
		switch thrown := recover().(type) {
		case nil:
		case error:
			err = thrown
		case string:
			err = errors.New(thrown)
		default:
			err = errMisuse
		}
	}()
	return operation(), nil
}

// Thrown returns what JavaScript threw, if err is such an exception.
func Thrown(err error) (Value, bool) {
	var thrown js.Error
	if !errors.As(err, &thrown) {
		return Value{}, false
	}
	return Value{thrown.Value}, true
}

// Global returns globalThis.
func Global() Value { return Value{js.Global()} }

// Undefined returns undefined.
func Undefined() Value { return Value{js.Undefined()} }

// Null returns null.
func Null() Value { return Value{js.Null()} }

// unwrap turns our values into those that syscall/js takes, inside maps and
// slices too.
func unwrap(value any) any {
	switch value := value.(type) {
	case Value:
		return value.value
	case Func:
		return value.function
	case map[string]any:
		out := make(map[string]any, len(value))
		for key, item := range value {
			out[key] = unwrap(item)
		}
		return out
	case []any:
		return unwrapAll(value)
	default:
		return value
	}
}

func unwrapAll(values []any) []any {
	out := make([]any, len(values))
	for i, value := range values {
		out[i] = unwrap(value)
	}
	return out
}

// ValueOf converts a Go value as syscall/js does.
func ValueOf(value any) (Value, error) {
	return wrap(func() js.Value { return js.ValueOf(unwrap(value)) })
}

func wrap(operation func() js.Value) (Value, error) {
	value, err := try(operation)
	return Value{value}, err
}

// FuncOf makes a function of fn. It must not block: start a goroutine instead.
func FuncOf(fn func(this Value, args []Value) any) (Func, error) {
	function, err := try(func() js.Func {
		return js.FuncOf(func(this js.Value, args []js.Value) any {
			values := make([]Value, len(args))
			for i, arg := range args {
				values[i] = Value{arg}
			}
			return unwrap(fn(Value{this}, values))
		})
	})
	return Func{function}, err
}

// Release lets the function go; it must not be called afterwards.
func (f Func) Release() { f.function.Release() }

// Value returns the function as a value.
func (f Func) Value() Value { return Value{f.function.Value} }

// Get returns a property.
func (v Value) Get(name string) (Value, error) {
	return wrap(func() js.Value { return v.value.Get(name) })
}

// Set sets a property.
func (v Value) Set(name string, value any) error {
	_, err := try(func() struct{} { v.value.Set(name, unwrap(value)); return struct{}{} })
	return err
}

// Index returns an element.
func (v Value) Index(i int) (Value, error) {
	return wrap(func() js.Value { return v.value.Index(i) })
}

// Length returns the property "length".
func (v Value) Length() (int, error) { return try(v.value.Length) }

// Call calls a method.
func (v Value) Call(method string, args ...any) (Value, error) {
	return wrap(func() js.Value { return v.value.Call(method, unwrapAll(args)...) })
}

// Invoke calls the value as a function.
func (v Value) Invoke(args ...any) (Value, error) {
	return wrap(func() js.Value { return v.value.Invoke(unwrapAll(args)...) })
}

// New calls the value as a constructor.
func (v Value) New(args ...any) (Value, error) {
	return wrap(func() js.Value { return v.value.New(unwrapAll(args)...) })
}

// InstanceOf is the operator instanceof.
func (v Value) InstanceOf(constructor Value) (bool, error) {
	return try(func() bool { return v.value.InstanceOf(constructor.value) })
}

// Bool returns a boolean.
func (v Value) Bool() (bool, error) { return try(v.value.Bool) }

// Int returns a number, cut to an integer.
func (v Value) Int() (int, error) { return try(v.value.Int) }

// String returns a string; anything else is an error, and no description of it.
func (v Value) String() (string, error) {
	if v.value.Type() != js.TypeString {
		return "", errMisuse
	}
	return try(v.value.String)
}

// Truthy reports whether the value counts as true.
func (v Value) Truthy() (bool, error) { return try(v.value.Truthy) }

// Equal is the operator ===.
func (v Value) Equal(other Value) bool { return v.value.Equal(other.value) }

// Type returns the type.
func (v Value) Type() Type { return v.value.Type() }

// IsUndefined reports whether the value is undefined.
func (v Value) IsUndefined() bool { return v.value.IsUndefined() }

// IsNull reports whether the value is null.
func (v Value) IsNull() bool { return v.value.IsNull() }

// CopyBytesToGo copies from a Uint8Array.
func CopyBytesToGo(dst []byte, src Value) (int, error) {
	return try(func() int { return js.CopyBytesToGo(dst, src.value) })
}

// CopyBytesToJS copies to a Uint8Array.
func CopyBytesToJS(dst Value, src []byte) (int, error) {
	return try(func() int { return js.CopyBytesToJS(dst.value, src) })
}
