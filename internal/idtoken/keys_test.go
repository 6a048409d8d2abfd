package idtoken

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Public keys, as ChooseKeys returns them. Their numbers are made up.
const (
	rsaPublic = `{"kty":"RSA","n":"AQAB","e":"AQAB"}`
	ecPublic  = `{"kty":"EC","crv":"P-256","x":"AAAA","y":"BBBB"}`
	edPublic  = `{"kty":"OKP","crv":"Ed25519","x":"AAAA"}`
)

// with adds members to a key.
func with(key, members string) string { return strings.TrimSuffix(key, "}") + "," + members + "}" }

func TestChooseKeys(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		keys     string
		alg, kid string
		want     []string // none for ErrNoKey
	}{
		"RS256":   {rsaPublic, "RS256", "", []string{rsaPublic}},
		"PS256":   {rsaPublic, "PS256", "", []string{rsaPublic}},
		"ES256":   {ecPublic, "ES256", "", []string{ecPublic}},
		"EdDSA":   {edPublic, "EdDSA", "", []string{edPublic}},
		"Ed25519": {edPublic, "Ed25519", "", []string{edPublic}},

		"each kind by its own":  {rsaPublic + "," + ecPublic + "," + edPublic, "ES256", "", []string{ecPublic}},
		"no key of the kind":    {rsaPublic + "," + edPublic, "ES256", "", nil},
		"no keys":               {"", "ES256", "", nil},
		"a secret key":          {`{"kty":"oct","k":"AAAA"}`, "RS256", "", nil},
		"an algorithm of none":  {rsaPublic + "," + ecPublic, "none", "", nil},
		"an algorithm of HMAC":  {rsaPublic + "," + ecPublic, "HS256", "", nil},
		"another curve":         {`{"kty":"EC","crv":"P-384","x":"AAAA","y":"BBBB"}`, "ES256", "", nil},
		"another curve, EdDSA":  {`{"kty":"OKP","crv":"Ed448","x":"AAAA"}`, "EdDSA", "", nil},
		"X25519":                {`{"kty":"OKP","crv":"X25519","x":"AAAA"}`, "EdDSA", "", nil},
		"EC with kty of RSA":    {`{"kty":"RSA","crv":"P-256","x":"AAAA","y":"BBBB"}`, "ES256", "", nil},
		"RSA that has a curve":  {with(rsaPublic, `"crv":"P-256"`), "RS256", "", nil},
		"kid":                   {with(rsaPublic, `"kid":"a"`) + "," + with(ecPublic, `"kid":"a"`) + "," + with(`{"kty":"EC","crv":"P-256","x":"CCCC","y":"DDDD"}`, `"kid":"b"`), "ES256", "b", []string{`{"kty":"EC","crv":"P-256","x":"CCCC","y":"DDDD"}`}},
		"another kid":           {with(ecPublic, `"kid":"a"`), "ES256", "b", nil},
		"kid in another case":   {with(ecPublic, `"kid":"A"`), "ES256", "a", nil},
		"a key without kid":     {ecPublic, "ES256", "b", nil},
		"kid of two keys":       {with(ecPublic, `"kid":"a"`) + "," + with(ecPublic, `"kid":"a"`), "ES256", "a", []string{ecPublic, ecPublic}},
		"token without kid":     {with(ecPublic, `"kid":"a"`) + "," + with(ecPublic, `"kid":"b"`), "ES256", "", []string{ecPublic, ecPublic}},
		"alg":                   {with(rsaPublic, `"alg":"PS256"`), "PS256", "", []string{rsaPublic}},
		"another alg":           {with(rsaPublic, `"alg":"PS256"`), "RS256", "", nil},
		"alg for encryption":    {with(rsaPublic, `"alg":"RSA-OAEP-256"`), "RS256", "", nil},
		"alg by its older name": {with(edPublic, `"alg":"EdDSA"`), "Ed25519", "", []string{edPublic}},
		"alg by its newer name": {with(edPublic, `"alg":"Ed25519"`), "EdDSA", "", []string{edPublic}},
		"use":                   {with(ecPublic, `"use":"sig"`), "ES256", "", []string{ecPublic}},
		"use for encryption":    {with(ecPublic, `"use":"enc"`), "ES256", "", nil},
		"key_ops":               {with(ecPublic, `"key_ops":["sign","verify"]`), "ES256", "", []string{ecPublic}},
		"key_ops of others":     {with(ecPublic, `"key_ops":["encrypt"]`), "ES256", "", nil},
		"key_ops of nothing":    {with(ecPublic, `"key_ops":[]`), "ES256", "", nil},
		"key_ops no list":       {with(ecPublic, `"key_ops":{"verify":true}`), "ES256", "", nil},
		"private key": {
			with(ecPublic, `"d":"SECRET"`) + "," + with(ecPublic, `"x5c":["cert"],"ext":true`), "ES256", "", []string{ecPublic, ecPublic},
		},
		"private RSA key": {with(rsaPublic, `"d":"SECRET","p":"SECRET","q":"SECRET"`), "RS256", "", []string{rsaPublic}},

		"what is no key":        {`1,null,"a",[],{},{"kty":1},` + ecPublic, "ES256", "", []string{ecPublic}},
		"doubled member":        {with(ecPublic, `"x":"AAAA"`), "ES256", "", nil},
		"x that ends the text":  {`{"kty":"EC","crv":"P-256","x":"A\",\"d\":\"A","y":"BBBB"}`, "ES256", "", []string{`{"kty":"EC","crv":"P-256","x":"A\",\"d\":\"A","y":"BBBB"}`}},
		"kid no text":           {with(ecPublic, `"kid":1`), "ES256", "", nil},
		"use no text":           {with(ecPublic, `"use":["sig"]`), "ES256", "", nil},
		"alg no text":           {with(ecPublic, `"alg":null`), "ES256", "", nil},
		"keys in another order": {`{"y":"BBBB","d":"S","x":"AAAA","crv":"P-256","kty":"EC"}`, "ES256", "", []string{`{"y":"BBBB","x":"AAAA","crv":"P-256","kty":"EC"}`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ChooseKeys([]byte(`{"keys":[`+test.keys+`]}`), test.alg, test.kid)
			require.Equal(t, test.want, got)
			if test.want == nil {
				require.ErrorIs(t, err, ErrNoKey)
				return
			}
			require.NoError(t, err)
		})
	}
}

