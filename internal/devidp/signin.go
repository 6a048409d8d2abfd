package devidp

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
)

const (
	signInPath = "/signin"
	stylePath  = "/style.css"
	iconPath   = "/icon.svg"
)

var errForeignForm = errors.New("the form was not sent by this browser's own sign-in page")

// askSignIn shows the form, bound to this browser by a cookie: a form made for one
// browser cannot be finished in another (login CSRF). The caller holds s.mu.
func (s *Server) askSignIn(w http.ResponseWriter, r *http.Request, q authorizationRequest) func() {
	browser := cookieValue(r, s.browserCookie())
	if browser == "" {
		browser = randomValue(32)
		s.setCookie(w, s.browserCookie(), browser)
	}
	id := randomValue(32)
	now := s.now()
	s.transactions.put(id, &transaction{request: q, browser: browser}, now, now.Add(transactionTTL))
	return func() { s.signInPage(w, http.StatusOK, id, q, q.loginHint, "") }
}

// signIn takes the form.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request) {
	form, err := readForm(w, r)
	if err == nil {
		err = checkOwnForm(r)
	}
	if err != nil {
		s.errorPage(w, http.StatusBadRequest, "The form cannot be used", err.Error())
		return
	}
	s.answerSignIn(w, r, form)()
}

// answerSignIn decides under the lock and returns what writes the answer.
func (s *Server) answerSignIn(w http.ResponseWriter, r *http.Request, form url.Values) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := form.Get("transaction")
	t, ok := s.transactions.get(id, s.now())
	if !ok || subtle.ConstantTimeCompare([]byte(t.browser), []byte(cookieValue(r, s.browserCookie()))) != 1 {
		return func() {
			s.errorPage(w, http.StatusBadRequest, "This sign-in has ended",
				"It took too long, or it was started in another browser. Go back to the app and sign in again.")
		}
	}
	if form.Get("action") == "cancel" {
		s.transactions.remove(id)
		return func() {
			s.redirectError(w, t.request, &redirectError{"access_denied", "the person cancelled the sign-in"})
		}
	}
	account, ok := s.authenticate(form.Get("username"), form.Get("password"))
	problem := ""
	switch {
	case !ok:
		problem = "The user name or the password is wrong."
	case t.request.acr == ACRMultiFactor && subtle.ConstantTimeCompare([]byte(form.Get("factor")), []byte(SecondFactor)) != 1:
		problem = "The one-time code is wrong."
	}
	if problem != "" {
		s.stats.SignInFailures++
		return func() {
			s.signInPage(w, http.StatusUnauthorized, id, t.request, form.Get("username"), problem)
		}
	}
	s.transactions.remove(id)
	return s.redirectCode(w, t.request, s.startSession(w, r, account.subject(), t.request.acr))
}

func (s *Server) authenticate(username, password string) (Account, bool) {
	for _, a := range s.options.Accounts {
		if a.Username == username {
			return a, subtle.ConstantTimeCompare([]byte(a.Password), []byte(password)) == 1
		}
	}
	return Account{}, false
}

// checkOwnForm refuses a form that another origin sent. The app's origin is
// same-site with this one, so SameSite cookies do not tell the two apart.
func checkOwnForm(r *http.Request) error {
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return errForeignForm
	}
	return nil
}

// originOf is the origin of a registered redirect URI, which was checked at start.
func originOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return "'none'"
	}
	return u.Scheme + "://" + u.Host
}
