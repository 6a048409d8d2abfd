package devidp

import (
	"net/url"
	"slices"
)

// Resource is a part of the API with an audience of its own (RFC 8707).
type Resource struct {
	// Path is the prefix, with a slash at both ends, such as "/v3/". The whole
	// protected API is there too. "/v1/" gives that prefix another audience than
	// Options.APIOrigin.
	Path string
	// URI is the audience, and what the parameter resource has to be.
	URI string
}

func invalidTarget(description string) error { return &tokenError{"invalid_target", description} }

// audiences tell the audience of each prefix of the protected API.
func (o *Options) audiences() map[string]string {
	out := map[string]string{"/v1/": o.APIOrigin}
	for _, r := range o.Resources {
		out[r.Path] = r.URI
	}
	return out
}

// isResource says whether a client may ask for tokens for it.
func (s *Server) isResource(uri string) bool {
	return uri == s.options.APIOrigin ||
		slices.ContainsFunc(s.options.Resources, func(r Resource) bool { return r.URI == uri })
}

// askedResources are those of an authorization request; a request that names none
// means the API.
func (s *Server) askedResources(p url.Values) ([]string, bool) {
	asked := p["resource"]
	if len(asked) == 0 {
		return []string{s.options.APIOrigin}, true
	}
	return asked, !slices.ContainsFunc(asked, func(uri string) bool { return !s.isResource(uri) })
}

// target is the resource of one access token. A token is for one alone, so that no
// resource can use it at another; a client that was granted several has to say which.
func (g *grant) target(form url.Values) (string, error) {
	asked := form["resource"]
	switch {
	case len(asked) > 1:
		return "", invalidTarget("an access token is for one resource: ask for them one by one")
	case len(asked) == 0 && len(g.resources) > 1:
		return "", invalidTarget("several resources were granted: name one")
	case len(asked) == 0:
		return g.resources[0], nil
	case !slices.Contains(g.resources, asked[0]):
		return "", invalidTarget("the resource was not granted")
	}
	return asked[0], nil
}
