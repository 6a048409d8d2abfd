// The frame of Ping's Token Vault, as its README says.
import { proxy } from '@forgerock/token-vault';

proxy({
  app: { origin: SETTINGS.app },
  forgerock: {
    clientId: SETTINGS.client,
    scope: SETTINGS.scope,
    serverConfig: SETTINGS.server,
    realmPath: 'root',
  },
});
