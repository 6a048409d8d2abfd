package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// patience is how long a single step may take.
const patience = 60 * time.Second

// tab is a target of the browser: a page, a frame with a process of its own, or
// a worker.
type tab struct{ ctx context.Context }

// openTab opens an empty tab. It lives as long as the browser.
func openTab(browser context.Context) (*tab, error) {
	ctx, stop := chromedp.NewContext(browser)
	context.AfterFunc(browser, stop)
	return &tab{ctx}, chromedp.Do(ctx)
}

// attach attaches to a target that is there.
func attach(browser context.Context, id target.ID) (*tab, error) {
	ctx, stop := chromedp.NewContext(browser, chromedp.WithTargetID(id))
	if err := chromedp.Do(ctx); err != nil {
		stop()
		return nil, err
	}
	// To stop it earlier would end the worker: it lives as long as the browser.
	context.AfterFunc(browser, stop)
	return &tab{ctx}, nil
}

// visit goes to a URL and waits for its load event.
func (t *tab) visit(url string) error {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	return chromedp.Do(ctx, chromedp.Navigate(url))
}

// call runs a command of the browser's protocol.
func call[P, R any](t *tab, command cdp.Command[P, R], params P) (R, error) {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	return chromedp.Call(ctx, command, params)
}

// eval runs the body of an async function in the page and decodes its result.
func eval[T any](t *tab, body string) (value T, err error) {
	return evalWithin[T](t, patience, body)
}

func evalWithin[T any](t *tab, limit time.Duration, body string) (value T, err error) {
	ctx, cancel := context.WithTimeout(t.ctx, limit)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](
		`(async () => {`+body+`})().then((value) => JSON.stringify(value ?? null))`, chromedp.EvalAwaitPromise))
	if err != nil {
		return value, err
	}
	return value, json.Unmarshal([]byte(text), &value)
}

// glance is the time between two looks at a condition.
const glance = 40 * time.Millisecond

// until waits for an expression of the page to be true, across navigations.
func (t *tab) until(expression string) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(glance) {
		// A page that is left may take an answer with it.
		is, err := evalWithin[bool](t, time.Second, `return Boolean(`+expression+`)`)
		if err == nil && is {
			return nil
		}
		if time.Now().After(deadline) || t.ctx.Err() != nil {
			return errors.Join(fmt.Errorf("never true: %s", expression), err)
		}
	}
}

// targetsOf lists the browser's targets of a type whose URL begins with a prefix.
func targetsOf(browser context.Context, kind, prefix string) ([]*target.Info, error) {
	infos, err := chromedp.Targets(browser)
	if err != nil {
		return nil, err
	}
	var found []*target.Info
	for _, info := range infos {
		if info.Type == kind && strings.HasPrefix(info.URL, prefix) {
			found = append(found, info)
		}
	}
	return found, nil
}
