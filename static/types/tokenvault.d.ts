// Types of tokenvault.mjs, and of `window.tokenvault` that tokenvault.js makes.

/** The stable names of errors. */
export type TokenVaultErrorCode =
  /** The vault holds no tokens for this client: sign in. */
  | 'not_signed_in'
  /** The tokens are dead and cannot be renewed: sign in again. Those that a server has refused are forgotten. */
  | 'session_expired'
  /** The authorization server did not renew the tokens; they are kept. */
  | 'refresh_failed'
  /** tokenvault.json lists the URL, but not for this method. */
  | 'method_not_allowed'
  /** The URL is written in a form that servers read differently. */
  | 'url_refused'
  /** The request to an endpoint is not one that the vault makes. */
  | 'invalid_request'
  /** The token endpoint answered with something that is no token response. */
  | 'invalid_token_response'
  /** An API redirected a request with a proof of possession (DPoP), which is for one URL. */
  | 'redirect_refused'
  /** The browser could not store or read the tokens. Those of a sign-in that could not be stored are revoked. */
  | 'storage_failed'
  /** No client of this name is configured. */
  | 'unknown_client'
  /** App and vault come from different builds. */
  | 'version_mismatch'
  /** No vault frame answers. */
  | 'vault_unavailable'
  /** The answer took longer than requestTimeout. */
  | 'vault_timeout'
  /** The browser gives the page no service worker. */
  | 'worker_unavailable'
  /** The browser opened no window for the sign-in: call login from a click, or use a redirect. */
  | 'popup_blocked'
  /** The sign-in in a popup did not succeed. */
  | 'sign_in_failed'
  /** A method was called wrongly. */
  | 'invalid_argument';

/** What the methods reject with. `message` names the cause and the mend. */
export class TokenVaultError extends Error {
  constructor(code: TokenVaultErrorCode, message: string, options?: ErrorOptions);
  readonly code: TokenVaultErrorCode;
}

/** The body of a response that the vault makes in place of the server's. */
export interface TokenVaultErrorBody {
  error: TokenVaultErrorCode;
  message: string;
}

/** What each event brings. */
export interface TokenVaultEvents {
  /** Requests are safe to make. */
  ready: { type: 'ready' };
  /** A client got tokens by a sign-in, in this tab or another. */
  signedin: { type: 'signedin'; client: string };
  /** A client's tokens were renewed. */
  refreshed: { type: 'refreshed'; client: string };
  /** A client's tokens are gone: by logout, or because a server has refused them and they cannot be renewed. */
  signedout: { type: 'signedout'; client: string };
  /** An API wants a stronger or fresher sign-in (RFC 9470): call login with this, then repeat the request. */
  stepup: { type: 'stepup'; client: string; acrValues?: string; maxAge?: number };
  /** The vault cannot be reached. */
  unavailable: { type: 'unavailable'; error: TokenVaultError };
  /** A method failed. */
  error: { type: 'error'; error: TokenVaultError };
}

/** What the app may know of a client's tokens. */
export interface TokenVaultStatus {
  /** There is a token, or one can be had without the user. */
  signedIn: boolean;
  /** There is a refresh token. */
  renewable: boolean;
  /** When the access token expires, in milliseconds since 1970. */
  expiresAt?: number;
  /** The id_token, unless the configuration redacts it. */
  idToken?: string;
}

/** What a sign-in of the vault may be told. Parameters are those of OpenID Connect Core, section 3.1.2.1. */
export interface LoginOptions {
  /** Name or client_id; otherwise the only client with `"signIn": "vault"`. */
  client?: string;
  /** In this window, or in one of its own; `redirect` otherwise. */
  mode?: 'redirect' | 'popup';
  /** Where in the app to go afterwards, among the client's `returnTo`; this page otherwise. */
  returnTo?: string;
  /** login_hint */
  loginHint?: string;
  /** acr_values: by the vault required, not wished for. */
  acrValues?: string | string[];
  /** max_age in seconds. */
  maxAge?: number;
  /** `login`, `consent`, `select_account`, `create`, several of them with spaces between, or `none`. */
  prompt?: string;
  /** Further parameters of the authorization request, among the client's `loginParameters`. */
  extra?: Record<string, string>;
  /** Ends the wait for a popup, which nobody can be told was closed at the authorization server. */
  signal?: AbortSignal;
}

