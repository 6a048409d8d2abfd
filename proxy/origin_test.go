package proxy

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/policy"
	"tokenvault/internal/protocol"
	"tokenvault/internal/secret"
)

// What follows is a vault origin in memory: one store, one set of locks, one bus
// and one clock, and as many frames as a test opens.

const (
	appOrigin = "https://app.example.com"
	tokenURL  = "https://auth.example.com/token"
	revokeURL = "https://auth.example.com/revoke"
	endURL    = "https://auth.example.com/logout"
	apiURL    = "https://api.example.com/v1/items"

	storageOrigin = "https://storage.example.net"
)

// testTable has two clients at one authorization server.
func testTable() *policy.Table {
	at := func(path string) policy.Endpoint {
		return policy.Endpoint{Origin: "https://auth.example.com", Path: path}
	}
	client := func(name, id, resources string, redact ...string) policy.Client {
		return policy.Client{
			Name: name, ID: id, Scope: "openid", Issuer: "https://auth.example.com",
			Token: at("/token"), Revocation: at("/revoke"), UserInfo: at("/userinfo"), EndSession: at("/logout"),
			Redact: redact, RefreshBeforeMS: 30_000,
			Resources: []policy.Rule{{Origin: "https://api.example.com", Path: resources, Methods: []string{"GET", "POST"}}},
		}
	}
	other := client("other", "spa2", "/v2/*", "access_token", "refresh_token", "id_token")
	other.Resources = append(other.Resources, policy.Rule{Origin: "https://files.example.com", Path: "/v2/*", Methods: []string{"GET"}})
	return &policy.Table{
		AppOrigin: appOrigin, VaultOrigin: "https://vault.example.com", TimeoutMS: 30_000,
		RedirectOrigins: []string{storageOrigin},
		Clients: []policy.Client{
			client("main", "spa", "/v1/*", "access_token", "refresh_token"),
			other,
		},
	}
}

type origin struct {
	store  *memoryStore
	locks  *lockTable
	server *authServer
	crypto *nativeCrypto
	table  *policy.Table

	mu     sync.Mutex
	now    time.Time
	frames []*frame
}

func newOrigin(t testing.TB) *origin {
	t.Helper()
	o := &origin{
		store:  &memoryStore{records: map[string][]byte{}},
		locks:  &lockTable{locks: map[string]*lockState{}},
		crypto: &nativeCrypto{keys: map[string]*ecdsa.PrivateKey{}},
		table:  testTable(),
		now:    time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
	}
	o.server = &authServer{t: t, lifetime: 3600}
	return o
}

func (o *origin) clock() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

// advance moves the wall clock, back as well.
func (o *origin) advance(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now = o.now.Add(d)
}

// frame is one vault frame: a Proxy and what drives it.
type frame struct {
	*Proxy
	origin *origin
	lastID atomic.Uint32

	mu     sync.Mutex
	frozen bool     // hears nothing
	inbox  []string // what is under way to it
	events []string
}

// receive takes a message, to be heard soon and in its order.
func (f *frame) receive(message string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.frozen {
		return
	}
	f.inbox = append(f.inbox, message)
	if len(f.inbox) == 1 {
		go f.deliver()
	}
}

func (f *frame) deliver() {
	for {
		f.mu.Lock()
		message := f.inbox[0]
		f.mu.Unlock()
		f.Heard(message)
		f.mu.Lock()
		f.inbox = f.inbox[1:]
		empty := len(f.inbox) == 0
		f.mu.Unlock()
		if empty {
			return
		}
	}
}

func (o *origin) open() *frame {
	f := &frame{origin: o}
	f.Proxy = New(o.table, Browser{
		Store: o.store, Sealer: xorSealer{}, Locker: o.locks, Fetcher: o.server, Bus: bus{f}, Clock: o.clock, Crypto: o.crypto,
	}, func(event Event) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.events = append(f.events, strings.Join(append([]string{event.Client, event.Name}, event.Details...), " "))
	})
	o.mu.Lock()
	defer o.mu.Unlock()
	o.frames = append(o.frames, f)
	return f
}

func (f *frame) heard() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.events...)
}

