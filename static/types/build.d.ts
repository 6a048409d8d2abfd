// What the build and the environment give to the scripts of this folder.

/** Replaced by `tokenvault build` with a JSON literal; see internal/dist. */
declare const __TOKENVAULT_CONFIG__: {
  /** protocol.Version */
  protocol: number;
  /** interceptor: hash of everything that went into the build */
  build: string;
  /** client, interceptor: hash of the policy, by which a page knows a worker of its deployment */
  policy: string;
  /** client: path of the service worker script */
  worker: string;
  /** client: scope of the service worker */
  scope: string;
  /** client: the vault origin */
  vault: string;
  /** client: path of the vault's frame */
  frame: string;
  /** client: origins that the policy names */
  origins: string[];
  /** interceptor: places that the policy names, an origin and a path as in tokenvault.json each */
  places: [origin: string, path: string][];
  /** client */
  clients: { name: string; clientId: string; signIn: 'app' | 'vault' }[];
  /** client, interceptor: requestTimeout in milliseconds */
  timeout: number;
  /** interceptor, proxy, page: URL of the binary */
  wasm: string;
  /** interceptor, proxy, page: its SRI hash */
  integrity: string;
  /** interceptor, proxy, page: the encoded policy */
  table: string;
  /** proxy, page: the app origin */
  app: string;
  /** page: the language of texts to use where the browser's are not there */
  language: string;
  /** page: all texts by language and key */
  texts: Record<string, Record<string, string>>;
};

/** wasm_exec.js of the Go toolchain. */
declare class Go {
  importObject: WebAssembly.Imports;
  run(instance: WebAssembly.Instance): Promise<void>;
}

/** What wasm/proxy calls. */
declare var tokenvaultHost: {
  /** The work that waited under this number is done; its answer is at the address until the call returns. */
  settled(id: number, address: number): void;
  /** Something happened to a client's tokens. */
  tell(client: string, event: string, ...details: string[]): void;
  /** Set by wasm/proxy: lets goroutines run that an export has started. */
  wake(): void;
};