func TestChooseKeysTriesFewKeys(t *testing.T) {
	t.Parallel()
	keys := strings.Repeat(ecPublic+",", 20) + ecPublic
	got, err := ChooseKeys([]byte(`{"keys":[`+keys+`]}`), "ES256", "")
	require.NoError(t, err)
	require.Len(t, got, 8)
}

func TestChooseKeysRefusesOtherTexts(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]string{
		"nothing":     ``,
		"HTML":        `<html>`,
		"a key":       ecPublic,
		"a list":      `[` + ecPublic + `]`,
		"no list":     `{"keys":` + ecPublic + `}`,
		"keys null":   `{"keys":null}`,
		"cut off":     `{"keys":[` + ecPublic,
		"keys twice":  `{"keys":[],"keys":[` + ecPublic + `]}`,
		"keys within": `{"a":{"keys":[` + ecPublic + `]}}`,
		"too long":    `{"keys":[` + ecPublic + `]` + strings.Repeat(" ", 256<<10) + `}`,
	} {
		got, err := ChooseKeys([]byte(set), "ES256", "")
		require.ErrorIs(t, err, ErrKeySet, name)
		require.Nil(t, got, name)
	}
}

// FuzzChooseKeys never panics, and what it chooses is a public key alone.
func FuzzChooseKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[`+with(ecPublic, `"kid":"a","d":"S"`)+`]}`), "ES256", "a")
	f.Add([]byte(`{"keys":[`+rsaPublic+`,{"kty":1},[],null]}`), "PS256", "")
	f.Add([]byte(`{"keys":[`+with(edPublic, `"key_ops":["verify"]`)+`]}`), "EdDSA", "")
	f.Fuzz(func(t *testing.T, set []byte, alg, kid string) {
		keys, err := ChooseKeys(set, alg, kid)
		require.Equal(t, err != nil, len(keys) == 0)
		for _, key := range keys {
			var members map[string]any
			require.NoError(t, json.Unmarshal([]byte(key), &members))
			for name := range members {
				require.Contains(t, []string{"kty", "crv", "n", "e", "x", "y"}, name)
			}
		}
	})
}
