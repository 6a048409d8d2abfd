// What the library leaves to its user: one form that signs in and consents.

import { text } from 'node:stream/consumers';
import { signInPage } from './pages.mjs';

/**
 * @param {import('oidc-provider').Provider} provider
 * @param {import('./server.mjs').Settings['accounts']} accounts
 * @param {string[]} acrValues
 * @returns {Parameters<import('oidc-provider').Provider['use']>[0]}
 */
export const interactions = (provider, accounts, acrValues) => async (ctx, next) => {
  if (!ctx.path.startsWith('/interaction/')) return next();
  const { prompt, params, session, grantId } = await provider.interactionDetails(ctx.req, ctx.res);
  const form = ctx.method === 'POST' ? new URLSearchParams(await text(ctx.req)) : undefined;
  const account = accounts.find(({ id }) => id === (prompt.name === 'login' ? form?.get('username') : session?.accountId));
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
  const acr = asList(params.acr_values).find((value) => acrValues.includes(value));
  return provider.interactionFinished(ctx.req, ctx.res, {
    ...(prompt.name === 'login' && { login: { accountId: account.id, acr, amr: ['pwd'] } }),
    consent: { grantId: await grant.save() },
  }, { mergeWithLastSubmission: true });
};

/** @param {unknown} value a list as OAuth writes it */
export function asList(value) {
  return typeof value === 'string' ? value.split(' ') : [];
}