func (f *frame) freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.frozen = true
}

type bus struct{ from *frame }

var _ Bus = bus{}

func (b bus) Publish(message string) error {
	o := b.from.origin
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, f := range o.frames {
		if f != b.from {
			f.receive(message)
		}
	}
	return nil
}

// memoryStore is a Store that fails when told to.
type memoryStore struct {
	mu                          sync.Mutex
	records                     map[string][]byte
	loadErr, saveErr, deleteErr error
	loads, saves, deletes       int
}

var _ Store = (*memoryStore)(nil)

var errDisk = errors.New("disk is full")

func (s *memoryStore) Load(ctx context.Context, name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loads++
	if err := errors.Join(s.loadErr, ctx.Err()); err != nil {
		return nil, err
	}
	return s.records[name], nil
}

func (s *memoryStore) Save(ctx context.Context, name string, record []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := errors.Join(s.saveErr, ctx.Err()); err != nil {
		return err
	}
	s.saves++
	s.records[name] = record
	return nil
}

func (s *memoryStore) Delete(ctx context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := errors.Join(s.deleteErr, ctx.Err()); err != nil {
		return err
	}
	s.deletes++
	delete(s.records, name)
	return nil
}

func (s *memoryStore) fail(load, save, remove error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loadErr, s.saveErr, s.deleteErr = load, save, remove
}

func (s *memoryStore) record(name string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records[name]
}

func (s *memoryStore) put(name string, record []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records[name] = record
}

// xorSealer hides the plaintext and checks the additional data; it is no cipher.
type xorSealer struct{}

var _ Sealer = xorSealer{}

func flip(data []byte) []byte {
	out := make([]byte, len(data))
	for i, b := range data {
		out[i] = b ^ 0x5a
	}
	return out
}

func (xorSealer) Seal(_ context.Context, plaintext, additional []byte) ([]byte, error) {
	return append(protocol.Pack(nil, string(additional)), flip(plaintext)...), nil
}

func (xorSealer) Open(_ context.Context, sealed, additional []byte) ([]byte, error) {
	rest, ok := bytes.CutPrefix(sealed, protocol.Pack(nil, string(additional)))
	if !ok {
		return nil, errors.New("not sealed for this place")
	}
	return flip(rest), nil
}

// lockTable is a Locker with the rules of Web Locks: first come, first served.
type lockTable struct {
	mu    sync.Mutex
	locks map[string]*lockState
}

type lockState struct {
	shared    int
	exclusive bool
	queue     []*lockRequest
}

type lockRequest struct {
	mode    LockMode
	granted chan struct{}
}

var _ Locker = (*lockTable)(nil)

func (l *lockTable) Lock(ctx context.Context, name string, mode LockMode) (func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	request := &lockRequest{mode, make(chan struct{})}
	l.mu.Lock()
	state := l.locks[name]
	if state == nil {
		state = &lockState{}
		l.locks[name] = state
	}
	state.queue = append(state.queue, request)
	state.grant()
	l.mu.Unlock()
	release := sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if mode == Exclusive {
			state.exclusive = false
		} else {
			state.shared--
		}
		state.grant()
	})
	select {
	case <-request.granted:
		return release, nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	for i, waiting := range state.queue {
		if waiting == request {
			state.queue = append(state.queue[:i:i], state.queue[i+1:]...)
			state.grant()
			l.mu.Unlock()
			return nil, ctx.Err()
		}
	}
	l.mu.Unlock()
	release() // granted at that very moment
	return nil, ctx.Err()
}

func (s *lockState) grant() {
	for len(s.queue) > 0 {
		request := s.queue[0]
		if s.exclusive || request.mode == Exclusive && s.shared > 0 {
			return
		}
		if request.mode == Exclusive {
			s.exclusive = true
		} else {
			s.shared++
		}
		s.queue = s.queue[1:]
		close(request.granted)
	}
}

// held lists the locks that somebody holds.
func (l *lockTable) held() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var names []string
	for name, state := range l.locks {
		if state.exclusive || state.shared > 0 {
			names = append(names, name)
		}
	}
	return names
}

