// Package webcrypto is the browser's own cryptography (W3C Web Cryptography API).
// It encrypts the vault's records: AES-256-GCM (NIST SP 800-38D) with a
// fresh random 96-bit IV for each record, and additional data that bind a record
// to its place.
//
// The key is generated in the browser, once for a vault, and cannot be
// extracted: no script, ours included, ever sees its bytes. So what reads a
// record without the key (a dump, a log, a bug) has nothing, and a record cannot
// be moved to another name or vault. What it does not stop is code that runs in
// the vault origin, which can ask the key to decrypt, and a copy of the browser
// profile: "non-extractable" binds scripts and encrypts nothing on disk (measured
// in DECISIONS.md). It trusts the browser's random numbers; at one record a refresh, the
// 2^32 messages that NIST allows for random IVs under one key are out of reach.
//
// It also checks signatures of tokens by public keys (RFC 7515) and makes digests;
// which key and algorithm are to be trusted is the business of its callers.
package webcrypto
