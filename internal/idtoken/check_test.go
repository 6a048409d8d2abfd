package idtoken

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	type changes = map[string]any
	maxAge := func(d time.Duration) func(*Expected) { return func(e *Expected) { e.MaxAge = d } }
	acr := func(values ...string) func(*Expected) { return func(e *Expected) { e.ACRValues = values } }
	for name, test := range map[string]struct {
		claims changes
		expect func(*Expected)
		want   error
	}{
		"good": {},

		"another issuer":              {changes{"iss": "https://evil.example.com"}, nil, ErrIssuer},
		"issuer with a slash":         {changes{"iss": issuer + "/"}, nil, ErrIssuer},
		"issuer in another case":      {changes{"iss": strings.ToUpper(issuer)}, nil, ErrIssuer},
		"no issuer":                   {changes{"iss": nil}, nil, ErrIssuer},
		"no issuer, none expected":    {changes{"iss": nil}, func(e *Expected) { e.Issuer = "" }, ErrIssuer},
		"empty issuer, none expected": {changes{"iss": ""}, func(e *Expected) { e.Issuer = "" }, ErrIssuer},

		"another audience":                {changes{"aud": "other"}, nil, ErrAudience},
		"audience that begins so":         {changes{"aud": "spa2"}, nil, ErrAudience},
		"no audience":                     {changes{"aud": nil}, nil, ErrAudience},
		"empty list of audiences":         {changes{"aud": []string{}}, nil, ErrAudience},
		"list without us":                 {changes{"aud": []string{"other", "third"}, "azp": clientID}, nil, ErrAudience},
		"client not known":                {changes{"aud": ""}, func(e *Expected) { e.ClientID = "" }, ErrAudience},
		"list of us":                      {changes{"aud": []string{clientID}}, nil, nil},
		"list with us":                    {changes{"aud": []string{"other", clientID}, "azp": clientID}, nil, nil},
		"list with us, no azp":            {changes{"aud": []string{"other", clientID}}, nil, ErrAuthorizedParty},
		"list with us, another azp":       {changes{"aud": []string{"other", clientID}, "azp": "other"}, nil, ErrAuthorizedParty},
		"one audience, azp":               {changes{"azp": clientID}, nil, nil},
		"one audience, another azp":       {changes{"azp": "other"}, nil, ErrAuthorizedParty},
		"us twice as audience":            {changes{"aud": []string{clientID, clientID}}, nil, ErrAuthorizedParty},
		"no subject":                      {changes{"sub": nil}, nil, ErrSubject},
		"empty subject":                   {changes{"sub": ""}, nil, ErrSubject},
		"longest subject":                 {changes{"sub": strings.Repeat("x", 255)}, nil, nil},
		"subject that is too long":        {changes{"sub": strings.Repeat("x", 256)}, nil, ErrSubject},
		"no exp":                          {changes{"exp": nil}, nil, ErrNoTimes},
		"no iat":                          {changes{"iat": nil}, nil, ErrNoTimes},
		"expired":                         {changes{"exp": at(-Leeway)}, nil, ErrExpired},
		"expired within the leeway":       {changes{"exp": at(-Leeway + time.Second)}, nil, nil},
		"expired in 1970":                 {changes{"exp": 1}, nil, ErrExpired},
		"expires in ages":                 {changes{"exp": uint64(1 << 63)}, nil, nil},
		"issued in the future":            {changes{"iat": at(Leeway + time.Second)}, nil, ErrFuture},
		"issued within the leeway":        {changes{"iat": at(Leeway)}, nil, nil},
		"issued in ages":                  {changes{"iat": uint64(1 << 63)}, nil, ErrFuture},
		"not before the future":           {changes{"nbf": at(Leeway + time.Second)}, nil, ErrFuture},
		"not before, within":              {changes{"nbf": at(Leeway)}, nil, nil},
		"signed in in the future":         {changes{"auth_time": at(Leeway + time.Second)}, nil, ErrFuture},
		"signed in long ago":              {changes{"auth_time": at(-24 * time.Hour)}, nil, nil},
		"another nonce":                   {changes{"nonce": "other"}, nil, ErrNonce},
		"nonce that begins so":            {changes{"nonce": nonce + "x"}, nil, ErrNonce},
		"no nonce":                        {changes{"nonce": nil}, nil, ErrNonce},
		"no nonce, none expected":         {changes{"nonce": nil}, func(e *Expected) { e.Nonce = "" }, ErrNonce},
		"max_age, no auth_time":           {nil, maxAge(time.Hour), ErrAuthTime},
		"max_age, too old":                {changes{"auth_time": at(-time.Hour - Leeway - time.Second)}, maxAge(time.Hour), ErrAuthTime},
		"max_age, within the leeway":      {changes{"auth_time": at(-time.Hour - Leeway)}, maxAge(time.Hour), nil},
		"max_age 0, at once":              {changes{"auth_time": at(-time.Second)}, maxAge(0), nil},
		"max_age 0, too old":              {changes{"auth_time": at(-Leeway - time.Second)}, maxAge(0), ErrAuthTime},
		"max_age of a life, no auth_time": {nil, maxAge(100 * 365 * 24 * time.Hour), ErrAuthTime},
		"max_age, 1970":                   {changes{"auth_time": 1}, maxAge(time.Hour), ErrAuthTime},

		"acr":                  {changes{"acr": "gold"}, acr("silver", "gold"), nil},
		"another acr":          {changes{"acr": "bronze"}, acr("silver", "gold"), ErrACR},
		"no acr":               {nil, acr("gold"), ErrACR},
		"acr, none asked for":  {changes{"acr": "bronze"}, nil, nil},
		"acr of several words": {changes{"acr": "silver gold"}, acr("silver", "gold"), ErrACR},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := expected()
			if test.expect != nil {
				test.expect(&want)
			}
			err := parse(t, test.claims).Check(want)
			if test.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, test.want)
		})
	}
}

func TestCheckAtHash(t *testing.T) {
	t.Parallel()
	const access = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y" // OpenID Connect Core A.3
	digest256, digest512 := sha256.Sum256([]byte(access)), sha512.Sum512([]byte(access))
	other := sha256.Sum256([]byte("another access token"))
	half512 := base64.RawURLEncoding.EncodeToString(digest512[:32])

	token := parse(t, map[string]any{"at_hash": "77QmUPtjPfzWtF2AnpK9RQ"})
	require.NoError(t, token.CheckAtHash(digest256[:]))
	require.ErrorIs(t, token.CheckAtHash(other[:]), ErrAtHash)
	require.ErrorIs(t, token.CheckAtHash(digest512[:]), ErrAtHash)
	require.ErrorIs(t, token.CheckAtHash(nil), ErrAtHash)

	token = parse(t, map[string]any{"at_hash": half512})
	require.NoError(t, token.CheckAtHash(digest512[:]))
	require.ErrorIs(t, token.CheckAtHash(digest256[:]), ErrAtHash)

	token = parse(t, map[string]any{"at_hash": base64.RawURLEncoding.EncodeToString(digest256[:])})
	require.ErrorIs(t, token.CheckAtHash(digest256[:]), ErrAtHash, "the whole digest")

	require.NoError(t, parse(t, nil).CheckAtHash(digest256[:]))
}
