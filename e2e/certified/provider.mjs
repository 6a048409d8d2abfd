// The authorization server itself: the library, as the tests set it up.

import { randomBytes } from 'node:crypto';
import { errors, interactionPolicy, Provider } from 'oidc-provider';
import { frontChannel, withSessions } from './frontchannel.mjs';
import { asList, interactions } from './interactions.mjs';
import { errorPage, logoutPage } from './pages.mjs';
import { Storage } from './storage.mjs';

const cookieKeys = [randomBytes(16).toString('hex')];
const nonceSecret = randomBytes(32);

/**
 * Makes a server. What an earlier one of this process has stored, this one knows too.
 *
 * @param {import('./server.mjs').Settings} settings
 * @param {import('oidc-provider').JWK[]} keys what it signs with
 * @param {Parameters<Provider['use']>[0]} watch sees each request with its answer
 */
export function createProvider(settings, keys, watch) {
  // An acr_values that the session does not have is a reason to sign in again. The library
  // leaves that to its user (OpenID Connect Core §5.5.1.1 makes it voluntary).
  const policy = interactionPolicy.base();
  policy.get('login')?.checks.add(new interactionPolicy.Check('acr_values', 'a stronger sign-in is needed', ({ oidc }) => {
    const wanted = asList(oidc.params?.acr_values).filter((acr) => settings.acrValues.includes(acr));
    return wanted.length > 0 && !wanted.includes(oidc.acr ?? '');
  }));

  const provider = new Provider(settings.issuer, {
    adapter: Storage,
    clients: withSessions(settings),
    extraClientMetadata: { properties: ['frontchannel_logout_uri'] },
    jwks: { keys },
    enabledJWA: {
      idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'],
      dPoPSigningAlgValues: ['ES256'],
    },
    cookies: { keys: cookieKeys },
    scopes: ['openid', 'profile', 'email', 'offline_access'],
    claims: { openid: ['sub'], profile: ['name'], email: ['email'] },
    acrValues: settings.acrValues,
    pkce: { required: () => true },
    clientBasedCORS: (_ctx, origin) => settings.origins.includes(origin),
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
      backchannelLogout: { enabled: true },
      pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: settings.requirePAR },
      dPoP: { enabled: true, nonceSecret, requireNonce: () => settings.nonces },
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
  provider.use(watch);
  provider.use(frontChannel(settings.issuer));
  provider.use(interactions(provider, settings.accounts, settings.acrValues));
  return provider;
}
