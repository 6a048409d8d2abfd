package budget

import "tokenvault/internal/wasmbuild"

// The reasons, with the size that the import adds where that is one.
var (
	forbidJSON   = Forbidden{"encoding/json", "1080 KB; the browser parses JSON"}
	forbidURL    = Forbidden{"net/url", "870 KB, and a second URL parser disagrees with the browser's: an allow-list bypass"}
	forbidHTTP   = Forbidden{"net/http", "8000 KB; the browser fetches"}
	forbidRegexp = Forbidden{"regexp", "620 KB; the policy matches whole segments, and a pattern hides what it allows"}
	forbidSlog   = Forbidden{"log/slog", "1400 KB; the vault logs nothing that could hold a token"}
)

// forbidVault is for what runs in the vault origin.
var forbidVault = []Forbidden{
	forbidJSON, forbidURL, forbidHTTP, forbidRegexp, forbidSlog,
	{"github.com/golang-jwt/jwt/...", "3400 KB; the proxy does not look into tokens"},
	{"crypto/rsa", "keys live in WebCrypto, not extractable"},
	{"crypto/ecdsa", "keys live in WebCrypto, not extractable"},
	{"crypto/tls", "the browser speaks TLS"},
}

// Binaries is the table of DESIGN §4, and the program of the pages, which came later:
// it has the frame's budget, and is loaded only when somebody signs in.
var Binaries = []Binary{
	{
		Name: "interceptor.wasm", Package: wasmbuild.InterceptorPackage,
		Raw: 2_300_000, Brotli: 510_000,
		Forbid: []Forbidden{
			forbidJSON, forbidURL, forbidHTTP, forbidRegexp, forbidSlog,
			{"fmt", "630 KB in a binary that every start of the worker compiles; join strings"},
			{"github.com/hack-pad/safejs/...", "690 KB (it imports fmt); the interceptor talks by wasmexport"},
			{"crypto/...", "480 KB at least; nothing in the app origin is secret"},
		},
	},
	{
		Name: "proxy.wasm", Package: wasmbuild.ProxyPackage,
		Raw: 3_200_000, Brotli: 700_000,
		Forbid: forbidVault,
	},
	{
		Name: "signin.wasm", Package: wasmbuild.SignInPackage,
		Raw: 3_200_000, Brotli: 700_000,
		Forbid: forbidVault,
	},
}