// nativeCrypto is a Crypto of the standard library, with the keys of the origin.
type nativeCrypto struct {
	mu   sync.Mutex
	keys map[string]*ecdsa.PrivateKey
	err  error // of everything that has to wait
}

var _ Crypto = (*nativeCrypto)(nil)

func (c *nativeCrypto) Random(count int) ([]byte, error) {
	out := make([]byte, count)
	_, err := rand.Read(out)
	return out, err
}

func (c *nativeCrypto) Digest(ctx context.Context, name string, data []byte) ([]byte, error) {
	if err := errors.Join(c.failure(), ctx.Err()); err != nil {
		return nil, err
	}
	hash := map[string]crypto.Hash{"SHA-256": crypto.SHA256, "SHA-384": crypto.SHA384, "SHA-512": crypto.SHA512}[name].New()
	hash.Write(data)
	return hash.Sum(nil), nil
}

func (c *nativeCrypto) Verify(ctx context.Context, alg, jwk string, signature, signed []byte) (bool, error) {
	if err := errors.Join(c.failure(), ctx.Err()); err != nil {
		return false, err
	}
	key, err := publicKey(jwk)
	if err != nil {
		return false, err
	}
	return jwt.GetSigningMethod(alg).Verify(string(signed), signature, key) == nil, nil
}

// publicKey reads a JWK of an elliptic curve P-256 or of RSA.
func publicKey(text string) (any, error) {
	var jwk struct{ Kty, X, Y, N, E string }
	if err := json.Unmarshal([]byte(text), &jwk); err != nil {
		return nil, err
	}
	var failed error
	decode := func(text string) []byte {
		data, err := base64.RawURLEncoding.DecodeString(text)
		failed = errors.Join(failed, err)
		return data
	}
	if jwk.Kty == "RSA" {
		key := &rsa.PublicKey{N: new(big.Int).SetBytes(decode(jwk.N)), E: int(new(big.Int).SetBytes(decode(jwk.E)).Int64())}
		return key, failed
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, decode(jwk.X)...), decode(jwk.Y)...))
	return key, errors.Join(failed, err)
}

func (c *nativeCrypto) ProofKey(ctx context.Context, client string) (ProofKey, error) {
	if err := errors.Join(c.failure(), ctx.Err()); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys[client] == nil {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		c.keys[client] = key
	}
	return nativeKey{c.keys[client]}, nil
}

func (c *nativeCrypto) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *nativeCrypto) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

type nativeKey struct{ *ecdsa.PrivateKey }

func (k nativeKey) Public() (x, y string) {
	point, err := k.PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(point[1:33]), base64.RawURLEncoding.EncodeToString(point[33:])
}

func (k nativeKey) Sign(_ context.Context, data []byte) ([]byte, error) {
	return jwt.SigningMethodES256.Sign(string(data), k.PrivateKey)
}

// authServer is a Fetcher that answers as an authorization server with rotating
// refresh tokens. Its fields, set before the requests, bend it.
type authServer struct {
	t        testing.TB
	lifetime int
	kind     string // token_type; "" is Bearer
	// answer, if set, is asked first; the status 0 passes the request on.
	answer func(ctx context.Context, request FetchRequest) (FetchResponse, error)

	mu       sync.Mutex
	issued   int
	live     string   // the refresh token that is good now
	granted  []string // to which resource each access token was issued, "" for none
	requests []FetchRequest
}

var _ Fetcher = (*authServer)(nil)

func jsonResponse(status int, body string) FetchResponse {
	return FetchResponse{Status: status, StatusText: "As Is", Headers: []string{"content-type", "application/json"}, Body: []byte(body)}
}

func (s *authServer) Fetch(ctx context.Context, request FetchRequest) (FetchResponse, error) {
	s.mu.Lock()
	s.requests = append(s.requests, request)
	answer := s.answer
	s.mu.Unlock()
	if answer != nil {
		if response, err := answer(ctx, request); err != nil || response.Status != 0 {
			return response, err
		}
	}
	if err := ctx.Err(); err != nil {
		return FetchResponse{}, err
	}
	parameters, err := parseForm(string(request.Body))
	require.NoError(s.t, err)
	switch request.URL {
	case tokenURL:
		return s.token(parameters), nil
	default:
		return FetchResponse{Status: 200}, nil
	}
}

