package proxy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenvault/internal/policy"
)

func TestRedactionChangesNothingElse(t *testing.T) {
	t.Parallel()
	both := []string{"access_token", "refresh_token"}
	tests := []struct {
		name   string
		redact []string
		body   string
		want   string
	}{
		{"plain", both, `{"access_token":"access-1","refresh_token":"refresh-1"}`, `{"access_token":"REDACTED","refresh_token":"REDACTED"}`},
		{
			"white space, order, numbers and unknown members", both,
			"\n{ \"scope\" : \"a b\" ,\t\"access_token\" : \"access-1\",\r\n\"expires_in\":3.6e3, \"x\":[1,{\"y\":null}], \"n\":-0.10 }\n",
			"\n{ \"scope\" : \"a b\" ,\t\"access_token\" : \"REDACTED\",\r\n\"expires_in\":3.6e3, \"x\":[1,{\"y\":null}], \"n\":-0.10 }\n",
		},
		{"duplicates, each", both, `{"access_token":"access-1","a":1,"access_token":"access-2","a":2}`, `{"access_token":"REDACTED","a":1,"access_token":"REDACTED","a":2}`},
		{"a duplicate that is repeated elsewhere", both, `{"access_token":"access-1","access_token":"access-2","x":"access-1 access-2"}`, `{"access_token":"REDACTED","access_token":"REDACTED","x":"REDACTED REDACTED"}`},
		{"an escaped name", both, `{"access_token":"access-1","\u0061ccess_\u0074oken":"access-2"}`, `{"access_token":"REDACTED","\u0061ccess_\u0074oken":"REDACTED"}`},
		{"an escaped value", both, `{"access_token":"acc\u0065ss\/1"}`, `{"access_token":"REDACTED"}`},
		{"a name that only looks alike", both, `{"access_token":"access-1","Access_Token":"x","access_token ":"y"}`, `{"access_token":"REDACTED","Access_Token":"x","access_token ":"y"}`},
		{"the value under another name", both, `{"access_token":"access-1","token":"access-1","u":"https://x/?t=access-1&b"}`, `{"access_token":"REDACTED","token":"REDACTED","u":"https://x/?t=REDACTED&b"}`},
		{"the value in a name", both, `{"access_token":"access-1","access-1":true}`, `{"access_token":"REDACTED","REDACTED":true}`},
		{"the value deeper", both, `{"access_token":"access-1","a":{"b":["access-1"]}}`, `{"access_token":"REDACTED","a":{"b":["REDACTED"]}}`},
		{"the value escaped deeper", both, `{"access_token":"access/1","a":{"b":"access\/1 access\u002f1"}}`, `{"access_token":"REDACTED","a":{"b":"REDACTED REDACTED"}}`},
		{"another token deeper", both, `{"access_token":"access-1","user":{"access_token":"tiny","refresh_token":{"v":"x"}},"z":1}`, `{"access_token":"REDACTED","user":{"access_token":"REDACTED","refresh_token":"REDACTED"},"z":1}`},
		{"another token within a redacted member", both, `{"access_token":"access-1","refresh_token":{"access_token":"x"},"z":1}`, `{"access_token":"REDACTED","refresh_token":"REDACTED","z":1}`},
		{"null stays null", both, `{"access_token":"access-1","refresh_token":null}`, `{"access_token":"REDACTED","refresh_token":null}`},
		{"a short token", both, `{"access_token":"a","x":"a"}`, `{"access_token":"REDACTED","x":"a"}`},
		{"the id_token stays", both, `{"access_token":"access-1","id_token":"id-token-1"}`, `{"access_token":"REDACTED","id_token":"id-token-1"}`},
		{"the id_token goes", append(both, "id_token"), `{"access_token":"access-1","id_token":"id-token-1"}`, `{"access_token":"REDACTED","id_token":"REDACTED"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			next, err := readTokenReply([]byte(tt.body), &policy.Client{Redact: tt.redact}, "", nil, time.Now())
			require.NoError(t, err)
			require.Equal(t, tt.want, next.reply)
		})
	}
}

func TestTokenReply(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	before := &session{generation: 41, grant: grant{access: secretOf("old-access")}, refresh: secretOf("old-refresh"), id: secretOf("old-id")}
	tests := []struct {
		name, body          string
		before              *session
		access, refresh, id string
		lifetime            time.Duration
		never               bool // no expiry is known
	}{
		{"all of it", `{"access_token":"a1","refresh_token":"r1","id_token":"i1","token_type":"Bearer","expires_in":60}`, nil, "a1", "r1", "i1", time.Minute, false},
		{"bearer in other letters", `{"access_token":"a1","token_type":"bEaReR"}`, nil, "a1", "", "", 0, true},
		{"a new refresh token replaces", `{"access_token":"a1","refresh_token":"r1"}`, before, "a1", "r1", "old-id", 0, true},
		{"no new refresh token keeps", `{"access_token":"a1"}`, before, "a1", "old-refresh", "old-id", 0, true},
		{"null keeps", `{"access_token":"a1","refresh_token":null,"id_token":null}`, before, "a1", "old-refresh", "old-id", 0, true},
		{"empty keeps", `{"access_token":"a1","refresh_token":""}`, before, "a1", "old-refresh", "old-id", 0, true},
		{"the last of two counts, as in JSON.parse", `{"access_token":"a1","access_token":"a2"}`, nil, "a2", "", "", 0, true},
		{"an escaped token", `{"access_token":"a\u0031\/"}`, nil, "a1/", "", "", 0, true},
		{"expires_in as text", `{"access_token":"a1","expires_in":"60"}`, nil, "a1", "", "", time.Minute, false},
		{"expires_in with a fraction", `{"access_token":"a1","expires_in":60.9}`, nil, "a1", "", "", time.Minute, false},
		{"expires_in 0", `{"access_token":"a1","expires_in":0}`, nil, "a1", "", "", 0, false},
		{"expires_in below 0", `{"access_token":"a1","expires_in":-5}`, nil, "a1", "", "", 0, true},
		{"expires_in null", `{"access_token":"a1","expires_in":null}`, nil, "a1", "", "", 0, true},
		{"expires_in empty", `{"access_token":"a1","expires_in":""}`, nil, "a1", "", "", 0, true},
		{"expires_in is words", `{"access_token":"a1","expires_in":"soon"}`, nil, "a1", "", "", 0, true},
		{"expires_in is huge", `{"access_token":"a1","expires_in":99999999999999999999999999}`, nil, "a1", "", "", maxLifetime, false},
		{"expires_in further in", `{"access_token":"a1","x":{"expires_in":5}}`, nil, "a1", "", "", 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			next, err := readTokenReply([]byte(tt.body), &policy.Client{Redact: []string{"access_token", "refresh_token"}}, "", tt.before, now)
			require.NoError(t, err)
			require.Equal(t, tt.access, next.access.Expose())
			require.Equal(t, tt.refresh, next.refresh.Expose())
			require.Equal(t, tt.id, next.id.Expose())
			require.Equal(t, tt.lifetime, next.lifetime)
			require.Equal(t, tt.never, next.expiresAt.IsZero())
			if !tt.never {
				require.Equal(t, now.Add(tt.lifetime), next.expiresAt)
			}
			if tt.before != nil {
				require.Equal(t, tt.before.generation+1, next.generation)
			}
		})
	}
}

func TestSessionRecord(t *testing.T) {
	t.Parallel()
	full := &session{
		generation: 1 << 50, refresh: secretOf("r"), id: secretOf("i"), reply: `{"x":1}`,
		grant: grant{
			indicator: "https://api.example.com/", since: 1 << 49, access: secretOf("a"),
			expiresAt: time.UnixMilli(1_700_000_000_123), lifetime: 90 * time.Second,
		},
	}
	several := *full
	several.others = []*grant{{access: secretOf("b"), since: 3}, {indicator: "urn:c", access: secretOf("c"), lifetime: time.Second}}
	for name, want := range map[string]*session{"full": full, "several": &several, "empty": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := decodeSession(want.encode())
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
	record := full.encode()
	for length := range record {
		_, err := decodeSession(record[:length])
		require.ErrorIs(t, err, errBadRecord, "cut to %d bytes", length)
	}
	_, err := decodeSession(append(record, 0))
	require.ErrorIs(t, err, errBadRecord)
	for _, text := range []string{"", "-1", "1x", "1234567890123456789"} {
		_, ok := number(text)
		require.False(t, ok, text)
	}
}
