package config

import (
	"strings"

	"tokenvault/internal/policy"
)

// parsePingAM derives the endpoints of PingAM (formerly ForgeRock AM) from the
// two settings that its SDK has: the deployment's base URL and the realm. A realm
// path is "/", "" or "root" for the root realm, "alpha" or "/alpha" for a realm
// below it, "alpha/beta" for one below that.
//
// Without "issuer" the issuer is what AM is by default: the realm's OAuth 2.0
// path. Some deployments put the default port into it; they set "issuer".
func parsePingAM(o *object, c *Client, p *problems) {
	base, ok := o.required("baseUrl", "write the URL of the deployment, such as https://am.example.com/am")
	realm, _ := o.optional("realmPath")
	o.close()
	if !ok {
		return
	}
	u, f := splitURL(base, "https://am.example.com/am")
	if f == nil {
		f = u.plainPort()
	}
	if f == nil && (u.query != "" || strings.HasSuffix(base, "?")) {
		f = &fault{"has a query", "remove it"}
	}
	if f == nil && strings.Contains(u.path, "*") {
		f = &fault{"has a star", "write the URL of one deployment"}
	}
	if f == nil && u.path != "" {
		f = checkPath(u.path)
	}
	if f != nil {
		p.addFault(o.key("baseUrl"), f)
		return
	}
	folder := strings.TrimSuffix(u.path, "/")
	realms := realmFolders(realm)
	if checkPath("/"+realms) != nil || strings.Contains(realms, "*") {
		p.add(o.key("realmPath"), "is not a realm path", `write the realm's name, such as "alpha", or "/" for the root realm`)
		return
	}
	endpoint := func(name string) policy.Endpoint {
		return policy.Endpoint{Origin: u.origin(), Path: folder + "/oauth2/" + realms + "/" + name}
	}
	c.Endpoints = Endpoints{
		Token:      endpoint("access_token"),
		Revocation: endpoint("token/revoke"),
		UserInfo:   endpoint("userinfo"),
		EndSession: endpoint("connect/endSession"),
	}
	if c.SignIn.ByVault {
		c.Endpoints.Authorization = endpoint("authorize")
		c.Endpoints.Keys = endpoint("connect/jwk_uri")
	}
	if c.SignIn.Pushed {
		c.Endpoints.Pushed = endpoint("par")
	}
	if c.Issuer == "" {
		c.Issuer = u.origin() + folder + "/oauth2/" + realms
	}
}

// realmFolders turns "alpha/beta" into "realms/root/realms/alpha/realms/beta".
func realmFolders(realm string) string {
	folders := []string{"realms/root"}
	for i, name := range strings.Split(strings.Trim(realm, "/"), "/") {
		if i == 0 && (name == "" || name == "root") {
			continue
		}
		folders = append(folders, "realms/"+name)
	}
	return strings.Join(folders, "/")
}
