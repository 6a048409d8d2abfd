package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// withDPoP binds the tokens of the client that the vault signs in. It has the part of
// the API whose paths are those that the API sees, as a proof names them.
func withDPoP(o *demo.Options) {
	configure := o.Configure
	o.Configure = func(c *demo.Configuration) {
		if configure != nil {
			configure(c)
		}
		c.Clients[2].DPoP = true
		c.Clients[0].Resources, c.Clients[2].Resources = c.Clients[2].Resources, c.Clients[0].Resources
	}
	o.AuthServer = func(a *devidp.Options) { a.Clients[2].RequireDPoP = true }
}

// attackersProof is a proof (RFC 9449 §4.2) by a key of the attacker's own.
func attackersProof(t testing.TB, target, token string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	point, err := key.PublicKey.Bytes()
	require.NoError(t, err)
	encode := base64.RawURLEncoding.EncodeToString
	sum := sha256.Sum256([]byte(token))
	proof := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"htm": "GET", "htu": target, "iat": time.Now().Unix(), "jti": rand.Text(), "ath": encode(sum[:]),
	})
	proof.Header["typ"] = "dpop+jwt"
	proof.Header["jwk"] = map[string]any{"kty": "EC", "crv": "P-256", "x": encode(point[1:33]), "y": encode(point[33:])}
	signed, err := proof.SignedString(key)
	require.NoError(t, err)
	return signed
}

// TestHostileSignInStolenToken uses an access token that was stolen, as only the test
// can, away from the vault: bare, with a proof that was seen before, and with a proof
// by another key. The API refuses it. The control is a client without DPoP, whose token
// is good for whoever has it.
func TestHostileSignInStolenToken(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(*demo.Options)
		bound  bool
	}{
		{"as it is", withDPoP, true},
		{"control: without DPoP", func(*demo.Options) {}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newHostileVaultedSite(t, tc.change)
			p := s.signInHostileAtVault()
			s.IDP.ClearRequests()
			api := s.vaultedURL()
			if tc.bound {
				api = s.whoamiURL()
			}
			got := eval[reply](p, `return `+asking(api, `{ headers: { authorization: 'Bearer mine', dpop: 'mine' } }`))
			require.Equal(t, 200, got.Status, "control: the vault uses it, %+v", got)
			sent := s.calls()
			require.Len(t, sent, 1)
			token, proof := s.token(devidp.AccessToken), sent[0].Header.Get("DPoP")
			assert.Equal(t, tc.bound, proof != "")
			assert.Contains(t, sent[0].Header.Get("Authorization"), token)
			for _, name := range []string{"Authorization", "DPoP"} {
				require.LessOrEqual(t, len(sent[0].Header.Values(name)), 1)
				assert.NotContains(t, sent[0].Header.Get(name), "mine", "the app's own header is dropped")
			}
			web := loopback(t)
			for name, headers := range map[string][2]string{
				"as a bearer token":              {"Bearer " + token, ""},
				"with a proof that was used":     {"DPoP " + token, proof},
				"without a proof":                {"DPoP " + token, ""},
				"with a proof by another key":    {"DPoP " + token, attackersProof(t, api, token)},
				"as a bearer token with a proof": {"Bearer " + token, proof},
			} {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, api, http.NoBody)
				require.NoError(t, err)
				request.Header.Set("Authorization", headers[0])
				if headers[1] != "" {
					request.Header.Set("DPoP", headers[1])
				}
				response, err := web.Do(request)
				require.NoError(t, err)
				require.NoError(t, response.Body.Close())
				if !tc.bound && name == "as a bearer token" {
					assert.Equal(t, 200, response.StatusCode, "control: a bearer token is good for everybody")
				} else if tc.bound {
					assert.Equal(t, 401, response.StatusCode, name)
				}
			}
			s.canary(p)
		})
	}
}

