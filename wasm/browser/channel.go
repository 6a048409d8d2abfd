//go:build js && wasm

package browser

import (
	"sync"

	"tokenvault/wasm/js"

	"tokenvault/proxy"
)

// Channel is a BroadcastChannel: it reaches every other frame, tab and worker of
// this origin that has a channel of the same name, and not the sender itself.
type Channel struct {
	object  js.Value
	events  js.Func // owned by the Channel; Close releases it
	inbox   *inbox
	closing sync.Once
}

var _ proxy.Bus = (*Channel)(nil)

// NewChannel opens the channel. onMessage is called with each text that arrives,
// one after the other and in order, on a goroutine of its own; so it may block.
// What is not a text is dropped.
func NewChannel(name string, onMessage func(string)) (*Channel, error) {
	c := &Channel{inbox: newInbox()}
	var script Script
	c.object = script.New("BroadcastChannel", name)
	if err := script.Err(); err != nil {
		return nil, err
	}
	events, err := js.FuncOf(c.receive)
	if err != nil {
		return nil, err
	}
	c.events = events
	script.Set(c.object, "onmessage", events)
	if err := script.Err(); err != nil {
		events.Release()
		return nil, err
	}
	go c.inbox.deliver(onMessage)
	return c, nil
}

// receive is the callback for message events.
func (c *Channel) receive(_ js.Value, args []js.Value) any {
	var script Script
	if text := script.Text(script.Get(args[0], "data")); script.Err() == nil {
		c.inbox.put(text)
	}
	return nil
}

// Publish implements proxy.Bus. On a closed channel it is ErrInvalidState.
func (c *Channel) Publish(message string) error {
	var script Script
	script.Call(c.object, "postMessage", message)
	return script.Err()
}

// Close leaves the channel: no message is received any more, though one that had
// arrived may still be delivered. Further calls do nothing.
func (c *Channel) Close() error {
	var script Script
	c.closing.Do(func() {
		script.Set(c.object, "onmessage", js.Null())
		script.Call(c.object, "close")
		c.events.Release()
		c.inbox.close()
	})
	return script.Err()
}

// inbox is a queue without a limit between a callback, which may not block, and
// the goroutine that delivers. A frame has few events to tell, all of our own
// origin, so a limit would only be a way to lose one.
type inbox struct {
	mu     sync.Mutex
	filled *sync.Cond // on mu
	queue  []string
	closed bool
}

func newInbox() *inbox {
	i := new(inbox)
	i.filled = sync.NewCond(&i.mu)
	return i
}

// put never waits for the delivery: the lock is held for a few instructions only.
func (i *inbox) put(message string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.queue = append(i.queue, message)
	i.filled.Signal()
}

// close ends deliver once the queue is empty.
func (i *inbox) close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.closed = true
	i.filled.Signal()
}

// deliver hands out what is in the queue until the inbox is closed.
func (i *inbox) deliver(onMessage func(string)) {
	for {
		message, ok := i.take()
		if !ok {
			return
		}
		onMessage(message)
	}
}

// take waits for the next message; false when there will be none.
func (i *inbox) take() (string, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for len(i.queue) == 0 {
		if i.closed {
			return "", false
		}
		i.filled.Wait()
	}
	message := i.queue[0]
	i.queue = i.queue[1:]
	return message, true
}