export interface LogoutOptions {
  client?: string;
  /** End the session at the authorization server too, for a client with `"signIn": "vault"`: the page is left for it. */
  everywhere?: boolean;
  /** Where to come back to; this page otherwise. */
  returnTo?: string;
}

/**
 * The vault of this page. `client` is a name or client_id; the only client when there is one, or for
 * isAuthenticated, claims, login and logout the only one that the vault signs in.
 */
export interface TokenVault {
  /** Settles when requests are safe to make; rejects with a TokenVaultError. */
  readonly ready: Promise<void>;
  /** Whether the vault holds tokens that can be used or renewed. */
  has(client?: string): Promise<boolean>;
  /** What the app may know of a client's tokens. */
  status(client?: string): Promise<TokenVaultStatus>;
  /** Renews the access token now. */
  refresh(client?: string): Promise<void>;
  /** The same as `has`. */
  isAuthenticated(client?: string): Promise<boolean>;
  /** The claims of the id_token that tokenvault.json lists; null when nobody is signed in. */
  claims(client?: string): Promise<Record<string, unknown> | null>;
  /**
   * Has the vault sign in, for a client with `"signIn": "vault"`. With a redirect the page is left; a popup
   * settles when it is over.
   */
  login(options?: LoginOptions): Promise<void>;
  /**
   * Revokes the tokens and forgets them. Ends the session at the authorization server for a client that signs in
   * by itself; with `everywhere` for one that the vault signs in.
   */
  logout(options?: string | LogoutOptions): Promise<void>;
  /** Forgets the tokens here, without a word to the authorization server. */
  remove(client?: string): Promise<void>;
  /** Listens to an event; returns the function that stops it. */
  on<E extends keyof TokenVaultEvents>(event: E, listener: (detail: TokenVaultEvents[E]) => void): () => void;
  /** The facade that users of Ping's Token Vault know. */
  client(config?: PingConfig): PingClient;
}

/** Starts the vault for this page and returns it at once; await its `ready`. */
export function connect(): TokenVault;

/** The configuration of Ping's `client()`. What is not used here is accepted and has no effect. */
export interface PingConfig {
  app?: { origin: string };
  /** `clientId` names the client that the store is for. */
  forgerock?: { clientId?: string; [key: string]: unknown };
  /** Which worker script to register; that of tokenvault.json otherwise. */
  interceptor?: { file?: string; scope?: string; type?: 'classic' | 'module' };
  /** `origin` must be the vault of the build. */
  proxy?: { id?: string; origin?: string; path?: string; redact?: string[] };
  events?: Record<string, string>;
}

/** Tokens as an SDK stores them, with REDACTED in the place of each. */
export interface RedactedTokens {
  accessToken: string;
  refreshToken?: string;
  idToken?: string;
  tokenExpiry?: number;
}

/** A token store for an SDK, and Ping's additions to it. */
export interface PingStore {
  /** What the vault holds, redacted; null when nothing. Never a token. */
  get(clientId?: string): Promise<RedactedTokens | null>;
  /** Does nothing: the vault stores what the server sends it. */
  set(clientId?: string, tokens?: unknown): Promise<void>;
  has(clientId?: string): Promise<{ hasTokens: boolean }>;
  refresh(clientId?: string): Promise<{ refreshTokens: boolean }>;
  remove(clientId?: string): Promise<void>;
}

export interface PingClient {
  /** Registers the interceptor. */
  interceptor(options?: { file?: string; scope?: string; type?: 'classic' | 'module' }): Promise<ServiceWorkerRegistration>;
  /** Puts the vault's frame into an element. */
  proxy(target: HTMLElement, options?: { proxy?: { id?: string } }): Promise<HTMLIFrameElement>;
  /** The token store for an SDK's configuration. */
  store(): PingStore;
}

/** The interface of Ping's Token Vault. */
export function client(config?: PingConfig): PingClient;

declare global {
  interface Window {
    /** Made by the classic script tokenvault.js. */
    tokenvault: TokenVault;
  }
}
