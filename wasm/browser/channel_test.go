//go:build js && wasm

package browser_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenvault/wasm/browser"
)

// openChannel opens a channel whose messages come out of a Go channel.
func openChannel(t testing.TB, name string) (*browser.Channel, <-chan string) {
	t.Helper()
	messages := make(chan string)
	channel, err := browser.NewChannel(name, func(message string) { messages <- message })
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, channel.Close()) })
	return channel, messages
}

func TestChannelReachesTheOthersInOrder(t *testing.T) {
	sender, own := openChannel(t, t.Name())
	_, first := openChannel(t, t.Name())
	_, second := openChannel(t, t.Name())
	_, elsewhere := openChannel(t, t.Name()+" of another name")

	const count = 20
	for i := range count {
		require.NoError(t, sender.Publish(strconv.Itoa(i)))
	}
	for i := range count {
		require.Equal(t, strconv.Itoa(i), <-first)
		require.Equal(t, strconv.Itoa(i), <-second)
	}
	select {
	case message := <-own:
		t.Errorf("the sender received %q", message)
	case message := <-elsewhere:
		t.Errorf("another channel received %q", message)
	default:
	}
}

func TestChannelDropsWhatIsNotAText(t *testing.T) {
	_, messages := openChannel(t, t.Name())
	var script browser.Script
	raw := script.New("BroadcastChannel", t.Name())
	script.Call(raw, "postMessage", 7)
	script.Call(raw, "postMessage", map[string]any{"data": "text"})
	script.Call(raw, "postMessage", "text")
	require.NoError(t, script.Err())
	require.Equal(t, "text", <-messages)
	script.Call(raw, "close")
	require.NoError(t, script.Err())
}

func TestChannelClosed(t *testing.T) {
	sender, _ := openChannel(t, t.Name())
	closed, messages := openChannel(t, t.Name())
	_, witness := openChannel(t, t.Name())

	require.NoError(t, closed.Close())
	require.NoError(t, closed.Close(), "closing again does nothing")
	require.ErrorIs(t, closed.Publish("too late"), browser.ErrInvalidState)

	require.NoError(t, sender.Publish("news"))
	require.Equal(t, "news", <-witness)
	nextTask(t)
	select {
	case message := <-messages:
		t.Errorf("a closed channel received %q", message)
	default:
	}
}
