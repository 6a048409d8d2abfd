// OpenID Connect Front-Channel Logout 1.0, which the library leaves to its user: when one
// of its sessions has ended, a page frames those of the clients, with the iss and sid
// that they know from their id_tokens.

import { signedOutPage } from './pages.mjs';

/**
 * The library names its session in the id_tokens of those clients alone that it would call
 * by the back channel. Here the call finds nobody.
 *
 * @param {import('./server.mjs').Settings} settings
 * @returns {import('oidc-provider').ClientMetadata[]}
 */
export const withSessions = ({ clients, issuer }) => clients.map((client) => client.frontchannel_logout_uri
  ? { ...client, backchannel_logout_uri: `${issuer}/nobody`, backchannel_logout_session_required: true }
  : client);

/**
 * @param {string} issuer
 * @returns {Parameters<import('oidc-provider').Provider['use']>[0]}
 */
export const frontChannel = (issuer) => async (ctx, next) => {
  await next();
  if (ctx.path !== '/session/end/confirm' || ctx.status !== 303) return;
  const { provider, session } = /** @type {import('oidc-provider').KoaContextWithOIDC} */ (ctx).oidc;
  const frames = [];
  for (const clientId of Object.keys(session?.authorizations ?? {})) {
    const client = await provider.Client.find(clientId);
    const page = URL.parse(String(client?.frontchannel_logout_uri));
    if (!page) continue;
    page.searchParams.set('iss', issuer);
    page.searchParams.set('sid', String(session?.sidFor(clientId)));
    frames.push(page.href);
  }
  if (frames.length === 0) return;
  // The frames load before a Refresh of no seconds is due.
  ctx.set('Refresh', `0; url=${ctx.response.get('Location')}`);
  ctx.remove('Location');
  ctx.status = 200;
  ctx.type = 'html';
  ctx.body = signedOutPage(frames);
};
