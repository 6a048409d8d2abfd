//go:build js && wasm

package vault

import "tokenvault/wasm/js"

// Host is the object that a script offers its program: tokenvaultHost.
type Host struct{ object js.Value }

// MeetHost finds the host and gives it wake, which lives as long as the program does.
func MeetHost() (Host, error) {
	object, err := js.Global().Get("tokenvaultHost")
	if err != nil {
		return Host{}, err
	}
	wake, err := js.FuncOf(func(js.Value, []js.Value) any { return nil })
	if err != nil {
		return Host{}, err
	}
	return Host{object}, object.Set("wake", wake)
}

// Settled hands the answer at this address to JavaScript, which reads it before it
// returns. id is the number of the work that is done.
func (h Host) Settled(id, address uint32) { h.Call("settled", id, address) }

// Call calls a function of the host. One that throws is a fault of ours which nothing
// here can mend; it is on the console already.
func (h Host) Call(name string, args ...any) {
	if _, err := h.object.Call(name, args...); err != nil {
		println("Token Vault: " + name + " failed: " + err.Error())
	}
}
