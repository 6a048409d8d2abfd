package main

import (
	"errors"
	"fmt"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/css"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/target"
)

// column is an app that is measured: an origin and the tab that shows it.
type column struct {
	name string
	// Title and Scripts, but for what measures, are what the pages differ in.
	Title   string
	Scripts []element
	// app is the app's origin, frame the origin of its frame, where it has one.
	app, frame string
	// protects: the API has to see a token. signsIn: it comes from the
	// authorization server.
	protects, signsIn bool
	tab               *tab
}

// element is a script element of a page.
type element struct {
	Path  string
	Defer bool
}

// path is that of the column's page.
func (c *column) path() string { return "/bench/" + c.name + ".html" }

// page is the URL of the column's page.
func (c *column) page() string { return c.app + c.path() }

// open shows the page in a tab, without what chromedp has switched on: the
// network domain reports every request with its body, and costs a small request
// a third of its time and a large upload ten times its own.
func (c *column) open(tab *tab) error {
	c.tab = tab
	for _, off := range []func() error{
		func() error { _, err := call(tab, network.Disable, cdp.Empty{}); return err },
		func() error { _, err := call(tab, css.Disable, cdp.Empty{}); return err },
		func() error { _, err := call(tab, dom.Disable, cdp.Empty{}); return err },
		func() error { _, err := call(tab, target.SetAutoAttach, target.SetAutoAttachParams{}); return err },
	} {
		if err := off(); err != nil {
			return err
		}
	}
	if err := tab.visit(c.page()); err != nil {
		return err
	}
	return tab.until(`window.loaded !== undefined`)
}

// check fails unless the API sees a token from the column, or none, as it should.
func (c *column) check() error {
	seen, err := eval[struct {
		Token  bool
		Status int
	}](c.tab, `return bench.token()`)
	if err != nil {
		return err
	}
	switch {
	case seen.Status != 200:
		return fmt.Errorf("a request was answered with %d", seen.Status)
	case c.protects && !seen.Token:
		return errors.New("the API saw no token")
	case !c.protects && seen.Token:
		return errors.New("the API saw a token that nobody sent")
	}
	return nil
}

// reload leaves the page and comes back, and returns how long the page needed to
// its first answer from the API.
func (c *column) reload() (float64, error) {
	if err := c.tab.visit("about:blank"); err != nil {
		return 0, err
	}
	if err := c.tab.visit(c.page()); err != nil {
		return 0, err
	}
	if err := c.tab.until(`window.loaded !== undefined`); err != nil {
		return 0, err
	}
	return eval[float64](c.tab, `return window.loaded`)
}
