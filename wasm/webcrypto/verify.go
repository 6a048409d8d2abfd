//go:build js && wasm

package webcrypto

import (
	"context"
	"errors"

	"tokenvault/wasm/browser"
)

var (
	// ErrAlgorithm is a signature algorithm that is not one of Verify's.
	ErrAlgorithm = errors.New("webcrypto: signature algorithm is not supported")
	// ErrShortKey is an RSA key that is too short to sign with (RFC 7518 §3.3).
	ErrShortKey = errors.New("webcrypto: RSA key is shorter than 2048 bits")
)

// minModulus is the least length of an RSA key, in bits.
const minModulus = 2048

// Verify reports whether signature is that of signingInput, by a JWS algorithm (RFC
// 7518 §3, RFC 9864) and a public key in JSON (RFC 7517). A key that does not fit the
// algorithm is an error.
func Verify(ctx context.Context, alg, jwk string, signature, signingInput []byte) (bool, error) {
	var parameters string
	switch alg {
	case "RS256":
		parameters = `{"name":"RSASSA-PKCS1-v1_5","hash":"SHA-256"}`
	case "PS256":
		parameters = `{"name":"RSA-PSS","hash":"SHA-256","saltLength":32}`
	case "ES256":
		parameters = `{"name":"ECDSA","hash":"SHA-256","namedCurve":"P-256"}`
	case "EdDSA", "Ed25519":
		parameters = `{"name":"Ed25519"}`
	default:
		return false, ErrAlgorithm
	}
	var script browser.Script
	json := script.Global("JSON")
	algorithm := script.Call(json, "parse", parameters)
	parsed := script.Call(json, "parse", jwk)
	key := operate(ctx, &script, "importKey", "jwk", parsed, algorithm, false, []any{"verify"})
	if alg == "RS256" || alg == "PS256" {
		bits := script.Int(script.Get(script.Get(key, "algorithm"), "modulusLength"))
		if script.Err() == nil && bits < minModulus {
			return false, ErrShortKey
		}
	}
	valid := operate(ctx, &script, "verify", algorithm, key, script.Uint8Array(signature), script.Uint8Array(signingInput))
	ok := script.Bool(valid)
	return ok, script.Err()
}
