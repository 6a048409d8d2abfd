// The app with AXA's oidc-client and its service worker, as its README says.
// Bundled with SETTINGS.
import { OidcClient } from '@axa-fr/oidc-client';

const redirect = `${location.origin}/bench/axa.html`;
const oidc = OidcClient.getOrCreate()({
  client_id: SETTINGS.client,
  redirect_uri: redirect,
  scope: SETTINGS.scope,
  authority: SETTINGS.authority,
  service_worker_relative_url: '/OidcServiceWorker.js',
  service_worker_only: true,
});

async function start() {
  await oidc.tryKeepExistingSessionAsync();
  if (!new URLSearchParams(location.search).has('code')) return;
  await oidc.loginCallbackAsync();
  history.replaceState(null, '', redirect);
}

window.signIn = () => oidc.loginAsync('/bench/axa.html');
window.ready = start();
