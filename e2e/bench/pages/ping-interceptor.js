// The service worker of Ping's Token Vault, as its README says.
import { interceptor } from '@forgerock/token-vault';

interceptor({
  interceptor: { urls: SETTINGS.urls },
  forgerock: { serverConfig: SETTINGS.server, realmPath: 'root' },
});
