package proxy

import (
	"context"

	"tokenvault/internal/base64url"
	"tokenvault/internal/dpop"
	"tokenvault/internal/policy"
	"tokenvault/internal/secret"
)

// useNonce is the error code of a server that wants a proof with its nonce (RFC
// 9449 §8, §9).
const useNonce = "use_dpop_nonce"

// proof makes the proof for one request (RFC 9449 §4): with the hash of the access
// token that goes with it, if one does.
func (p *Proxy) proof(ctx context.Context, client *policy.Client, method, origin, path string, token secret.String) (string, error) {
	key, err := p.crypto.ProofKey(ctx, client.Name)
	if err != nil {
		return "", storageError(err)
	}
	id, err := p.crypto.Random(16)
	if err != nil {
		return "", err
	}
	proof := dpop.Proof{
		ID: base64url.Encode(id), Method: method, URL: origin + path,
		IssuedAt: p.clock().Unix(), Nonce: p.nonceFor(origin),
	}
	if !token.IsZero() {
		if proof.TokenHash, err = p.hash(ctx, token.Expose()); err != nil { // EXPOSE: its hash goes into the proof
			return "", err
		}
	}
	input := dpop.Input(dpop.Key(key.Public()), &proof)
	signature, err := key.Sign(ctx, []byte(input))
	return input + "." + base64url.Encode(signature), err
}

// hash returns the SHA-256 of a text, encoded.
func (p *Proxy) hash(ctx context.Context, text string) (string, error) {
	hash, err := p.crypto.Digest(ctx, "SHA-256", []byte(text))
	return base64url.Encode(hash), err
}

// proofThumbprint returns the hash of the client's key (RFC 7638) by which an
// authorization request binds the code to it (RFC 9449 §10).
func (p *Proxy) proofThumbprint(ctx context.Context, client *policy.Client) (string, error) {
	key, err := p.crypto.ProofKey(ctx, client.Name)
	if err != nil {
		return "", storageError(err)
	}
	return p.hash(ctx, dpop.Key(key.Public()))
}

// ask sends a form to an endpoint of the authorization server that binds what it
// answers to the client's key, if it has one. A server that wants its nonce in the
// proof is asked once more.
func (p *Proxy) ask(ctx context.Context, client *policy.Client, endpoint policy.Endpoint, parameters form, headers []string, credentials string) (FetchResponse, error) {
	url := endpoint.URL()
	if !client.DPoP {
		return p.postForm(ctx, url, parameters, headers, credentials)
	}
	for again := false; ; again = true {
		proof, err := p.proof(ctx, client, "POST", endpoint.Origin, endpoint.Path, secret.String{})
		if err != nil {
			return FetchResponse{}, err
		}
		reply, err := p.postForm(ctx, url, parameters, append([]string{"dpop", proof}, headers...), credentials)
		given := p.noteNonce(endpoint.Origin, reply.Headers)
		if err != nil || again || !given || oauthError(reply.Body) != useNonce {
			return reply, err
		}
	}
}
