// The app with Ping's Token Vault, as its README says. Bundled with SETTINGS.
import { client } from '@forgerock/token-vault';

const register = client({
  app: { origin: SETTINGS.app },
  interceptor: { file: '/ping-interceptor.js', type: 'classic' },
  proxy: { origin: SETTINGS.frame },
});

async function start() {
  const { serviceWorker } = navigator;
  await register.interceptor();
  await register.proxy(document.getElementById('token-vault'));
  if (serviceWorker.controller) return;
  await new Promise((resolve) => {
    serviceWorker.addEventListener('controllerchange', resolve, { once: true });
  });
}

window.ready = start();
