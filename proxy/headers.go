package proxy

import "strings"

// droppedHeaders are the app's headers that never go out on a protected route:
// what identifies the user is the vault's to say (Authorization, DPoP), and what
// the fetch standard forbids to scripts must not come in by a message either.
var droppedHeaders = []string{
	"authorization", "dpop", "cookie", "cookie2", "set-cookie",
	"host", "origin", "referer", "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
	"content-length", "expect", "date", "dnt", "via", "accept-charset", "accept-encoding",
	"access-control-request-headers", "access-control-request-method", "access-control-request-private-network",
	"x-http-method", "x-http-method-override", "x-method-override", "x-original-url", "x-rewrite-url",
}

// callerHeaders returns the app's headers that may go out.
func callerHeaders(headers []string) []string {
	kept := make([]string, 0, len(headers)+2)
	for i := 0; i+1 < len(headers); i += 2 {
		name := lower(headers[i])
		if contains(droppedHeaders, name) || strings.HasPrefix(name, "sec-") || strings.HasPrefix(name, "proxy-") {
			continue
		}
		kept = append(kept, headers[i], headers[i+1])
	}
	return kept
}

// header returns the first value of a header, "" when it is absent. The name is
// in lower case.
func header(headers []string, name string) string {
	for i := 0; i+1 < len(headers); i += 2 {
		if lower(headers[i]) == name {
			return headers[i+1]
		}
	}
	return ""
}

// lower returns s with its ASCII letters in lower case. What HTTP compares
// without regard to case is ASCII; the strings package brings Unicode's tables. It has
// too many callers to be inlined.
//
//go:noinline
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			out := []byte(s)
			for ; i < len(out); i++ {
				if c := out[i]; 'A' <= c && c <= 'Z' {
					out[i] = c + 'a' - 'A'
				}
			}
			return string(out)
		}
	}
	return s
}

// binaryTypes are the content types that cannot echo a header by accident.
// Everything else is scrubbed, the unknown included.
var binaryTypes = []string{
	"application/octet-stream", "application/pdf", "application/zip", "application/gzip", "application/wasm",
	"application/x-protobuf", "application/protobuf", "application/grpc",
}

// isTextLike reports whether a body of this content type is scrubbed.
func isTextLike(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	media = lower(strings.TrimSpace(media))
	if strings.HasSuffix(media, "+xml") || strings.IndexByte(contentType, ',') >= 0 {
		return true // two types are none
	}
	for _, prefix := range []string{"image/", "audio/", "video/", "font/", "application/vnd.openxmlformats-"} {
		if strings.HasPrefix(media, prefix) {
			return false
		}
	}
	return !contains(binaryTypes, media)
}
