// @ts-check
/**
 * A plain OAuth 2.0 client: authorization code with PKCE (RFC 6749 §4.1,
 * RFC 7636), as an app would write it that has never heard of a vault. The
 * token request is an ordinary fetch, and the interceptor catches it.
 */

/**
 * @typedef {object} OAuthConfig
 * @property {string} clientId
 * @property {string} scope
 * @property {string} redirectUri
 * @property {string} authorizationEndpoint
 * @property {string} tokenEndpoint
 */

/** @typedef {{ state: string, verifier: string }} Transaction */

const TRANSACTION = 'demo.transaction';

/** A failure that says what to do next. */
export class SignInError extends Error {
  /**
   * @param {string} message
   * @param {string} mend
   */
  constructor(message, mend) {
    super(message);
    this.name = 'SignInError';
    this.mend = mend;
  }
}

/**
 * Base64url without padding (RFC 4648 §5).
 * @param {Uint8Array} bytes
 */
export function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** A fresh random value, for state and verifier. */
export function random() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

/**
 * The S256 challenge of a verifier (RFC 7636 §4.2).
 * @param {string} verifier
 */
export async function challenge(verifier) {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
  return base64url(new Uint8Array(digest));
}

/**
 * The authorization request for a transaction.
 * @param {OAuthConfig} config
 * @param {Transaction} transaction
 * @param {Record<string, string>} [extra]
 */
export async function authorizationURL(config, transaction, extra = {}) {
  const url = new URL(config.authorizationEndpoint);
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: config.clientId,
    redirect_uri: config.redirectUri,
    scope: config.scope,
    state: transaction.state,
    code_challenge: await challenge(transaction.verifier),
    code_challenge_method: 'S256',
    ...extra,
  }).toString();
  return url.href;
}

/**
 * The body of a token request for a code.
 * @param {OAuthConfig} config
 * @param {string} code
 * @param {string} verifier
 */
export function exchangeBody(config, code, verifier) {
  return new URLSearchParams({
    grant_type: 'authorization_code',
    client_id: config.clientId,
    redirect_uri: config.redirectUri,
    code,
    code_verifier: verifier,
  });
}

/**
 * Starts a sign-in: remembers state and verifier for this tab and leaves for
 * the authorization server.
 * @param {OAuthConfig} config
 */
export async function signIn(config) {
  const transaction = { state: random(), verifier: random() };
  sessionStorage.setItem(TRANSACTION, JSON.stringify(transaction));
  location.assign(await authorizationURL(config, transaction));
}

/** Reports whether this page load is the answer to an authorization request. */
export function isCallback() {
  const query = new URLSearchParams(location.search);
  return query.has('state') && (query.has('code') || query.has('error'));
}

/**
 * Ends a sign-in: checks the state and exchanges the code. Takes the answer out
 * of the address bar first, so that a reload does not send it twice.
 * @param {OAuthConfig} config
 * @returns {Promise<Record<string, unknown>>} the token response
 */
export async function finishSignIn(config) {
  const query = new URLSearchParams(location.search);
  history.replaceState(null, '', location.pathname);
  const stored = sessionStorage.getItem(TRANSACTION);
  sessionStorage.removeItem(TRANSACTION);
  const transaction = /** @type {Transaction | null} */ (stored === null ? null : JSON.parse(stored));
  if (transaction === null || query.get('state') !== transaction.state) {
    throw new SignInError('The answer does not belong to a sign-in that this tab began.', 'Sign in again from this tab.');
  }
  const refusal = query.get('error');
  if (refusal !== null) {
    throw new SignInError(
      `The authorization server refused: ${query.get('error_description') ?? refusal}.`,
      'Sign in again, and accept the request.',
    );
  }
  const response = await fetch(config.tokenEndpoint, {
    method: 'POST',
    body: exchangeBody(config, query.get('code') ?? '', transaction.verifier),
  });
  const body = /** @type {Record<string, unknown>} */ (await response.json());
  if (!response.ok) {
    throw new SignInError(
      `The token endpoint answered ${response.status}: ${String(body['error_description'] ?? body['message'] ?? body['error'])}.`,
      'A code lives for a short time and once: sign in again.',
    );
  }
  return body;
}
