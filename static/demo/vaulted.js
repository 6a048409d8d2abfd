// @ts-check
/**
 * The client that the vault signs in: this page asks for it, and learns that it is
 * done. There is no OAuth in it.
 */

import { byId, empty, facts, json, line, onPress, show } from './view.js';

/**
 * Shows the section, connects it and keeps it up to date.
 * @param {{ client: string, whoami: string }} config
 * @param {(work: () => Promise<void>) => Promise<void>} report
 */
export async function startVaulted({ client, whoami }, report) {
  const vault = window.tokenvault;
  byId('vaulted').hidden = false;
  const showSession = () => report(() => showClaims(client));
  for (const event of /** @type {const} */ (['signedin', 'signedout'])) {
    vault.on(event, showSession);
  }
  onPress(byId('vaulted-sign-in'), () => report(() => vault.login({ client })));
  onPress(byId('vaulted-popup'), () => report(() => vault.login({ client, mode: 'popup' })));
  onPress(byId('vaulted-sign-out'), () => report(() => vault.logout({ client, everywhere: true })));
  onPress(byId('vaulted-call'), () => report(async () => {
    const response = await fetch(whoami);
    show('vaulted-result', line(`GET ${whoami}: ${response.status}`, response.ok ? 'good' : 'bad'), json(await response.json()));
  }));
  await showSession();
}

/**
 * Shows what the app may know of the user.
 * @param {string} client
 */
async function showClaims(client) {
  const claims = await window.tokenvault.claims(client);
  for (const id of ['vaulted-call', 'vaulted-sign-out']) {
    byId(id).hidden = claims === null;
  }
  if (claims === null) {
    show('vaulted-result', empty('Nobody is signed in.'));
    return;
  }
  show('vaulted-result', line('Signed in. Of the id_token this page gets the claims that tokenvault.json lists:'),
    facts(Object.entries(claims).map(([name, value]) => [name, String(value)])));
}
