//go:build js && wasm

package browser

import (
	"context"
	"errors"

	"tokenvault/wasm/js"
)

var (
	// errUnsupported is a browser API that does not exist in this context.
	errUnsupported = errors.New("browser: API not available here")
	// errNotText is a value that should have been a string.
	errNotText = errors.New("browser: value is not a string")
)

// Script performs JavaScript operations one after the other until the first that
// fails, as a JavaScript function would; the rest do nothing and return
// undefined. So a sequence is read without an error check a line, and Err says
// how it ended. The zero value is ready. A Script is used by one goroutine.
type Script struct {
	err error
}

// Err is the first failure: an *Error for a JavaScript exception.
func (s *Script) Err() error { return s.err }

// fail records a failure that JavaScript did not report.
func (s *Script) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// end takes note of how an operation ended.
func (s *Script) end(err error) {
	if err != nil {
		s.err = fromGo(err)
	}
}

// Global is a property of the global object that has to be there.
func (s *Script) Global(name string) js.Value {
	value := s.Get(js.Global(), name)
	if value.IsUndefined() {
		s.fail(WithKind(errUnsupported, errors.New(name)))
	}
	return value
}

// The operations are not inlined: each has dozens of callers, and their bodies
// would make up a tenth of the glue's size.

// Get reads a property.
//
//go:noinline
func (s *Script) Get(object js.Value, name string) (value js.Value) {
	if s.err == nil {
		var err error
		value, err = object.Get(name)
		s.end(err)
	}
	return value
}

// Index reads an element.
//
//go:noinline
func (s *Script) Index(array js.Value, i int) (value js.Value) {
	if s.err == nil {
		var err error
		value, err = array.Index(i)
		s.end(err)
	}
	return value
}

// Set writes a property.
//
//go:noinline
func (s *Script) Set(object js.Value, name string, value any) {
	if s.err == nil {
		s.end(object.Set(name, value))
	}
}

// Call calls a method.
//
//go:noinline
func (s *Script) Call(object js.Value, method string, args ...any) (value js.Value) {
	if s.err == nil {
		var err error
		value, err = object.Call(method, args...)
		s.end(err)
	}
	return value
}

// New constructs an object of a global class.
func (s *Script) New(class string, args ...any) (value js.Value) {
	constructor := s.Global(class)
	if s.err == nil {
		var err error
		value, err = constructor.New(args...)
		s.end(err)
	}
	return value
}

// Await waits for a promise; see the function Await.
//
//go:noinline
func (s *Script) Await(ctx context.Context, promise js.Value) (value js.Value) {
	if s.err == nil {
		var err error
		value, err = Await(ctx, promise)
		s.end(err)
	}
	return value
}

// Int is a number.
func (s *Script) Int(value js.Value) (number int) {
	if s.err == nil {
		var err error
		number, err = value.Int()
		s.end(err)
	}
	return number
}

// Bool is a boolean.
func (s *Script) Bool(value js.Value) (truth bool) {
	if s.err == nil {
		var err error
		truth, err = value.Bool()
		s.end(err)
	}
	return truth
}

// Length is the length of an array.
func (s *Script) Length(array js.Value) (length int) {
	if s.err == nil {
		var err error
		length, err = array.Length()
		s.end(err)
	}
	return length
}

// Text is a string; another type is an error.
//
//go:noinline
func (s *Script) Text(value js.Value) (text string) {
	switch {
	case s.err != nil:
	case value.Type() != js.TypeString:
		s.err = errNotText
	default:
		var err error
		text, err = value.String()
		s.end(err)
	}
	return text
}

// Bytes copies a Uint8Array or an ArrayBuffer into Go memory.
//
//go:noinline
func (s *Script) Bytes(value js.Value) (data []byte) {
	if s.err == nil {
		var err error
		data, err = Bytes(value)
		s.end(err)
	}
	return data
}

// Uint8Array copies bytes into a new Uint8Array.
//
//go:noinline
func (s *Script) Uint8Array(data []byte) (array js.Value) {
	if s.err == nil {
		var err error
		array, err = Uint8Array(data)
		s.end(err)
	}
	return array
}

// instance reports whether value is an instance of a global class.
func (s *Script) instance(value js.Value, class string) (is bool) {
	constructor := s.Global(class)
	if s.err == nil {
		var err error
		is, err = value.InstanceOf(constructor)
		s.end(err)
	}
	return is
}