// TestHostileSignInProofKey runs a script in the vault itself, as an attacker who got
// that far would: the key signs there, and does not come out. The control is a key that
// may be exported, which goes the same ways and does.
func TestHostileSignInProofKey(t *testing.T) {
	t.Parallel()
	s := newHostileVaultedSite(t, withDPoP)
	p := s.signInHostileAtVault()
	frame, own := s.frameOf(p)
	require.True(t, own)
	type key struct {
		Algorithm   string
		Extractable bool
		Usages      []string
		Exports     []string
	}
	keys := eval[[]key](frame, `
		const found = [];
		const collect = (value) => {
			if (value instanceof CryptoKey) found.push(value);
			else if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) Object.values(value).forEach(collect);
		};
		for (const { name } of await indexedDB.databases()) {
			const database = await new Promise((resolve) => {
				const request = indexedDB.open(name);
				request.onsuccess = () => resolve(request.result);
			});
			for (const store of database.objectStoreNames) {
				collect(await new Promise((resolve) => {
					const request = database.transaction(store).objectStore(store).getAll();
					request.onsuccess = () => resolve(request.result);
				}));
			}
			database.close();
		}
		const control = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
		found.push(control.privateKey);
		const wrapping = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['wrapKey', 'encrypt']);
		return Promise.all(found.filter(({ type }) => type !== 'public').map(async (key) => {
			const exports = [];
			for (const format of ['pkcs8', 'jwk', 'raw']) {
				await crypto.subtle.exportKey(format, key).then(() => exports.push(format), () => {});
				const iv = new Uint8Array(12);
				await crypto.subtle.wrapKey(format, key, wrapping, { name: 'AES-GCM', iv }).then(() => exports.push('wrapped ' + format), () => {});
			}
			return { algorithm: key.algorithm.name, extractable: key.extractable, usages: key.usages, exports };
		}));`)
	require.GreaterOrEqual(t, len(keys), 3, "the key of the proofs, the key of the store, and the control")
	last := len(keys) - 1
	assert.Equal(t, []string{"pkcs8", "wrapped pkcs8", "jwk", "wrapped jwk"}, keys[last].Exports, "control: a key that may be exported")
	proofs := 0
	for _, key := range keys[:last] {
		assert.False(t, key.Extractable, "%+v", key)
		assert.Empty(t, key.Exports, "%+v", key)
		if key.Algorithm == "ECDSA" {
			proofs++
			assert.Equal(t, []string{"sign"}, key.Usages)
		}
	}
	assert.Equal(t, 1, proofs, "control: the key of the proofs was among them")
}

// TestHostileSignInRedirectedProof has the API redirect a request with a proof to an
// origin that the configuration knows, so that the policy of the vault would let it
// pass. The vault does not follow. The control is a page that sends such a header by
// itself: the browser takes it along.
func TestHostileSignInRedirectedProof(t *testing.T) {
	t.Parallel()
	storage := newWitness(t)
	s := newHostileVaultedSite(t, configured(func(c *demo.Configuration) {
		c.RedirectOrigins = []string{storage.at(storageHost)}
	}), withDPoP, func(o *demo.Options) {
		o.Mounts["/hop"] = http.RedirectHandler(storage.at(storageHost)+"/control", http.StatusFound)
	})
	p := s.signInHostileAtVault()
	to := storage.at(storageHost) + "/steal"
	for _, status := range []string{"301", "302", "303", "307", "308"} {
		for _, method := range []string{"GET", "POST"} {
			asked := s.APIURL + "/v1/redirect?status=" + status + "&to=" + url.QueryEscape(to)
			got := eval[reply](p, `return `+asking(asked, `{ method: `+js(method)+`, headers: { dpop: 'mine' } }`))
			assert.Equal(t, 502, got.Status, "%s %s: %+v", method, status, got)
			assert.Equal(t, "redirect_refused", got.Error)
		}
	}
	assert.Empty(t, storage.requests(), "nobody sees a proof of the vault's")

	eval[any](p, `await fetch('/hop', { headers: { dpop: 'planted', authorization: 'Bearer planted' } })`)
	seenThere := storage.requests()
	require.Len(t, seenThere, 1)
	assert.Equal(t, "planted", seenThere[0].Header.Get("DPoP"), "control: browsers take a proof along")
	assert.Empty(t, seenThere[0].Header.Get("Authorization"), "and no token")
}
