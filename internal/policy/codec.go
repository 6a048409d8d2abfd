package policy

import (
	"strconv"
	"strings"
)

// header names the format and its version. A build that changes the format
// changes it, so that a page and a binary of two builds refuse each other.
const header = "tokenvault policy 3\n"

// Encode writes a table as text that [Decode] reads back without loss.
//
// The format is a header and a sequence of netstrings ("5:hello,"), fields in the
// order of the structs, a list as its length followed by its elements. It needs
// no escaping, so nothing in a field can be taken for structure, and no
// reflection, so it costs the interceptor nothing.
func Encode(t *Table) string {
	w := &writer{}
	w.b.WriteString(header)
	w.str(t.AppOrigin)
	w.str(t.VaultOrigin)
	w.num(t.TimeoutMS)
	w.list(t.RedirectOrigins)
	w.num(int64(len(t.Clients)))
	for i := range t.Clients {
		w.client(&t.Clients[i])
	}
	return w.b.String()
}

type writer struct{ b strings.Builder }

func (w *writer) str(s string) {
	w.b.WriteString(strconv.Itoa(len(s)))
	w.b.WriteByte(':')
	w.b.WriteString(s)
	w.b.WriteByte(',')
}

func (w *writer) num(n int64) { w.str(strconv.FormatInt(n, 10)) }

func (w *writer) list(list []string) {
	w.num(int64(len(list)))
	for _, s := range list {
		w.str(s)
	}
}

func (w *writer) client(c *Client) {
	w.str(c.Name)
	w.str(c.ID)
	w.str(c.Scope)
	w.str(c.Issuer)
	for _, e := range c.endpoints() {
		w.endpoint(e)
	}
	w.list(c.Redact)
	w.num(c.RefreshBeforeMS)
	w.flag(c.DPoP)
	w.num(int64(len(c.Resources)))
	for j := range c.Resources {
		r := &c.Resources[j]
		w.str(r.Origin)
		w.str(r.Path)
		w.list(r.Methods)
		w.str(r.Indicator)
	}
	w.endpoint(c.SignIn.Authorization)
	w.flag(c.SignIn.RequireIssuer)
	w.list(c.SignIn.ReturnTo)
	w.list(c.SignIn.Claims)
	w.list(c.SignIn.Parameters)
}

func (w *writer) endpoint(e Endpoint) {
	w.str(e.Origin)
	w.str(e.Path)
	w.str(e.Query)
}

func (w *writer) flag(set bool) {
	if set {
		w.num(1)
	} else {
		w.num(0)
	}
}

// Decode reads what [Encode] wrote. It accepts one spelling of each table and nothing
// after it; every error is [ErrInvalid]. It does not check the table: a build does
// ([Table.Check]), and what a build has made is loaded by its hash.
func Decode(text string) (*Table, error) {
	rest, ok := strings.CutPrefix(text, header)
	if !ok {
		return nil, invalid("text", "not a policy table of this version")
	}
	r := &reader{rest: rest}
	t := &Table{
		AppOrigin:   r.str(),
		VaultOrigin: r.str(),
		TimeoutMS:   r.num(),

		RedirectOrigins: r.list(),
	}
	for range r.count() {
		t.Clients = append(t.Clients, r.client())
	}
	if r.err == nil && r.rest != "" {
		r.fail("text after the end")
	}
	if r.err != nil {
		return nil, r.err
	}
	return t, nil
}

// reader takes fields off the front of rest. The first fault stays in err; after
// it every field is empty and every list has no elements.
type reader struct {
	rest string
	err  error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = invalid("text", what)
	}
	r.rest = ""
}

func (r *reader) str() string {
	length, rest, ok := strings.Cut(r.rest, ":")
	if !ok {
		r.fail("field without a length")
		return ""
	}
	n, ok := decimal(length)
	if !ok || n < 0 || n >= int64(len(rest)) || rest[n] != ',' {
		r.fail("field with a wrong length")
		return ""
	}
	r.rest = rest[n+1:]
	return rest[:n]
}

func (r *reader) num() int64 {
	n, ok := decimal(r.str())
	if !ok {
		r.fail("number expected")
	}
	return n
}

func (r *reader) flag() bool {
	n := r.num()
	if n != 0 && n != 1 {
		r.fail("0 or 1 expected")
	}
	return n == 1
}

// count reads the length of a list. An element takes three bytes at least, which
// bounds what a forged length can ask for.
func (r *reader) count() int64 {
	n := r.num()
	if n < 0 || n > int64(len(r.rest)/3) {
		r.fail("list with a wrong length")
		return 0
	}
	return n
}

func (r *reader) list() []string {
	var list []string
	for range r.count() {
		list = append(list, r.str())
	}
	return list
}

func (r *reader) endpoint() Endpoint {
	return Endpoint{Origin: r.str(), Path: r.str(), Query: r.str()}
}

func (r *reader) client() Client {
	c := Client{
		Name:       r.str(),
		ID:         r.str(),
		Scope:      r.str(),
		Issuer:     r.str(),
		Token:      r.endpoint(),
		Revocation: r.endpoint(),
		UserInfo:   r.endpoint(),
		EndSession: r.endpoint(),

		SignIn: SignIn{Pushed: r.endpoint(), Keys: r.endpoint()},

		Redact:          r.list(),
		RefreshBeforeMS: r.num(),
		DPoP:            r.flag(),
	}
	for range r.count() {
		c.Resources = append(c.Resources, Rule{Origin: r.str(), Path: r.str(), Methods: r.list(), Indicator: r.str()})
	}
	c.SignIn.Authorization = r.endpoint()
	c.SignIn.RequireIssuer = r.flag()
	c.SignIn.ReturnTo = r.list()
	c.SignIn.Claims = r.list()
	c.SignIn.Parameters = r.list()
	return c
}

// decimal parses an integer in its one spelling: no sign but "-", no leading zeros. By
// hand: what strconv.ParseInt says of a text that is no number is 20 KB.
func decimal(s string) (int64, bool) {
	digits, negative := strings.CutPrefix(s, "-")
	if digits == "" || len(digits) > 19 || digits[0] == '0' && (negative || len(digits) > 1) {
		return 0, false
	}
	var n uint64
	for i := 0; i < len(digits); i++ {
		c := digits[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + uint64(c)
	}
	if negative {
		return -int64(n), n <= 1<<63
	}
	return int64(n), n < 1<<63
}