func (s *authServer) token(parameters form) FetchResponse {
	s.mu.Lock()
	defer s.mu.Unlock()
	if grant, _ := parameters.get("grant_type"); grant == "refresh_token" {
		if token, _ := parameters.get("refresh_token"); token != s.live {
			return jsonResponse(400, `{"error":"invalid_grant"}`)
		}
	}
	resource, _ := parameters.get("resource")
	s.granted = append(s.granted, resource)
	s.issued++
	s.live = refreshToken(s.issued)
	reply := tokenReply(s.issued, s.lifetime)
	if s.kind != "" {
		reply = strings.Replace(reply, "Bearer", s.kind, 1)
	}
	return jsonResponse(200, reply)
}

func accessToken(n int) string  { return fmt.Sprintf("access-token-%04d", n) }
func refreshToken(n int) string { return fmt.Sprintf("refresh-token-%04d", n) }
func idToken(n int) string      { return fmt.Sprintf("id-token-%04d", n) }

func tokenReply(n, lifetime int) string {
	return fmt.Sprintf(`{"access_token":%q,"refresh_token":%q,"id_token":%q,"token_type":"Bearer","expires_in":%d,"scope":"openid"}`,
		accessToken(n), refreshToken(n), idToken(n), lifetime)
}

// bend sets what answers from now on.
func (s *authServer) bend(answer func(ctx context.Context, request FetchRequest) (FetchResponse, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// always answers each token request alike, and no other.
func always(response FetchResponse, err error) func(context.Context, FetchRequest) (FetchResponse, error) {
	return func(_ context.Context, request FetchRequest) (FetchResponse, error) {
		if request.URL != tokenURL {
			return FetchResponse{}, nil
		}
		return response, err
	}
}

// asked returns the requests to a URL so far, their bodies parsed.
func (s *authServer) asked(url string) []form {
	s.mu.Lock()
	defer s.mu.Unlock()
	var bodies []form
	for _, request := range s.requests {
		if base, query, _ := strings.Cut(request.URL, "?"); base == url {
			text := string(request.Body)
			if text == "" {
				text = query
			}
			body, err := parseForm(text)
			require.NoError(s.t, err)
			bodies = append(bodies, body)
		}
	}
	return bodies
}

// refreshes counts the refresh requests.
func (s *authServer) refreshes() int {
	count := 0
	for _, body := range s.asked(tokenURL) {
		if grant, _ := body.get("grant_type"); grant == "refresh_token" {
			count++
		}
	}
	return count
}

// request is one of the app's.
type request struct {
	method, url string
	headers     string // name\nvalue\n…
	body        string
}

// targetOf takes a URL of the test apart. The browser's parser, which does that
// in the vault, leaves these as they are.
func targetOf(url string) Target {
	rest := strings.TrimPrefix(url, "https://")
	host, path, _ := strings.Cut(rest, "/")
	path, query, _ := strings.Cut("/"+path, "?")
	return Target{Href: url, Origin: "https://" + host, Path: path, Query: query}
}

func (r request) pairs() []string {
	method := r.method
	if method == "" {
		method = "GET"
	}
	return []string{"v", "1", "type", "fetch", "id", "7", "method", method, "url", r.url, "headers", r.headers, "credentials", "omit"}
}

// start sends a request as far as Go decides it by itself: to a Send or an
// answer for the app.
func (f *frame) start(ctx context.Context, r request) (uint32, Answer) {
	id := f.lastID.Add(1)
	answer := f.Begin(id, targetOf(r.url), r.pairs())
	for answer.Action == AwaitBody {
		answer = f.Settle(ctx, id, []byte(r.body))
	}
	return id, f.settle(ctx, id, answer)
}

// settle waits for what an answer leaves open.
func (f *frame) settle(ctx context.Context, id uint32, answer Answer) Answer {
	for answer.Action == Await {
		answer = f.Settle(ctx, id, nil)
	}
	return answer
}

// do is start for a request that ends there.
func (f *frame) do(ctx context.Context, r request) Answer {
	id, answer := f.start(ctx, r)
	f.End(id)
	return answer
}

// get requests the protected resource.
func (f *frame) get(ctx context.Context) Answer { return f.do(ctx, request{url: apiURL}) }

const formHeader = "content-type\napplication/x-www-form-urlencoded\n"

// post sends a form.
func (f *frame) post(ctx context.Context, url, body string) Answer {
	return f.do(ctx, request{method: "POST", url: url, headers: formHeader, body: body})
}

const signInForm = "grant_type=authorization_code&code=c&code_verifier=v&redirect_uri=https%3A%2F%2Fapp.example.com%2Fcb&client_id=spa"

// signIn signs the first client in.
func (f *frame) signIn(t testing.TB) {
	t.Helper()
	f.signInAs(t, "spa")
}

// signInAs signs the client with this client_id in.
func (f *frame) signInAs(t testing.TB, id string) {
	t.Helper()
	answer := f.post(t.Context(), tokenURL, strings.Replace(signInForm, "client_id=spa", "client_id="+id, 1))
	require.Equal(t, 200, answer.Status, "%s", answer.Body)
}

// signedIn is an origin with one frame, in which the first client is signed in.
func signedIn(t testing.TB) (*origin, *frame) {
	t.Helper()
	origin := newOrigin(t)
	frame := origin.open()
	frame.signIn(t)
	return origin, frame
}

// expired is signedIn two hours ago, for tokens that live one.
func expired(t testing.TB) (*origin, *frame) {
	t.Helper()
	origin, frame := signedIn(t)
	origin.advance(2 * time.Hour)
	return origin, frame
}

// aboutToExpire is signedIn so long ago that the token is to be renewed, and still
// good for twenty seconds.
func aboutToExpire(t testing.TB) (*origin, *frame) {
	t.Helper()
	origin, frame := signedIn(t)
	origin.advance(time.Hour - 20*time.Second)
	return origin, frame
}

// bearer returns the token that a Send carries, "" for any other answer.
func bearer(answer Answer) string { return credentials(answer, "Bearer ") }

func credentials(answer Answer, scheme string) string {
	if answer.Action != Send {
		return ""
	}
	token, _ := strings.CutPrefix(header(answer.Headers, "authorization"), scheme)
	return token
}

// requireRefusal checks the shape of the vault's own errors.
func requireRefusal(t testing.TB, answer Answer, status int, code protocol.Code) {
	t.Helper()
	require.Equal(t, Reply, answer.Action, "%v: %s", answer.Action, answer.Body)
	require.Equal(t, status, answer.Status, "%s", answer.Body)
	require.Contains(t, string(answer.Body), `{"error":"`+string(code)+`","message":"`)
}

// stored returns the client's session as it is in the store.
func (o *origin) stored(t testing.TB, client string) *session {
	t.Helper()
	_, current, err := o.sessions().read(t.Context(), client)
	require.NoError(t, err)
	return current
}

// sealed is the client's session as the store keeps it.
func (o *origin) sealed(t testing.TB, client string, s *session) []byte {
	t.Helper()
	return o.sealedPlain(t, client, append(o.sessions().owner(client), s.encode()...))
}

// sealedPlain seals what may be no session.
func (o *origin) sealedPlain(t testing.TB, client string, plain []byte) []byte {
	t.Helper()
	record, err := xorSealer{}.Seal(t.Context(), plain, additionalData(client))
	require.NoError(t, err)
	return record
}

func (o *origin) sessions() *sessions {
	return newSessions(o.table, Browser{Store: o.store, Sealer: xorSealer{}, Clock: o.clock})
}

// deploy has the frames and pages that are opened from now on be of another
// deployment.
func (o *origin) deploy(change func(*policy.Table)) {
	next := *o.table
	next.Clients = slices.Clone(next.Clients)
	o.table = &next
	change(o.table)
}

// call performs a call of the page.
func (f *frame) call(ctx context.Context, operation, client string) []string {
	pairs := []string{"v", "1", "type", "call", "call", operation}
	if client != "" {
		pairs = append(pairs, "client", client)
	}
	return f.Call(ctx, pairs)
}

func secretOf(value string) secret.String { return secret.New(value) }
