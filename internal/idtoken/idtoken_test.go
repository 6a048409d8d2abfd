package idtoken

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseReadsEveryAlgorithm(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	for _, test := range []struct {
		method jwt.SigningMethod
		name   string // in the header
		key    crypto.Signer
		hash   string
	}{
		{jwt.SigningMethodRS256, "RS256", rsaKey, "SHA-256"},
		{jwt.SigningMethodPS256, "PS256", rsaKey, "SHA-256"},
		{jwt.SigningMethodES256, "ES256", ecKey, "SHA-256"},
		{jwt.SigningMethodEdDSA, "EdDSA", edKey, "SHA-512"},
		{jwt.SigningMethodEdDSA, "Ed25519", edKey, "SHA-512"},
	} {
		made := jwt.NewWithClaims(test.method, goodClaims())
		made.Header["alg"] = test.name
		made.Header["kid"] = "key-1"
		signed, err := made.SignedString(test.key)
		require.NoError(t, err)

		token, err := Parse(signed)
		require.NoError(t, err, test.name)
		assert.Equal(t, test.name, token.Algorithm)
		assert.Equal(t, "key-1", token.KeyID)
		assert.Equal(t, test.hash, token.HashName())
		assert.NoError(t, test.method.Verify(string(token.SigningInput), token.Signature, test.key.Public()))
		assert.NoError(t, token.Check(expected()))
	}
}

