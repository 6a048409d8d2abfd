package proxy

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"tokenvault/internal/base64url"
	"tokenvault/internal/protocol"
	"tokenvault/internal/secret"
)

// transactionLifetime is how long a window may take from the page that begins a
// sign-in or sign-out to the one that ends it.
const transactionLifetime = 10 * time.Minute

// maxTransactions bounds those that are open at once. When one more begins at the
// server, the oldest goes.
const maxTransactions = 16

// transaction is what the vault remembers while the user is elsewhere, most often at the
// authorization server. It is good for one answer.
type transaction struct {
	id      string // state of the requests to the server, or what a page of the vault knows it by
	purpose string
	owner   string // ownerOf the client
	begun   string // a timestamp
	// request is the app's, in the form of loginRequest: it says where to return to,
	// and can be made again.
	request string

	nonce, verifier secret.String // of a sign-in
	// session is what an account change would store, or what a sign-out still has to
	// revoke; nil else.
	session *session
}

// Purposes of a transaction: what its id may be used for.
const (
	purposeSignIn        = "sign-in"
	purposeAccountChange = "account-change" // waits for the user's word
	purposeSignOut       = "sign-out"       // waits for the page that goes on to the server
	purposeSignedOut     = "signed-out"
)

// errUnknownTransaction is an id that was never given, was used, or is too old.
var errUnknownTransaction = errors.New("no such sign-in is under way")

const (
	transactionsName = "transactions"
	transactionsLock = "tokenvault-transactions"
)

// requestOf returns what the app has asked for. With an error it is of a deployment
// before this one: nothing of it may go to the server that the client has now.
func (p *Pages) requestOf(t transaction) (loginRequest, error) {
	request, err := p.parseLogin(t.request)
	if err == nil && string(ownerOf(request.client)) != t.owner {
		err = errUnknownTransaction
	}
	return request, err
}

// random256 makes what nobody can guess: 256 bits, encoded.
func (p *Proxy) random256() (string, error) {
	random, err := p.crypto.Random(32)
	return base64url.Encode(random), err
}

// newTransaction makes one that begins now.
func (p *Proxy) newTransaction(purpose string, request loginRequest, of *session) (transaction, error) {
	id, err := p.random256()
	return transaction{
		id: id, purpose: purpose, owner: string(ownerOf(request.client)),
		begun: timestamp(p.clock()), request: request.encode(), session: of,
	}, err
}

// is reports whether an id means this transaction, and for this.
func (t *transaction) is(id, purpose string, now time.Time) bool {
	return t.id == id && t.purpose == purpose && isCurrent(t.begun, now)
}

// take returns a transaction and forgets it, in one step.
func (p *Pages) take(ctx context.Context, id, purpose string) (found transaction, err error) {
	ctx, cancel := within(ctx, p.proxy.timeout())
	defer cancel()
	err = p.proxy.editTransactions(ctx, func(all []transaction) (others []transaction) {
		for _, each := range all {
			switch {
			case each.id != id || each.purpose != purpose:
				others = append(others, each)
			case isCurrent(each.begun, p.proxy.clock()):
				found = each
			case each.session != nil: // remember sees to its end
				others = append(others, each)
			}
		}
		return others
	})
	if err == nil && found.id == "" {
		err = errUnknownTransaction
	}
	return found, err
}

// remember keeps a transaction. It returns when that is durable. Those that are too old,
// or from a time to come, go then, and those that are too many: nobody uses what they
// hold any more. That is when something begins; while it is under way the server may not
// hear of the end of what it rests on.
func (p *Pages) remember(ctx context.Context, next transaction) error {
	var dropped []transaction
	err := p.proxy.editTransactions(ctx, func(all []transaction) []transaction {
		open, old := openAmong(all, p.proxy.clock())
		open = append(open, next)
		excess := max(0, len(open)-maxTransactions)
		dropped = append(old, open[:excess]...)
		return open[excess:]
	})
	if err == nil {
		p.discardOf(dropped)
	}
	return err
}

// lookUp returns a transaction, and leaves it open.
func (p *Pages) lookUp(ctx context.Context, id, purpose string) (transaction, error) {
	ctx, cancel := within(ctx, p.proxy.timeout())
	defer cancel()
	record, err := p.proxy.sessions.get(ctx, transactionsName)
	if err != nil && !errors.Is(err, errUnreadable) {
		return transaction{}, err
	}
	for _, each := range decodeTransactions(record) {
		if each.is(id, purpose, p.proxy.clock()) {
			return each, nil
		}
	}
	return transaction{}, errUnknownTransaction
}

// openAmong tells the transactions that can still be answered from the others.
func openAmong(all []transaction, now time.Time) (open, old []transaction) {
	for _, t := range all {
		if isCurrent(t.begun, now) {
			open = append(open, t)
		} else {
			old = append(old, t)
		}
	}
	return open, old
}

// editTransactions replaces the transactions of all windows: one sealed record, under a
// lock that the windows share.
func (p *Proxy) editTransactions(ctx context.Context, edit func(all []transaction) []transaction) error {
	unlock, err := p.sessions.locker.Lock(ctx, transactionsLock, Exclusive)
	if err != nil {
		return err
	}
	defer unlock()
	record, err := p.sessions.get(ctx, transactionsName)
	if errors.Is(err, errUnreadable) {
		record = nil // of another key: nothing in it can be used any more
	} else if err != nil {
		return err
	}
	return p.sessions.put(ctx, transactionsName, encodeTransactions(edit(decodeTransactions(record))))
}

// discardOf discards the tokens of account changes that nobody can confirm any more,
// and of sign-outs that nobody came back from. It waits for that, since the page is about
// to go on, and no longer than one takes.
func (p *Pages) discardOf(dropped []transaction) {
	var all sync.WaitGroup
	for _, t := range dropped {
		if request, err := p.requestOf(t); err == nil && t.session != nil {
			all.Go(func() { p.proxy.discard(request.client, t.session) })
		}
	}
	all.Wait()
}

// isCurrent reports whether a transaction that began then can still be answered. A
// clock that was set back a little does not matter.
func isCurrent(begun string, now time.Time) bool {
	ms, ok := number(begun)
	age := now.Sub(time.UnixMilli(ms))
	return ok && -transactionLifetime < age && age < transactionLifetime
}

// timestamp writes a time as number reads it, in milliseconds.
func timestamp(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) }

func encodeTransactions(all []transaction) []byte {
	var fields []string
	for _, t := range all {
		offered := ""
		if t.session != nil {
			offered = string(t.session.encode())
		}
		fields = append(
			fields, t.id, t.purpose, t.owner, t.begun, t.request,
			t.nonce.Expose(),    // EXPOSE: sealed before it is stored
			t.verifier.Expose(), // EXPOSE: sealed before it is stored
			offered,
		)
	}
	return protocol.Pack(nil, fields...)
}

func decodeTransactions(record []byte) (all []transaction) {
	const width = 8
	fields, _ := protocol.Unpack(record)
	for ; len(fields) >= width; fields = fields[width:] {
		t := transaction{
			id: fields[0], purpose: fields[1], owner: fields[2], begun: fields[3], request: fields[4],
			nonce: secret.New(fields[5]), verifier: secret.New(fields[6]),
		}
		if fields[7] != "" || t.purpose == purposeAccountChange {
			var err error
			if t.session, err = decodeSession([]byte(fields[7])); err != nil {
				continue // of another version
			}
		}
		all = append(all, t)
	}
	return all
}
