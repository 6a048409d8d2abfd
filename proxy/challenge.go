package proxy

import "strings"

// challenge is why a resource has refused a request with a token. The header that
// says it reaches the vault only if the API lists WWW-Authenticate in
// Access-Control-Expose-Headers.
type challenge struct {
	code              string // RFC 6750 §3.1, RFC 9449 §8, RFC 9470 §3
	acrValues, maxAge string // the sign-in that is wanted (RFC 9470 §3)
}

// challengeWith finds, in a response, the challenge to a token that has this error
// code.
func challengeWith(code string, status int, headers []string) (found challenge, ok bool) {
	if status != 401 {
		return challenge{}, false
	}
	text := header(headers, "www-authenticate")
	ours := false // of a scheme that tokens are sent with
	for {
		text = skip(text, ", \t")
		word := upTo(text, ", \t=\"")
		value, rest, is := parameterValue(text[len(word):])
		text = rest
		switch {
		case word == "":
			return found, ours && found.code == code
		case !is: // the next challenge begins (RFC 9110 §11.6.1)
			if ours && found.code == code {
				return found, true
			}
			word = lower(word)
			found, ours = challenge{}, word == "bearer" || word == "dpop"
			continue
		}
		switch lower(word) {
		case "error":
			setOnce(&found.code, lower(value))
		case "acr_values":
			setOnce(&found.acrValues, value)
		case "max_age":
			setOnce(&found.maxAge, value)
		}
	}
}

// setOnce keeps what a parameter said first: none may stand twice.
func setOnce(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// upTo returns what text has before the first of these characters.
func upTo(text, ends string) string {
	if end := strings.IndexAny(text, ends); end >= 0 {
		return text[:end]
	}
	return text
}

// skip returns what text has behind characters of these at its beginning.
func skip(text, these string) string {
	for text != "" && strings.IndexByte(these, text[0]) >= 0 {
		text = text[1:]
	}
	return text
}

// parameterValue reads the value behind a name, if it is that of a parameter: rest
// is what follows. A value whose quotes do not end takes all of the text. An escape
// within quotes stays one: nothing that the vault looks for has any.
func parameterValue(text string) (value, rest string, is bool) {
	value, is = strings.CutPrefix(skip(text, " \t"), "=")
	if !is {
		return "", text, false
	}
	value = skip(value, " \t")
	if !strings.HasPrefix(value, `"`) {
		plain := upTo(value, ", \t\"")
		return plain, value[len(plain):], true
	}
	for i := 1; i < len(value); i++ {
		switch value[i] {
		case '"':
			return value[1:i], value[i+1:], true
		case '\\':
			i++
		}
	}
	return "", "", true
}
