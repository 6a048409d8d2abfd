package devidp

import (
	"net/http"

	"github.com/golang-jwt/jwt/v5"
)

// metadata is the document of OpenID Connect Discovery section 3 and RFC 8414
// section 2; one serves both.
type metadata struct {
	Issuer                string   `json:"issuer"`
	Authorization         string   `json:"authorization_endpoint"`
	Pushed                string   `json:"pushed_authorization_request_endpoint"`
	Token                 string   `json:"token_endpoint"`
	Revocation            string   `json:"revocation_endpoint"`
	UserInfo              string   `json:"userinfo_endpoint"`
	EndSession            string   `json:"end_session_endpoint"`
	JWKS                  string   `json:"jwks_uri"`
	Scopes                []string `json:"scopes_supported"`
	ResponseTypes         []string `json:"response_types_supported"`
	ResponseModes         []string `json:"response_modes_supported"`
	GrantTypes            []string `json:"grant_types_supported"`
	SubjectTypes          []string `json:"subject_types_supported"`
	IDTokenAlgorithms     []string `json:"id_token_signing_alg_values_supported"`
	TokenAuthMethods      []string `json:"token_endpoint_auth_methods_supported"`
	RevocationAuthMethods []string `json:"revocation_endpoint_auth_methods_supported"`
	ChallengeMethods      []string `json:"code_challenge_methods_supported"`
	Prompts               []string `json:"prompt_values_supported"`
	Claims                []string `json:"claims_supported"`
	ContextClasses        []string `json:"acr_values_supported"`
	ProofAlgorithms       []string `json:"dpop_signing_alg_values_supported"`
	ResponseIssuer        bool     `json:"authorization_response_iss_parameter_supported"`
	RequestParameter      bool     `json:"request_parameter_supported"`
	RequestURIParameter   bool     `json:"request_uri_parameter_supported"`
	PushedOnly            bool     `json:"require_pushed_authorization_requests"` // it is up to the client
	FrontChannel          bool     `json:"frontchannel_logout_supported"`
	FrontChannelSession   bool     `json:"frontchannel_logout_session_supported"`
}

func (s *Server) discovery(w http.ResponseWriter, r *http.Request, is issuer) {
	at := is.layout()
	w.Header().Set("Cache-Control", "no-cache")
	writeJSON(w, http.StatusOK, metadata{
		Issuer:                is.url,
		Authorization:         is.url + at.authorize,
		Pushed:                is.url + at.pushed,
		Token:                 is.url + at.token,
		Revocation:            is.url + at.revocation,
		UserInfo:              is.url + at.userInfo,
		EndSession:            is.url + at.endSession,
		JWKS:                  is.url + at.jwks,
		Scopes:                []string{"openid", "profile", "email", "offline_access", defaultScope},
		ResponseTypes:         []string{"code"},
		ResponseModes:         []string{"query"},
		GrantTypes:            []string{grantCode, grantRefresh},
		SubjectTypes:          []string{"public"},
		IDTokenAlgorithms:     []string{s.keys.idTokenAlg()},
		TokenAuthMethods:      []string{"none"},
		RevocationAuthMethods: []string{"none"},
		ChallengeMethods:      []string{"S256"},
		Prompts:               []string{promptNone, promptLogin, promptConsent, promptSelectAccount},
		Claims:                []string{"sub", "name", "preferred_username", "email", "email_verified", "auth_time", "nonce", "at_hash", "sid", "acr", "amr", "azp"},
		ContextClasses:        []string{ACRPassword, ACRMultiFactor},
		ProofAlgorithms:       []string{jwt.SigningMethodES256.Alg()},
		ResponseIssuer:        true,
		FrontChannel:          true,
		FrontChannelSession:   true,
	})
}