func TestParseReadsClaims(t *testing.T) {
	t.Parallel()
	token, err := Parse(compact(`{"alg":"RS256"}`, `{
		"iss":"https:\/\/auth.example.com", "sub":"al\u0069ce", "aud":["spa","other"], "azp":"spa", "nonce":"n",
		"at_hash":"h", "sid":"s", "acr":"gold", "exp":1800000300, "iat":1800000000.75, "nbf":7, "auth_time":3}`))
	require.NoError(t, err)
	assert.Equal(t, "RS256", token.Algorithm)
	assert.Empty(t, token.KeyID)
	assert.Equal(t, issuer, token.Issuer())
	assert.Equal(t, "alice", token.Subject())
	assert.Equal(t, []string{"spa", "other"}, token.Audiences())
	assert.Equal(t, "spa", token.AuthorizedParty())
	assert.Equal(t, "n", token.Nonce())
	assert.Equal(t, "h", token.AtHash())
	assert.Equal(t, "s", token.SessionID())
	assert.Equal(t, "gold", token.ACR())
	assert.EqualValues(t, 1800000300, token.ExpiresAt())
	assert.EqualValues(t, 1800000000, token.IssuedAt())
	assert.EqualValues(t, 7, token.NotBefore())
	assert.EqualValues(t, 3, token.AuthTime())
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const header, claims = `{"alg":"ES256"}`, `{"iss":"a"}`
	good := compact(header, claims)
	_, err := Parse(good)
	require.NoError(t, err)
	part := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + part[1] + "."

	for name, test := range map[string]struct {
		compact string
		want    error
	}{
		"nothing":                  {"", ErrMalformed},
		"two parts":                {part[0] + "." + part[1], ErrMalformed},
		"four parts":               {good + ".x", ErrMalformed},
		"encrypted":                {good + ".x.y", ErrEncrypted},
		"no signature":             {part[0] + "." + part[1] + ".", ErrMalformed},
		"JSON serialization":       {`{"payload":"a.b.c"}`, ErrMalformed},
		"too long":                 {good + strings.Repeat("A", 64<<10), ErrTooLong},
		"padded header":            {part[0] + "=." + part[1] + "." + part[2], ErrMalformed},
		"padded signature":         {part[0] + "." + part[1] + "." + part[2] + "=", ErrMalformed},
		"standard base64":          {part[0] + "." + part[1] + ".+/+/", ErrMalformed},
		"line break":               {part[0] + "\n." + part[1] + "." + part[2], ErrMalformed},
		"space":                    {" " + good, ErrMalformed},
		"bits left over":           {part[0] + "." + part[1] + ".AB", ErrMalformed},
		"header no object":         {compact(`["ES256"]`, claims), ErrMalformed},
		"claims no object":         {compact(header, `"claims"`), ErrMalformed},
		"claims and more":          {compact(header, claims+"{}"), ErrMalformed},
		"claims not UTF-8":         {compact(header, "{\"iss\":\"\xff\"}"), ErrMalformed},
		"doubled in header":        {compact(`{"alg":"none","alg":"ES256"}`, claims), ErrDoubled},
		"doubled, escaped":         {compact(`{"alg":"none","\u0061lg":"ES256"}`, claims), ErrDoubled},
		"doubled in claims":        {compact(header, `{"sub":"mallory","sub":"alice"}`), ErrDoubled},
		"doubled nonce":            {compact(header, `{"nonce":"a","nonce":"a"}`), ErrDoubled},
		"crit":                     {compact(`{"alg":"ES256","crit":["b64"],"b64":false}`, claims), ErrCritical},
		"crit null":                {compact(`{"alg":"ES256","crit":null}`, claims), ErrCritical},
		"access token":             {compact(`{"alg":"ES256","typ":"at+jwt"}`, claims), ErrType},
		"logout token":             {compact(`{"alg":"ES256","typ":"logout+jwt"}`, claims), ErrType},
		"typ no text":              {compact(`{"alg":"ES256","typ":["JWT"]}`, claims), ErrMalformed},
		"kid no text":              {compact(`{"alg":"ES256","kid":1}`, claims), ErrMalformed},
		"alg no text":              {compact(`{"alg":["ES256"]}`, claims), ErrMalformed},
		"alg null":                 {compact(`{"alg":null}`, claims), ErrMalformed},
		"no alg":                   {compact(`{}`, claims), ErrAlgorithm},
		"alg none":                 {compact(`{"alg":"none"}`, claims), ErrAlgorithm},
		"alg none, not signed":     {none, ErrMalformed},
		"alg None":                 {compact(`{"alg":"None"}`, claims), ErrAlgorithm},
		"alg HS256":                {compact(`{"alg":"HS256"}`, claims), ErrAlgorithm},
		"alg HS512":                {compact(`{"alg":"HS512"}`, claims), ErrAlgorithm},
		"alg RS1":                  {compact(`{"alg":"RS1"}`, claims), ErrAlgorithm},
		"alg RS512":                {compact(`{"alg":"RS512"}`, claims), ErrAlgorithm},
		"alg ES256K":               {compact(`{"alg":"ES256K"}`, claims), ErrAlgorithm},
		"alg Ed448":                {compact(`{"alg":"Ed448"}`, claims), ErrAlgorithm},
		"alg es256":                {compact(`{"alg":"es256"}`, claims), ErrAlgorithm},
		"alg of another case name": {compact(`{"ALG":"ES256"}`, claims), ErrAlgorithm},
		"iss no text":              {compact(header, `{"iss":1}`), ErrClaim},
		"iss no text, others good": {compact(header, `{"iss":1,"exp":1,"aud":"spa"}`), ErrClaim},
		"exp no time, aud good":    {compact(header, `{"exp":"1","aud":"spa"}`), ErrClaim},
		"exp no time, iat good":    {compact(header, `{"exp":"1","iat":1}`), ErrClaim},
		"sub no text":              {compact(header, `{"sub":1}`), ErrClaim},
		"azp no text":              {compact(header, `{"azp":["spa"]}`), ErrClaim},
		"nonce no text":            {compact(header, `{"nonce":{}}`), ErrClaim},
		"nonce null":               {compact(header, `{"nonce":null}`), ErrClaim},
		"at_hash no text":          {compact(header, `{"at_hash":false}`), ErrClaim},
		"sid no text":              {compact(header, `{"sid":1}`), ErrClaim},
		"acr no text":              {compact(header, `{"acr":["gold"]}`), ErrClaim},
		"aud no text":              {compact(header, `{"aud":1}`), ErrClaim},
		"aud object":               {compact(header, `{"aud":{"spa":1}}`), ErrClaim},
		"aud of numbers":           {compact(header, `{"aud":["spa",1]}`), ErrClaim},
		"aud nested":               {compact(header, `{"aud":[["spa"]]}`), ErrClaim},
		"exp text":                 {compact(header, `{"exp":"1800000300"}`), ErrClaim},
		"exp exponent":             {compact(header, `{"exp":1e300}`), ErrClaim},
		"exp null":                 {compact(header, `{"exp":null}`), ErrClaim},
		"iat negative":             {compact(header, `{"iat":-1}`), ErrClaim},
		"nbf text":                 {compact(header, `{"nbf":""}`), ErrClaim},
		"auth_time text":           {compact(header, `{"auth_time":"1"}`), ErrClaim},
	} {
		token, err := Parse(test.compact)
		require.ErrorIs(t, err, test.want, name)
		assert.Nil(t, token, name)
		assert.NotContains(t, err.Error(), "alice", name)
	}
}

