//go:build js && wasm

package webcrypto_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenvault/wasm/browser"
	"tokenvault/wasm/webcrypto"
)

// Signatures of signingInput that golang-jwt made, and the public keys to them. The
// private keys were not kept.
const (
	signingInput = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9"

	ecJWK    = `{"kty":"EC","crv":"P-256","x":"C8fBw6sbm2Q-92HSc1mqMWx2wf9Q4c5dT1oak-_7KzI","y":"BNW7BQVm-Dh8QIM4CVLiPkSvvpc9BtbNxqYYPRCkH-g"}`
	otherJWK = `{"kty":"EC","crv":"P-384","x":"ofe3mHA0rBdU8VRBv-iAn7sTrRxZkGT1WhGfOq4wWIs07C2wUgEYgxQ41WJ6QZtj","y":"SnyAzE5PVjGDOfuUS8IpbBjMSTgz95XweUr392Bvzq02qVP4RWNlminApIiv5m6x"}`
	edJWK    = `{"kty":"OKP","crv":"Ed25519","x":"rorMcIGu9APUchXqNdvIjoAcyAO9aRM1dt3chxiH3Ac"}`

	modulus = "3rXfhtqwnZHORuNomAmKWl-plHtPqS6l5chjW9MbI9Kf9kGs2MbgU_fec3qa2_EmIwx6UkGfOlZv1DU8BRzS2HBnL5KHYjqoJH7rIstTaUJc7h" +
		"ynM0QzPmV6XDRyJMqPgqnkevDB6bfkL8_7p2zFmw87vWicqJazfH96um_lLs5gWc7pZp_QTupUhx67ykMDjvPJ0zGgZgmy5slg3vRi0hoMi5D2" +
		"LYjsSIkR7W3fRX_VdefmpZfuZIuyXsZ0cu15bFZaRO1g5uL34APUmGpcZssWdkmB55U0s21vD6ibsOOqxSKP1p1nPkV6hK5bRh8xDD9MoMVWQj" +
		"sKVGVbwmP49w"
	shortModulus = "14LF5IIxZrkTXtQB5mZlZfQMRYV2R3DGxdo_pxWBqRzaK6T5nhYul4CEhKb-nvotxNDG2fRlY_pz-ln4Q9Okbj5ybbif6-Hi5eXjjvfctB--" +
		"BsaEmgPWtTB6ueUIiRtT9C5jVsGC9HrKOWR6Z0jfg5JIMbQ_TWzpb8DAHbD_gis"

	rs256 = "O-Z6YsgJ9-kgOHjSvYhIU86b5Rij2702FYiygZOxT7c6pS5-hhus5K6RgYcrEN-HrBGCEvXOtGGm9BpJBagYrWvxUi1OLggH0ZfKB1XusUzt3k" +
		"EjavCapk_3KfHJfTCUXv2PbqM6PeGpsll-4pWMJ2hs_OyK5Nv7qKmfzMPzRCw7f5Bn8JBd5Uk3pO6IyNK-" +
		"6Z96UL3pMvMbPKsU6LuYAILEy8Sf1taOx_1rIh45binS3IoSxpBKoRXIsAdR7qWTOecS-" +
		"3JW7gHpkAloehw5k_mOwHyxT_YKyKIN1bCMuyW206-TbV7CTuQTY4eKSzx2aUfDuTPKmGGs9ouVhz6oMg"
	rs512 = "KPvvvXZVhbDfS_uIdO9xCMNTQUH_vZ0-" +
		"B72YeUyeq93IgSt7aHdB67vJo7a8xTLNoVXHRzqHcCQ_fka7MDFGSdBa89PiUFB5Dw8KH6QLwzgBox9z6c8EtGGgCa0eiW-4-" +
		"FHH87KOXcvGuH83K-5a4B8Os4Ix5Ne93_Km-IhWc8UiE-lth8Apr2antypodAVxznm8XjRtiom689UwOuV0-" +
		"c6hUJjXzJGoz6FcG7yt3zgldiboqIDE4FenLYuWnqtGxVN279UOTTOsqZtxmK3kMBu8e3dXs77f2wjgjJl6y0AjqJSCaA6RPh_g78BqgUFrg-" +
		"PcZljt-skcK4s_Qpdnlw"
	ps256 = "peWScaA6RHyrmDjfPYNzA_VdykX2wTXQr1HgZRzOxXjW74M8BI0I1kQlC56DV4Cc1EmJflgmDATcF_sCTkAdaVFmrqXiAXAAcDyFrQAZdE1fCz" +
		"lRjFNC_ltBnhdvuAxgACCOrN7MInX2IfP78kqEagKo4wvV1gaNpoITZUj5uq0ejdPDNB108vwQIrBfOsqLXF7TSN3FYbF4qz7w8X_WOFAO5NGO" +
		"oDwqk3CXVjJPjRBACQIcLpi0gSsM8RhTHsdX3ND5Gqw8wStuMpx4RE7K0IVQfIzYtel9kAa7ZtVLzL1Ctk1VN3zcjq5D40uVaUk8NlREP23ZLS" +
		"M4FWB8OSyt_A"
	ps256Salt20 = "t-cdqoGoQAA-vsJCHiPkIJ_o5x_jNIN8xDBRZdpPbey4eOUmgHogeZHKRtgh_M_PiSet6On5Utg74IKO2KMb9zK1N8MgFHAqt0P0VUpv4Mq7U0" +
		"khMQi0dXxKIj7RL9AG2NNmqhZT3uhcnRyBjTH5NvEmsPM_3zH9k9R9c8WzBSXUblkKDso_mMG12xTLz-RrTf0635LbncIp9buPWdqLn7cl_KVr" +
		"Ze2hBemqxCUcdmoKYPaYrUEjAHSJQCKKDnP2pVBjJewG7hL3HaDGem2k44cksWsLFNMyLjiWSqT0dXY4aYL9K6GqZnmmWbZaTo75FeL6Gls3O6" +
		"6QzDUaPkGNYw"
	shortRS256 = "b53hQ85wVbCu-hLyS7KFQuLgDzxtEoXuCo14DvBPhrFgtKDoBNf-" +
		"TXqSoVrY-e1ZZpqXKOEHFa3eOhHLN5Uqyc6pwOhVqpnpu6wLWuNbAvQazWgjxeX9PbOzBxEyj_ZhlHP-Iv6lxqAu8EA-" +
		"FPHVQ02TBTOAChPmRUlAXkqI458"
	es256    = "R-fSQE09Dgj_6F4a731RGHE5DSCViZ7OyjunPtSqU1PkKWHLW1o5zY9enPEnkm-whgWW2WIrZxZo1wM75ONDKw"
	es256DER = "MEQCIAK5kBRjsa0gzyrV4LRGTis_EQWDo7Y_cKhq_3Yv_nVRAiBp_kKPKxKSxOKlIHj0v4iionDb7c7DQB4YIp9h0XlmeQ"
	eddsa    = "bQPWwUspotChFvebrcQSUz2-K1Q3g79j7Qa7QvnMTMOxpZYQ0fSn6oGcBE25n9fBPlQt35x2M_lujErCBksVDg"
)

