// The API: GET /…/whoami tells which token it got, once the token is good for the URL.
// ?acr= and ?max_age= ask for a sign-in of that strength and age (RFC 9470).

import { createHash, randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, createLocalJWKSet, EmbeddedJWK, jwtVerify } from 'jose';

/** @typedef {import('node:http').IncomingMessage} Request */

/** What is wrong with a request, as the header WWW-Authenticate tells it. */
class Refusal extends Error {
  /** @param {string} code @param {Record<string, string>} [more] */
  constructor(code, more = {}) {
    super(code);
    this.parameters = { error: code, ...more };
  }
}

const refuse = (/** @type {string} */ code) => (/** @type {unknown} */ cause) => {
  console.error('API:', cause);
  throw new Refusal(code);
};

const sha256 = (/** @type {string} */ value, /** @type {import('node:crypto').BinaryToTextEncoding} */ form) =>
  createHash('sha256').update(value).digest(form);

/**
 * @param {import('oidc-provider').Provider} provider
 * @param {import('./server.mjs').Settings} settings
 * @param {import('oidc-provider').JWK[]} keys
 * @returns {(request: Request, response: import('node:http').ServerResponse) => Promise<void>}
 */
export function api(provider, settings, keys) {
  const nonce = randomUUID();
  const proofs = new Set();
  const keySet = createLocalJWKSet({ keys: keys.map(({ kid, kty, crv, x, y, n, e }) => /** @type {import('jose').JWK} */ ({ kid, kty, crv, x, y, n, e })) });

  /** Finds what an access token stands for. @param {string} value @param {string} url */
  async function read(value, url) {
    if (!value.includes('.')) {
      const token = await provider.AccessToken.find(value);
      if (!token) throw new Refusal('invalid_token');
      const { accountId: sub, scope, jkt, extra } = token;
      return { sub, aud: null, scope, jkt, acr: extra?.acr, authTime: extra?.auth_time };
    }
    const audience = settings.resources.filter((resource) => url.startsWith(`${resource}/`));
    const { payload } = await jwtVerify(value, keySet, { issuer: settings.issuer, audience, typ: 'at+jwt' })
      .catch(refuse('invalid_token'));
    const { sub, aud, scope, cnf, acr, auth_time: authTime } = payload;
    return { sub, aud, scope, jkt: /** @type {{ jkt?: string } | undefined} */ (cnf)?.jkt, acr, authTime };
  }

  /** Checks a proof (RFC 9449 §4.3). @param {Request} request @param {string} url @param {string} token @param {string} [jkt] */
  async function prove(request, url, token, jkt) {
    const { payload, protectedHeader } = await jwtVerify(String(request.headers.dpop), EmbeddedJWK, {
      typ: 'dpop+jwt', algorithms: ['ES256'], requiredClaims: ['iat', 'jti'],
    }).catch(refuse('invalid_dpop_proof'));
    if (settings.nonces && payload.nonce !== nonce) throw new Refusal('use_dpop_nonce');
    const age = Math.abs(Date.now() / 1000 - Number(payload.iat));
    const good = payload.htm === request.method && payload.htu === url && payload.ath === sha256(token, 'base64url')
      && (settings.nonces || age < 300) && !proofs.has(payload.jti);
    if (!good) throw new Refusal('invalid_dpop_proof');
    proofs.add(payload.jti);
    if (await calculateJwkThumbprint(/** @type {import('jose').JWK} */ (protectedHeader.jwk)) !== jkt) throw new Refusal('invalid_token');
  }

  /** @param {Request} request */
  async function whoami(request) {
    const { origin, pathname, searchParams } = new URL(request.url ?? '', settings.api);
    const url = origin + pathname;
    const [, scheme = '', token = ''] = /^(Bearer|DPoP) (\S+)$/.exec(request.headers.authorization ?? '') ?? [];
    if (!token) throw new Refusal('invalid_request');
    const { jkt, acr, authTime, ...rest } = await read(token, url);
    if ((scheme === 'DPoP') !== (jkt !== undefined)) throw new Refusal('invalid_token');
    if (scheme === 'DPoP') await prove(request, url, token, jkt);
    const wanted = searchParams.get('acr');
    if (wanted && wanted !== acr) throw new Refusal('insufficient_user_authentication', { acr_values: wanted });
    const maxAge = searchParams.get('max_age');
    if (maxAge && !(Date.now() / 1000 - Number(authTime) <= Number(maxAge))) {
      throw new Refusal('insufficient_user_authentication', { max_age: maxAge });
    }
    return { ...rest, scheme, jkt, acr, token_sha256: sha256(token, 'hex') };
  }

  return async (request, response) => {
    const { origin = '' } = request.headers;
    if (settings.origins.includes(origin)) {
      response.setHeader('Access-Control-Allow-Origin', origin);
      response.setHeader('Access-Control-Allow-Headers', 'authorization, dpop');
      response.setHeader('Access-Control-Expose-Headers', 'dpop-nonce, www-authenticate');
    }
    response.setHeader('Vary', 'Origin');
    if (settings.nonces) response.setHeader('DPoP-Nonce', nonce);
    if (request.method === 'OPTIONS') {
      response.writeHead(204).end();
      return;
    }
    try {
      const body = JSON.stringify(await whoami(request));
      response.setHeader('Content-Type', 'application/json');
      response.end(body);
    } catch (error) {
      if (!(error instanceof Refusal)) console.error('API:', error);
      const parameters = error instanceof Refusal ? error.parameters : { error: 'server_error' };
      const scheme = request.headers.authorization?.startsWith('DPoP ') ? 'DPoP' : 'Bearer';
      response.setHeader('WWW-Authenticate', `${scheme} ${Object.entries(parameters).map(([name, value]) => `${name}="${value}"`).join(', ')}`);
      response.writeHead(error instanceof Refusal ? 401 : 500, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(parameters));
    }
  };
}
