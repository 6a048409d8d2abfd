package static

import (
	"path"
	"strconv"
	"strings"
)

// contentTypes by extension. A table of our own: the machine's differs from
// place to place, and a browser refuses a script or a module of a wrong type.
var contentTypes = map[string]string{
	".css":         "text/css; charset=utf-8",
	".html":        "text/html; charset=utf-8",
	".ico":         "image/x-icon",
	".jpg":         "image/jpeg",
	".js":          "text/javascript; charset=utf-8",
	".json":        "application/json",
	".map":         "application/json",
	".mjs":         "text/javascript; charset=utf-8",
	".png":         "image/png",
	".svg":         "image/svg+xml",
	".ts":          "text/plain; charset=utf-8",
	".txt":         "text/plain; charset=utf-8",
	".wasm":        "application/wasm",
	".webmanifest": "application/manifest+json",
	".webp":        "image/webp",
	".woff2":       "font/woff2",
}

// ContentType returns the media type of a file by its name.
func ContentType(name string) string {
	if known, ok := contentTypes[path.Ext(name)]; ok {
		return known
	}
	return "application/octet-stream"
}

// Compressible reports whether compression makes a file of this name smaller.
func Compressible(name string) bool {
	kind := ContentType(name)
	return strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "+xml") || strings.HasSuffix(kind, "json") || kind == "application/wasm"
}

// coding is a content coding (RFC 9110, section 8.4.1) and the extension under
// which the coded file lies beside the plain one.
type coding struct{ name, extension string }

// Codings that a folder of internal/dist has, the better first.
var codings = []coding{{"br", ".br"}, {"gzip", ".gz"}}

// accepts reports whether Accept-Encoding (RFC 9110, section 12.5.3) allows a
// coding. Among those allowed the server chooses: a preference between them
// says nothing about which is smaller.
func accepts(lines []string, coding string) bool {
	allowed := false
	for element := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		name, parameters, _ := strings.Cut(element, ";")
		switch name = strings.ToLower(strings.TrimSpace(name)); name {
		case coding:
			return weight(parameters) > 0
		case "*":
			allowed = weight(parameters) > 0
		}
	}
	return allowed
}

// weight returns the q parameter: 1 where there is none, 0 where it cannot be
// read, since what the client meant is unknown then.
func weight(parameters string) float64 {
	name, value, found := strings.Cut(strings.TrimSpace(parameters), "=")
	if !found && name == "" {
		return 1
	}
	q, err := strconv.ParseFloat(value, 64)
	if !strings.EqualFold(name, "q") || err != nil {
		return 0
	}
	return q
}