const (
	rsaJWK   = `{"kty":"RSA","e":"AQAB","n":"` + modulus + `"}`
	shortJWK = `{"kty":"RSA","e":"AQAB","n":"` + shortModulus + `"}`
)

func decode(t testing.TB, text string) []byte {
	t.Helper()
	data, err := base64.RawURLEncoding.DecodeString(text)
	require.NoError(t, err)
	return data
}

func TestVerify(t *testing.T) {
	tests := map[string]struct {
		alg, jwk, signature string
		want                bool
	}{
		"RS256":   {"RS256", rsaJWK, rs256, true},
		"PS256":   {"PS256", rsaJWK, ps256, true},
		"ES256":   {"ES256", ecJWK, es256, true},
		"EdDSA":   {"EdDSA", edJWK, eddsa, true},
		"Ed25519": {"Ed25519", edJWK, eddsa, true},

		"RS256 of PS256":          {"RS256", rsaJWK, ps256, false},
		"PS256 of RS256":          {"PS256", rsaJWK, rs256, false},
		"another hash":            {"RS256", rsaJWK, rs512, false},
		"a salt of other length":  {"PS256", rsaJWK, ps256Salt20, false},
		"ES256 in ASN.1":          {"ES256", ecJWK, es256DER, false},
		"ES256 cut off":           {"ES256", ecJWK, es256[:84], false},
		"ES256 of nothing":        {"ES256", ecJWK, "", false},
		"ES256 of zeros":          {"ES256", ecJWK, base64.RawURLEncoding.EncodeToString(make([]byte, 64)), false},
		"Ed25519 of another kind": {"EdDSA", edJWK, es256, false},
		"RS256 of nothing":        {"RS256", rsaJWK, "", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			signature := decode(t, test.signature)
			ok, err := webcrypto.Verify(t.Context(), test.alg, test.jwk, signature, []byte(signingInput))
			require.NoError(t, err)
			require.Equal(t, test.want, ok)

			ok, err = webcrypto.Verify(t.Context(), test.alg, test.jwk, signature, []byte(signingInput+"x"))
			require.NoError(t, err)
			require.False(t, ok, "another text")
			if len(signature) > 0 {
				signature[len(signature)/2] ^= 1
				ok, err = webcrypto.Verify(t.Context(), test.alg, test.jwk, signature, []byte(signingInput))
				require.NoError(t, err)
				require.False(t, ok, "another signature")
			}
		})
	}
}