func TestParseReadsOtherHeaders(t *testing.T) {
	t.Parallel()
	for _, header := range []string{
		`{"alg":"ES256"}`, `{"alg":"ES256","typ":"jwt"}`, `{"typ":"JWT","alg":"ES256","x5t":"x","jku":"https://evil.example/"}`,
		`{"alg":"ES256","jwk":{"kty":"EC","kty":"EC"}}`,
	} {
		_, err := Parse(compact(header, `{}`))
		require.NoError(t, err, header)
	}
	longest := compact(`{"alg":"ES256"}`, `{"x":"`+strings.Repeat("x", 49118)+`"}`)
	require.Equal(t, 64<<10, len(longest))
	_, err := Parse(longest)
	require.NoError(t, err)
}

func TestClaims(t *testing.T) {
	t.Parallel()
	token, err := Parse(compact(`{"alg":"ES256"}`, `{"sub":"alice","name":"Al\u00efce", "email_verified" : true,"address":{ "country":"NL"},"nonce":"secret"}`))
	require.NoError(t, err)
	got := token.Claims([]string{"address", "name", "email_verified", "absent"})
	require.Equal(t, `{"name":"Al\u00efce","email_verified" : true,"address":{ "country":"NL"}}`, got)
	require.Equal(t, `{}`, token.Claims(nil))
}

// checkAgainstJWT holds a token that Parse accepts against golang-jwt.
func checkAgainstJWT(t testing.TB, compact string) {
	t.Helper()
	token, err := Parse(compact)
	if err != nil {
		require.Nil(t, token)
		return
	}
	claims := jwt.MapClaims{}
	theirs, parts, err := jwt.NewParser(jwt.WithStrictDecoding()).ParseUnverified(compact, claims)
	if token.Algorithm == "Ed25519" {
		require.ErrorIs(t, err, jwt.ErrTokenUnverifiable) // it does not know the name
	} else {
		require.NoError(t, err)
	}
	require.Equal(t, theirs.Header["alg"], token.Algorithm)
	require.Equal(t, string(token.SigningInput), parts[0]+"."+parts[1])
	kid, _ := theirs.Header["kid"].(string)
	require.Equal(t, kid, token.KeyID)

	for name, value := range map[string]string{
		"iss": token.Issuer(), "sub": token.Subject(), "azp": token.AuthorizedParty(), "nonce": token.Nonce(),
		"at_hash": token.AtHash(), "sid": token.SessionID(), "acr": token.ACR(),
	} {
		want, _ := claims[name].(string)
		require.Equal(t, want, value, name)
	}
	audiences, err := claims.GetAudience()
	require.NoError(t, err)
	require.ElementsMatch(t, audiences, token.Audiences())
	for name, value := range map[string]int64{
		"exp": token.ExpiresAt(), "iat": token.IssuedAt(), "nbf": token.NotBefore(), "auth_time": token.AuthTime(),
	} {
		want, _ := claims[name].(float64)
		require.InDelta(t, min(want, maxTime), float64(value), 1, name)
	}
}

// FuzzParse never panics, and what it accepts golang-jwt reads in the same way.
func FuzzParse(f *testing.F) {
	for _, claims := range []string{
		`{}`, `{"iss":"a","sub":"b","aud":["c","d"],"exp":1,"iat":2.5,"nbf":99999999999999,"auth_time":0,"nonce":"\ud800","azp":"","acr":"x"}`,
		`{"aud":"c"}`, `{"aud":[]}`, `{"sub":"a","sub":"b"}`, `{"exp":1e3}`,
	} {
		for _, header := range []string{`{"alg":"ES256","kid":"k"}`, `{"alg":"Ed25519","typ":"JWT"}`, `{"alg":"none"}`} {
			f.Add(compact(header, claims), header, claims)
		}
	}
	f.Add("a.b.c", "", "")
	f.Add("....", `{"alg":"RS256","crit":[]}`, "[]")
	f.Fuzz(func(t *testing.T, whole, header, claims string) {
		checkAgainstJWT(t, whole)
		checkAgainstJWT(t, compact(header, claims))
	})
}
