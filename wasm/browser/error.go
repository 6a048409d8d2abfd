//go:build js && wasm

package browser

import (
	"tokenvault/wasm/js"
)

// Names of DOMExceptions that callers tell apart by errors.Is.
var (
	// ErrAborted is an operation that was called off (AbortError).
	ErrAborted error = &Error{Name: "AbortError"}
	// ErrQuotaExceeded is an origin that has no storage left (QuotaExceededError).
	ErrQuotaExceeded error = &Error{Name: "QuotaExceededError"}
	// ErrInvalidState is an object that was used after its end (InvalidStateError).
	ErrInvalidState error = &Error{Name: "InvalidStateError"}
	// ErrConstraint is a key that the object store has already (ConstraintError).
	ErrConstraint error = &Error{Name: "ConstraintError"}
	// ErrOperation is how WebCrypto says that decryption failed (OperationError).
	ErrOperation error = &Error{Name: "OperationError"}
)

// Error is a JavaScript exception or rejection.
//
// Message is the browser's wording, and may quote what the browser was given:
// JSON.parse quotes its input, for one. It is for the vault's eyes and must not
// travel to the app.
type Error struct {
	Name    string // of an Error or DOMException; empty for another thrown value
	Message string
}

// Error implements error.
func (e *Error) Error() string {
	switch {
	case e.Name == "":
		return "javascript: " + e.Message
	case e.Message == "":
		return "javascript: " + e.Name
	default:
		return "javascript: " + e.Name + ": " + e.Message
	}
}

// Is reports whether target is an Error of the same name. The wording differs
// from browser to browser and says nothing about what kind of error it is.
func (e *Error) Is(target error) bool {
	named, ok := target.(*Error)
	return ok && named.Name != "" && named.Name == e.Name
}

// AsError describes a value that was thrown, or that a promise was rejected with.
func AsError(thrown js.Value) *Error {
	if thrown.Type() == js.TypeObject {
		return &Error{Name: textMember(thrown, "name"), Message: textMember(thrown, "message")}
	}
	message, err := thrown.String()
	if err != nil {
		message = "a thrown value without a text"
	}
	return &Error{Message: message}
}

// textMember is a string property of an object that may be anything: scripts can
// throw objects whose properties are missing, of another type, or throw again.
func textMember(object js.Value, name string) string {
	value, err := object.Get(name)
	if err != nil || value.Type() != js.TypeString {
		return ""
	}
	text, err := value.String()
	if err != nil {
		return ""
	}
	return text
}

// fromGo makes an *Error of an exception that package js caught. Other errors, such
// as the use of a value of the wrong type, stay what they are.
func fromGo(err error) error {
	if thrown, ok := js.Thrown(err); ok {
		return AsError(thrown)
	}
	return err
}

// kindError adds a sentinel that callers know to the error that caused it.
type kindError struct {
	kind, cause error
}

// WithKind returns an error that is both kind and cause to errors.Is.
//
//go:noinline
func WithKind(kind, cause error) error { return &kindError{kind: kind, cause: cause} }

// Error implements error.
func (e *kindError) Error() string { return e.kind.Error() + ": " + e.cause.Error() }

// Unwrap lets errors.Is and errors.As see both.
func (e *kindError) Unwrap() []error { return []error{e.kind, e.cause} }
