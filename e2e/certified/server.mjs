// A certified authorization server for the tests: oidc-provider, and an API that takes
// its tokens, on one port of loopback, as two hosts.
//
// The first line of stdin is the configuration (Settings below). Each further line is a
// question, answered by one line of stdout. The process ends when stdin does.

import { once } from 'node:events';
import { Console } from 'node:console';
import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { errors, interactionPolicy, Provider } from 'oidc-provider';
import { api } from './api.mjs';
import { errorPage, logoutPage, signInPage } from './pages.mjs';

/**
 * @typedef {object} Settings
 * @property {string} issuer
 * @property {string} api the API's origin, on the same port
 * @property {string[]} origins who may read answers by CORS
 * @property {import('oidc-provider').ClientMetadata[]} clients
 * @property {{ id: string, name: string, email: string }[]} accounts any password will do
 * @property {string[]} resources resource indicators, each with JWTs as access tokens
 * @property {boolean} nonces whether DPoP proofs need a nonce, here and at the API
 * @property {boolean} requirePAR
 * @property {string[]} acrValues what a sign-in can reach when acr_values asks for it
 * @property {number} accessTTL seconds
 * @property {number} refreshTTL seconds
 * @property {number} skew seconds by which the clock here is ahead
 * @property {boolean} offline whether refresh tokens are for those who were given offline_access
 */

// The library prints notices to stdout, which is for answers.
globalThis.console = new Console(process.stderr);

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
/** @type {Settings} */
const settings = JSON.parse((await lines.next()).value ?? '{}');
const { issuer, origins } = settings;

const { now } = Date;
Date.now = () => now() + settings.skew * 1000;

/** Everything secret that was handed out. @type {{ kind: string, value: string }[]} */
const issued = [];
/** What was asked for, in order. @type {{ method: string, path: string, origin: string, status: number, params: unknown }[]} */
const requests = [];
/** Whether the next answer with tokens gets lost on its way. */
let losing = false;
/** Whether the next authorization response comes without iss (RFC 9207). */
let omitsIssuer = false;

const keys = [
  generateKeyPairSync('rsa', { modulusLength: 2048 }),
  generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  generateKeyPairSync('ed25519'),
].map(({ privateKey }) => /** @type {import('oidc-provider').JWK} */ ({ kid: randomUUID(), ...privateKey.export({ format: 'jwk' }) }));

// An acr_values that the session does not have is a reason to sign in again. The library
// leaves that to its user (OpenID Connect Core §5.5.1.1 makes it voluntary).
const policy = interactionPolicy.base();
policy.get('login')?.checks.add(new interactionPolicy.Check('acr_values', 'a stronger sign-in is needed', ({ oidc }) => {
  const wanted = asList(oidc.params?.acr_values).filter((acr) => settings.acrValues.includes(acr));
  return wanted.length > 0 && !wanted.includes(oidc.acr ?? '');
}));

const provider = new Provider(issuer, {
  clients: settings.clients,
  jwks: { keys },
  enabledJWA: {
    idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'],
    dPoPSigningAlgValues: ['ES256'],
  },
  cookies: { keys: [randomBytes(16).toString('hex')] },
  scopes: ['openid', 'profile', 'email', 'offline_access'],
  claims: { openid: ['sub'], profile: ['name'], email: ['email'] },
  acrValues: settings.acrValues,
  pkce: { required: () => true },
  clientBasedCORS: (_ctx, origin) => origins.includes(origin),
  findAccount: (_ctx, id) => {
    const account = settings.accounts.find((known) => known.id === id);
    return account && { accountId: id, claims: () => ({ sub: id, name: account.name, email: account.email }) };
  },
  // The library drops offline_access where prompt is not "consent". Most clients of the
  // tests need refresh tokens without such a prompt.
  issueRefreshToken: (_ctx, client, source) => client.grantTypeAllowed('refresh_token') && (!settings.offline || source.scopes.has('offline_access')),
  expiresWithSession: () => false,
  rotateRefreshToken: true,
  // What the API judges a step-up by (RFC 9470).
  extraTokenClaims: ({ oidc }) => {
    const { acr, authTime } = oidc.entities.AuthorizationCode ?? oidc.entities.RefreshToken ?? {};
    return { acr, auth_time: authTime };
  },
  ttl: {
    AccessToken: settings.accessTTL, RefreshToken: settings.refreshTTL,
    AuthorizationCode: 60, Grant: 3600, IdToken: 3600, Interaction: 3600, Session: 3600,
  },
  interactions: { policy, url: (_ctx, { uid }) => `/interaction/${uid}` },
  renderError: errorPage,
  features: {
    devInteractions: { enabled: false },
    claimsParameter: { enabled: true },
    revocation: { enabled: true },
    rpInitiatedLogout: { enabled: true, logoutSource: logoutPage },
    pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: settings.requirePAR },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => settings.nonces },
    resourceIndicators: {
      enabled: settings.resources.length > 0,
      getResourceServerInfo: (_ctx, resource) => {
        if (!settings.resources.includes(resource)) throw new errors.InvalidTarget();
        return { scope: 'openid profile email', audience: resource, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } };
      },
    },
  },
});

