package chromium

import (
	"context"
	"encoding/json"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// WebAssemblyMemories returns the bytes of each WebAssembly memory in the target
// of a context. It asks the debugger, as programs keep their memories private.
func WebAssemblyMemories(ctx context.Context) ([]float64, error) {
	prototype, err := chromedp.Call(ctx, runtime.Evaluate, runtime.EvaluateParams{Expression: `WebAssembly.Memory.prototype`})
	if err != nil || prototype.Result == nil {
		return nil, err
	}
	memories, err := chromedp.Call(ctx, runtime.QueryObjects, runtime.QueryObjectsParams{PrototypeObjectID: prototype.Result.ObjectID})
	if err != nil {
		return nil, err
	}
	byValue := true
	found, err := chromedp.Call(ctx, runtime.CallFunctionOn, runtime.CallFunctionOnParams{
		ObjectID: memories.Objects.ObjectID, ReturnByValue: &byValue,
		FunctionDeclaration: `function () { return this.map((memory) => memory.buffer.byteLength) }`,
	})
	if err != nil {
		return nil, err
	}
	var sizes []float64
	err = json.Unmarshal(found.Result.Value, &sizes)
	return sizes, err
}