func TestVerifyRefusesKeys(t *testing.T) {
	dataError := &browser.Error{Name: "DataError"}
	tests := map[string]struct {
		alg, jwk, signature string
		want                error
	}{
		"a short RSA key":                  {"RS256", shortJWK, shortRS256, webcrypto.ErrShortKey},
		"a short RSA key, PSS":             {"PS256", shortJWK, shortRS256, webcrypto.ErrShortKey},
		"an exponent of 1":                 {"RS256", `{"kty":"RSA","e":"AQ","n":"` + modulus + `"}`, rs256, browser.ErrOperation},
		"an RSA key for ES256":             {"ES256", rsaJWK, es256, dataError},
		"an EC key for RS256":              {"RS256", ecJWK, rs256, dataError},
		"an EC key for EdDSA":              {"EdDSA", ecJWK, eddsa, dataError},
		"another curve":                    {"ES256", otherJWK, es256, dataError},
		"a point off the curve":            {"ES256", `{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}`, es256, dataError},
		"a key for secrets":                {"RS256", `{"kty":"oct","k":"AAAA"}`, rs256, dataError},
		"a key of nothing":                 {"RS256", `{}`, rs256, dataError},
		"no JSON":                          {"RS256", `{`, rs256, &browser.Error{Name: "SyntaxError"}},
		"an algorithm of none":             {"none", rsaJWK, "", webcrypto.ErrAlgorithm},
		"an algorithm of HMAC":             {"HS256", `{"kty":"oct","k":"AAAA"}`, rs256, webcrypto.ErrAlgorithm},
		"an algorithm by WebCrypto's name": {"ECDSA", ecJWK, es256, webcrypto.ErrAlgorithm},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ok, err := webcrypto.Verify(t.Context(), test.alg, test.jwk, decode(t, test.signature), []byte(signingInput))
			require.ErrorIs(t, err, test.want)
			require.False(t, ok)
		})
	}
}

func TestDigest(t *testing.T) {
	for algorithm, want := range map[string]string{ // of "abc", FIPS 180
		"SHA-256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"SHA-512": "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
	} {
		t.Run(algorithm, func(t *testing.T) {
			digest, err := webcrypto.Digest(t.Context(), algorithm, []byte("abc"))
			require.NoError(t, err)
			require.Equal(t, want, hex.EncodeToString(digest))
		})
	}
	_, err := webcrypto.Digest(t.Context(), "MD5", []byte("abc"))
	require.ErrorIs(t, err, &browser.Error{Name: "NotSupportedError"})
}

func TestVerifyEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ok, err := webcrypto.Verify(ctx, "ES256", ecJWK, decode(t, es256), []byte(signingInput))
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, ok)
	_, err = webcrypto.Digest(ctx, "SHA-256", nil)
	require.ErrorIs(t, err, context.Canceled)
}