for (const event of ['server_error', 'grant.error', 'authorization.error', 'userinfo.error', 'pushed_authorization_request.error']) {
  provider.on(/** @type {'server_error'} */ (event), (_ctx, error) => console.error(event, error));
}

// The ledger. It has a secret before the client does.
provider.use(async (ctx, next) => {
  await next();
  const { path } = ctx;
  const params = Object.fromEntries(Object.entries(ctx.oidc?.params ?? {}).filter(([, value]) => value !== undefined));
  requests.push({ method: ctx.method, path, origin: ctx.get('Origin'), status: ctx.status, params });
  if (path === '/token' && ctx.status === 200) {
    for (const kind of ['access', 'refresh', 'id']) {
      const value = ctx.body[`${kind}_token`];
      if (value) issued.push({ kind, value });
    }
    if (losing) {
      losing = ctx.respond = false;
      ctx.req.socket.destroy();
    }
  }
  const location = URL.parse(ctx.response.get('Location'));
  const code = location?.searchParams.get('code');
  if (!location || !code) return;
  issued.push({ kind: 'code', value: code });
  if (omitsIssuer) {
    omitsIssuer = false;
    location.searchParams.delete('iss');
    ctx.redirect(location.href);
  }
});

// The library's interactions: one form that signs in and consents.
provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith('/interaction/')) return next();
  const { prompt, params, session, grantId } = await provider.interactionDetails(ctx.req, ctx.res);
  const form = ctx.method === 'POST' ? new URLSearchParams(await text(ctx.req)) : undefined;
  const account = settings.accounts.find(({ id }) => id === (prompt.name === 'login' ? form?.get('username') : session?.accountId));
  if (form?.get('action') !== 'cancel' && !(form && account)) {
    ctx.type = 'html';
    ctx.body = signInPage(prompt.name, form && 'There is no such account.');
    return undefined;
  }
  ctx.respond = false;
  if (!account || form?.get('action') === 'cancel') {
    return provider.interactionFinished(ctx.req, ctx.res, { error: 'access_denied', error_description: 'The user cancelled.' });
  }
  const known = prompt.name === 'consent' && grantId ? await provider.Grant.find(grantId) : undefined;
  const grant = known ?? new provider.Grant({ accountId: account.id, clientId: String(params.client_id) });
  grant.addOIDCScope(String(params.scope));
  grant.addOIDCClaims(/** @type {string[]} */ (prompt.details.missingOIDCClaims ?? []));
  for (const resource of [params.resource ?? []].flat()) grant.addResourceScope(String(resource), String(params.scope));
  const acr = asList(params.acr_values).find((value) => settings.acrValues.includes(value));
  return provider.interactionFinished(ctx.req, ctx.res, {
    ...(prompt.name === 'login' && { login: { accountId: account.id, acr, amr: ['pwd'] } }),
    consent: { grantId: await grant.save() },
  }, { mergeWithLastSubmission: true });
});

/** @param {unknown} value a list as OAuth writes it */
function asList(value) {
  return typeof value === 'string' ? value.split(' ') : [];
}

/**
 * Whether a token would still be taken. A JWT is taken until it expires.
 *
 * @param {{ kind: string, value: string }} token
 */
async function isLive({ kind, value }) {
  switch (kind) {
    case 'access': return value.includes('.') || await provider.AccessToken.find(value) !== undefined;
    case 'refresh': {
      const found = await provider.RefreshToken.find(value);
      return found !== undefined && !found.consumed;
    }
    default: return false;
  }
}

/** @type {Record<string, () => unknown>} */
const questions = {
  issued: () => Promise.all(issued.map(async (token) => ({ ...token, live: await isLive(token) }))),
  requests: () => requests,
  lose: () => losing = true,
  omitIssuer: () => omitsIssuer = true,
};

/** @param {unknown} value */
const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const authorization = provider.callback();
const protectedAPI = api(provider, settings, keys);
const server = createServer((request, response) => {
  const host = `http://${request.headers.host}`;
  return host === settings.api ? protectedAPI(request, response) : authorization(request, response);
});
server.listen(Number(new URL(issuer).port), '127.0.0.1');
try {
  await once(server, 'listening');
} catch (error) {
  answer({ ready: false, taken: /** @type {NodeJS.ErrnoException} */ (error).code === 'EADDRINUSE' });
  throw error;
}
answer({ ready: true });
for await (const question of lines) answer(await questions[question]?.());
process.exit();
