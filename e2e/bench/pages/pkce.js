// The code flow, as short as it goes (RFC 7636), for products that catch the token
// request on its way: window.signIn() leaves the page, and comes back to it.
'use strict';

(() => {
  const { oauth } = window.config;
  const redirect = location.origin + location.pathname;

  /** @param {ArrayBuffer} bytes */
  const base64url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

  window.signIn = async () => {
    const verifier = base64url(crypto.getRandomValues(new Uint8Array(32)).buffer);
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
    sessionStorage.setItem('verifier', verifier);
    location.href = `${oauth.authorize}?${new URLSearchParams({
      response_type: 'code',
      client_id: oauth.client,
      redirect_uri: redirect,
      scope: oauth.scope,
      state: 'bench',
      code_challenge: base64url(digest),
      code_challenge_method: 'S256',
    })}`;
  };

  /** Exchanges the code that the page came back with. */
  window.finishSignIn = async () => {
    const response = await fetch(oauth.token, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        client_id: oauth.client,
        redirect_uri: redirect,
        code: new URLSearchParams(location.search).get('code'),
        code_verifier: sessionStorage.getItem('verifier'),
      }),
    });
    const { access_token: token } = await response.json();
    history.replaceState(null, '', redirect);
    return token;
  };
})();
