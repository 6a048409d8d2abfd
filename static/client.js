// @ts-check
/// <reference path="types/build.d.ts" />

/**
 * The client: registers the interceptor, puts the vault's frame into the page,
 * introduces the two to each other, and offers the page what it may do with the
 * tokens it cannot see.
 *
 * It runs in the app origin and guards nothing. Everything it knows is public,
 * everything it asks the vault decides.
 */

const { protocol, policy, worker: workerPath, scope, vault, frame: framePath, origins, clients, timeout } = __TOKENVAULT_CONFIG__;

const version = String(protocol);

/** How long the vault may take to answer the handshake, in milliseconds. */
const handshakeTimeout = 10_000;

/** How long a worker may take to answer before it is asked again, in milliseconds. */
const workerPatience = 1_000;

/** How long after a failed start the frame is not tried again, in milliseconds. */
const retryAfter = 2_000;

/** How long a sign-in in a popup may take: as long as the vault remembers it. */
const signInTimeout = 10 * 60_000;

/** What the window of a sign-in looks like. */
const popupFeatures = 'popup,width=480,height=640';

/** What a sign-in of the vault can end with in a popup, beside success. @type {Record<string, string>} */
const signInFailures = {
  denied: 'The user, or the authorization server, said no.',
  account_kept: 'The user kept the account that was signed in.',
  network: 'The authorization server could not be reached.',
  storage: 'The browser stores nothing for the vault.',
  request: 'The vault refused the request: check returnTo and extra against tokenvault.json.',
};

/** What `on` may listen to. */
const eventNames = Object.freeze(['ready', 'signedin', 'refreshed', 'signedout', 'stepup', 'unavailable', 'error']);

/**
 * An error with a stable code. The message names the cause and the mend.
 */
class TokenVaultError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {ErrorOptions} [options]
   */
  constructor(code, message, options) {
    super(message, options);
    this.name = 'TokenVaultError';
    /** @readonly */
    this.code = code;
  }
}

/**
 * The promise, or an error when it takes longer.
 * @template T
 * @param {number} milliseconds
 * @param {Promise<T>} promise
 * @param {() => TokenVaultError} error
 * @returns {Promise<T>}
 */
function within(milliseconds, promise, error) {
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(error()), milliseconds);
  });
  return /** @type {Promise<T>} */ (Promise.race([promise, late])).finally(() => clearTimeout(timer));
}

/**
 * The promise, or the signal's reason once it is aborted.
 * @template T
 * @param {AbortSignal | null | undefined} signal
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
function unlessAborted(signal, promise) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}

/** A promise that is no unhandled rejection when nobody listens. @template T @param {Promise<T>} promise */
function quiet(promise) {
  promise.catch(() => {});
  return promise;
}

function lostFrame() {
  return new TokenVaultError('vault_unavailable', 'The vault frame was removed from the page or loaded anew before it answered. It is put back; try again.');
}

// ------------------------------------------------------------------ the frame

/**
 * The vault's frame in this page. It heals itself: a frame that was removed, or
 * did not start, is put in again when it is needed.
 */
class Frame {
  /** @type {HTMLIFrameElement | null} */
  #element = null;
  /** @type {Node | null} */
  #parent = null;
  /** @type {Promise<void>} */
  #ready = Promise.resolve();
  /** @type {() => void} */
  #setReady = () => {};
  /** @type {(error: TokenVaultError) => void} */
  #setFailed = () => {};
  /** Whether the document in the frame has said that it listens. */
  #listening = false;
  #failedAt = 0;
  /** Whether the page is being left, or was: it gets no frame until it is shown again. */
  #left = false;
  #onEvent;
  #onLost;
  #onFailed;
  #id = '';

  /**
   * @param {(event: string, detail: Record<string, string>) => void} onEvent
   * @param {(error: TokenVaultError) => void} onLost called when what was sent to the frame will not be answered
   * @param {(error: TokenVaultError) => void} onFailed called when the frame answers that it cannot work
   */
  constructor(onEvent, onLost, onFailed) {
    this.#onEvent = onEvent;
    this.#onLost = onLost;
    this.#onFailed = onFailed;
    addEventListener('message', (event) => this.#receive(event));
    addEventListener('pagehide', () => this.#unmount());
    addEventListener('pageshow', (event) => {
      this.#left = false;
      if (event.persisted) this.mount();
    });
    new MutationObserver(() => this.#watch()).observe(document, { childList: true, subtree: true });
  }

  get element() {
    return this.#element;
  }

  get left() {
    return this.#left;
  }

  /**
   * Puts the frame into the page unless it is there.
   * @param {Node} [parent] where; the root element otherwise
   * @param {string} [id] of the element
   */
  mount(parent, id) {
    this.#parent = parent ?? this.#parent ?? document.documentElement;
    this.#id = id ?? this.#id;
    if (this.#element?.isConnected && !this.#failedAt) {
      this.#move(this.#element);
      return;
    }
    this.#element?.remove();
    const element = document.createElement('iframe');
    element.src = vault + framePath;
    element.title = 'Token Vault';
    // Out of sight, but laid out: Chromium gives the process of a frame that is
    // not displayed less of the processor.
    Object.assign(element.style, { position: 'fixed', top: '0', width: '0', height: '0', border: '0' });
    element.tabIndex = -1;
    if (this.#id) element.id = this.#id;
    element.setAttribute('aria-hidden', 'true');
    this.#element = element;
    this.#listening = false;
    this.#failedAt = 0;
    this.#ready = quiet(
      within(
        handshakeTimeout,
        new Promise((resolve, reject) => {
          this.#setReady = () => resolve(undefined);
          this.#setFailed = reject;
        }),
        () =>
          new TokenVaultError(
            'vault_unavailable',
            `The vault at ${vault} did not answer. Check that it is served there, that its Content-Security-Policy has frame-ancestors ${location.origin}, and that this page allows frame-src ${vault}.`,
          ),
      ),
    );
    this.#ready.catch(() => {
      if (this.#element === element) this.#failedAt = Date.now();
    });
    // A second time: somebody has led it elsewhere, or loaded it anew, and its ports are
    // dead. What had begun to be answered would never end.
    let loads = 0;
    element.addEventListener('load', () => {
      if (++loads > 1) element.remove();
    });
    this.#home().appendChild(element);
  }

  /** Where the frame belongs. */
  #home() {
    return this.#parent?.isConnected ? this.#parent : document.documentElement;
  }

  /**
   * Brings a frame that runs to where it belongs. Browsers that cannot move one
   * without loading it anew leave it where it is: it cannot be seen anyway.
   * @param {HTMLIFrameElement} element
   */
  #move(element) {
    if (this.#id) element.id = this.#id;
    const home = /** @type {Node & {moveBefore?: (node: Node, before: null) => void}} */ (this.#home());
    if (element.parentNode !== home) home.moveBefore?.(element, null);
  }

  /** Settles when the frame listens; tries again when the last try is a while ago. */
  ready() {
    if (this.#left) return Promise.reject(lostFrame());
    if (!this.#element || (this.#failedAt && Date.now() - this.#failedAt > retryAfter)) this.mount();
    return this.#ready;
  }

  /**
   * @param {Record<string, string>} message
   * @param {Transferable[]} [transfer]
   */
  async post(message, transfer = []) {
    await this.ready();
    this.#element?.contentWindow?.postMessage({ ...message, v: version }, vault, transfer);
  }

  /** @param {MessageEvent} event */
  #receive(event) {
    if (event.source === null || event.source !== this.#element?.contentWindow || event.origin !== vault) return;
    const { type, client, event: name, message, v, ...details } = event.data;
    // The frame's own version counts: that it refused a message of another says
    // only that some script in this page has sent one.
    if (v !== version) {
      this.#fail(
        new TokenVaultError('version_mismatch', 'The app and the vault come from different builds. Deploy dist/app and dist/vault of the same build, then reload.'),
      );
    } else if (type === 'ready') this.#listen();
    else if (type === 'fault') this.#fail(new TokenVaultError('vault_unavailable', message));
    else if (type === 'event') this.#onEvent(name, { client, ...details });
  }

  #listen() {
    // A second time: the frame was loaded anew, and its ports are dead.
    if (this.#listening) this.#onLost(lostFrame());
    this.#listening = true;
    this.#setReady();
  }

  /** @param {TokenVaultError} error */
  #fail(error) {
    this.#setFailed(error);
    this.#ready = quiet(Promise.reject(error));
    this.#failedAt = Date.now();
    this.#onFailed(error);
  }

  /**
   * Takes the frame out of a page that is left. A frame that were frozen with the
   * page in the back/forward cache would keep what it is about to lock: in
   * Chromium, a database that it is just creating, for ever.
   */
  #unmount() {
    const element = this.#element;
    this.#left = true;
    this.#element = null;
    element?.remove();
    this.#onLost(lostFrame());
  }

  /** Notices that somebody took the frame out, and puts it back. */
  #watch() {
    if (!this.#element || this.#element.isConnected) return;
    this.#element = null;
    this.#onLost(lostFrame());
    this.mount();
  }
}

// --------------------------------------------------------------- the requests

/** What marks a request in the fragment of its URL, which no server and no response sees. */
const markPrefix = '#tokenvault-request-';

/** What the mark of a request begins with whose body the page posts to the worker. */
const uploadPrefix = 'upload-';

/** What a mark says once the page's worker was replaced: by it the static routes send a request to the worker. */
const replacedSign = 'replaced-';

/**
 * Tells whether the page's worker was replaced by another one. Chromium goes on
 * with the static routes of the first, which do not know what the new policy
 * names: a token request would go past the vault.
 */
function watchController() {
  const container = navigator.serviceWorker;
  let first = container?.controller;
  let isReplaced = false;
  container?.addEventListener('controllerchange', () => {
    first ??= container.controller;
    isReplaced ||= container.controller !== first;
  });
  return () => isReplaced;
}

/**
 * What a Request was made of, with another body.
 * @param {Request} request
 * @param {Blob | null} body
 * @returns {RequestInit}
 */
function settingsOf(request, body) {
  /** @type {Record<string, unknown>} */
  const settings = {};
  for (const name in request) settings[name] = request[/** @type {keyof Request} */ (name)];
  return { ...settings, body };
}

/**
 * Whether a Request may have a body: not every browser tells.
 * @param {Request} request
 */
function mayHaveBody({ method, body }) {
  return body !== null && method !== 'GET' && method !== 'HEAD';
}

/**
 * The body of a Request, which it is spent by; null for a stream, which stays as
 * it is. Only a Request with CORS may have a stream (Fetch §5.4): so it shows.
 * @param {Request} request
 */
function wholeBody(request) {
  try {
    return new Request(request, { mode: 'no-cors', method: 'POST' }).blob();
  } catch {
    return null;
  }
}

/**
 * Watches requests to the policy's origins, for four reasons.
 *
 * It holds them until the page is under the worker's control: before that they
 * would go past the vault, and a token request would bring tokens into the page.
 * A comfort for honest code: other code can go around it.
 *
 * It tells the worker what is aborted before there is a response, by a mark in
 * the URL: browsers do not.
 *
 * It hands Blobs to the worker by reference: one that the worker reads out of a
 * request is copied.
 *
 * And once the page's worker was replaced, it marks them all (watchController).
 * @param {() => Promise<unknown>} until called for each request; the first success ends the hold
 * @param {(mark: string) => void} abandon
 * @param {(mark: string, body: Blob) => void} handOver
 */
function watchRequests(until, abandon, handOver) {
  const { fetch } = globalThis;
  const { open, setRequestHeader, send, abort } = XMLHttpRequest.prototype;
  const isReplaced = watchController();
  let holds = true;
  /**
   * Requests that are opened and not sent.
   * @typedef {{headers: string[][], openWith: (mark: string) => void}} Opened
   * @type {WeakMap<XMLHttpRequest, Opened>}
   */
  const unsent = new WeakMap();
  /** @type {WeakMap<XMLHttpRequest, string>} */
  const marks = new WeakMap();

  /** The URL, if it is one of ours. @param {unknown} url */
  const ours = (url) => {
    const text = String(url);
    const parsed = URL.canParse(text, document.baseURI) ? new URL(text, document.baseURI) : null;
    return parsed && origins.includes(parsed.origin) ? parsed : null;
  };

  /** A new mark. @param {unknown} [body] that the page will post */
  const newMark = (body) => (body ? uploadPrefix : '') + (isReplaced() ? replacedSign : '') + crypto.randomUUID();

  /**
   * A request with a mark, by which it can be aborted and its body is handed over.
   * @param {URL} url
   * @param {RequestInit | null} settings of the app's Request, if it made one
   * @param {RequestInit | undefined} init
   * @param {AbortSignal | null | undefined} signal
   * @param {Blob | null} body
   */
  const fetchMarked = (url, settings, init, signal, body) => {
    const mark = newMark(body);
    url.hash = markPrefix + mark;
    if (body) handOver(mark, body);
    const stop = new AbortController();
    signal?.addEventListener('abort', () => abandon(mark), { once: true, signal: stop.signal });
    const response = fetch(settings ? new Request(url, settings) : url, init);
    const over = () => stop.abort();
    response.then(over, over);
    return response;
  };

  /**
   * A Request with a body, which comes out of it as a Blob: given another URL, it
   * would become a stream. One that outlives the page cannot wait for that.
   * @param {Request} request
   * @param {RequestInit | undefined} init
   * @param {URL} url
   * @param {AbortSignal | null | undefined} signal
   */
  const fetchWithBody = (request, init, url, signal) => {
    const reading = request.keepalive || init?.keepalive ? null : wholeBody(request);
    if (!reading) return fetch(request, init);
    return unlessAborted(
      signal,
      reading.then((body) => fetchMarked(url, settingsOf(request, body), init, signal, body)),
    );
  };

  /**
   * @param {RequestInfo | URL} input
   * @param {RequestInit | undefined} init
   * @param {URL} url
   * @param {AbortSignal | null | undefined} signal
   */
  const fetchOurs = (input, init, url, signal) => {
    const request = input instanceof Request ? input : null;
    const body = init?.body instanceof Blob ? init.body : null;
    if (signal?.aborted || (!signal && !body && !isReplaced())) return fetch(input, init);
    if (request && init?.body == null && mayHaveBody(request)) return fetchWithBody(request, init, url, signal);
    return fetchMarked(url, request && settingsOf(request, null), init, signal, body);
  };

  globalThis.fetch = /** @type {typeof fetch} */ (
    (input, init) => {
      const [address, inner] = input instanceof Request ? [input.url, input.signal] : [input];
      const url = ours(address);
      if (!url) return fetch(input, init);
      const signal = init?.signal === undefined ? inner : init.signal;
      const start = () => fetchOurs(input, init, url, signal);
      return holds ? unlessAborted(signal, released().then(start)) : start();
    }
  );

  // Chromium sends a synchronous request past the worker of a page that is under
  // control too: a token request would bring tokens into the page.
  /** @this {XMLHttpRequest} @param {any[]} rest */
  function watchedOpen(/** @type {string} */ method, /** @type {string | URL} */ address, ...rest) {
    const asynchronous = rest.length === 0 || rest[0];
    const before = marks.get(this);
    if (before && this.readyState === XMLHttpRequest.OPENED) abandon(before);
    marks.set(this, '');
    unsent.delete(this);
    const url = ours(address);
    if (!url) return Reflect.apply(open, this, [method, address, ...rest]);
    if (!asynchronous) {
      throw new DOMException('Token Vault: a synchronous request goes past the vault. Make requests to this origin asynchronously.', 'InvalidAccessError');
    }
    /** @param {string} mark */
    const openWith = (mark) => {
      url.hash = markPrefix + mark;
      marks.set(this, mark);
      Reflect.apply(open, this, [method, url, ...rest]);
    };
    unsent.set(this, { headers: [], openWith });
    if (before === undefined) {
      const tell = () => abandon(marks.get(this) ?? '');
      this.addEventListener('abort', tell);
      this.addEventListener('timeout', tell);
    }
    openWith(newMark());
  }
  /** @this {XMLHttpRequest} @param {string[]} header */
  function watchedSetRequestHeader(...header) {
    Reflect.apply(setRequestHeader, this, header);
    unsent.get(this)?.headers.push(header);
  }
  /**
   * Only here it shows that the body is a Blob, which the mark has to say: so the
   * request is opened once more, which takes its headers off.
   * @param {XMLHttpRequest} request
   * @param {Opened} opened
   * @param {any} body
   */
  const sendOurs = (request, { headers, openWith }, body) => {
    if (body instanceof Blob) {
      const mark = newMark(body);
      openWith(mark);
      for (const header of headers) Reflect.apply(setRequestHeader, request, header);
      handOver(mark, body);
    }
    Reflect.apply(send, request, [body]);
  };
  /** @this {XMLHttpRequest} @param {any} [body] */
  function watchedSend(body) {
    const opened = unsent.get(this);
    if (!opened) return Reflect.apply(send, this, [body]);
    // Aborted or opened anew meanwhile, it is another request or none.
    const isStill = () => unsent.get(this) === opened && unsent.delete(this);
    const start = () => {
      if (isStill()) sendOurs(this, opened, body);
    };
    if (!holds) return start();
    released().then(start, () => {
      if (!isStill()) return;
      this.dispatchEvent(new ProgressEvent('error'));
      this.dispatchEvent(new ProgressEvent('loadend'));
    });
  }
  /** @this {XMLHttpRequest} */
  function heldAbort() {
    if (unsent.delete(this)) {
      this.dispatchEvent(new ProgressEvent('abort'));
      this.dispatchEvent(new ProgressEvent('loadend'));
    }
    return Reflect.apply(abort, this, []);
  }
  const xhr = XMLHttpRequest.prototype;
  Object.assign(xhr, { open: watchedOpen, setRequestHeader: watchedSetRequestHeader, send: watchedSend, abort: heldAbort });

  // Somebody may have wrapped ours meanwhile: what is not ours any more stays.
  const restore = () => {
    holds = false;
    if (/** @type {unknown} */ (xhr.abort) === heldAbort) xhr.abort = abort;
  };
  const released = () => until().then(restore);
  quiet(released());
}

// ------------------------------------------------------------------ the worker

/** @param {number} milliseconds */
function wait(milliseconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}

/**
 * The policy that a worker routes by; undefined if it does not answer, as one
 * without the interceptor, or one that the browser is just stopping.
 * @param {ServiceWorker} controller
 * @returns {Promise<unknown>}
 */
async function policyOf(controller) {
  const { port1, port2 } = new MessageChannel();
  const answer = new Promise((resolve) => {
    port1.onmessage = ({ data }) => resolve(data);
  });
  controller.postMessage({ tokenvault: protocol, type: 'policy' }, [port2]);
  try {
    return await Promise.race([answer, wait(workerPatience)]);
  } finally {
    port1.close();
  }
}

/**
 * Registers the worker and settles when one with the policy of this script
 * controls the page. After a deployment the one before may still do so, which
 * leaves alone what only the new policy names: a token request would go past
 * the vault.
 * @param {string} path
 * @param {RegistrationOptions} options
 */
async function takeControl(path, options) {
  const container = navigator.serviceWorker;
  if (!container) {
    throw new TokenVaultError(
      'worker_unavailable',
      'This browser gives the page no service worker. Serve the app over https (or from *.localhost), and leave private browsing if it blocks workers.',
    );
  }
  /** @type {ServiceWorkerRegistration} */
  let registration;
  try {
    registration = await container.register(path, { updateViaCache: 'none', ...options });
  } catch (cause) {
    throw new TokenVaultError(
      'worker_unavailable',
      `The service worker ${path} could not be registered. Check that the file is served from this origin as JavaScript, and that its path covers the scope ${options.scope}.`,
      { cause },
    );
  }
  /** @type {unknown} Why there is no newer worker. */
  let cause;
  /** The worker that has answered with another policy. @type {ServiceWorker | null} */
  let outdated = null;
  for (const end = performance.now() + handshakeTimeout; performance.now() < end; ) {
    const changed = new Promise((resolve) => {
      container.addEventListener('controllerchange', resolve, { once: true });
    });
    const { controller } = container;
    if (!controller) {
      // After a hard reload the page has no controller and no activation will
      // come that claims it: ask for it.
      const { active } = await container.ready;
      active?.postMessage({ tokenvault: protocol, type: 'claim' });
    } else if (controller !== outdated) {
      const answer = await policyOf(controller);
      if (answer === policy) return;
      if (answer !== undefined) outdated = controller;
      registration.update().catch((error) => (cause = error));
    }
    // The question may have started the outdated worker, which Chromium then
    // waits for, unless the new one asks again to take its place.
    registration.waiting?.postMessage({ tokenvault: protocol, type: 'replace' });
    await Promise.race([changed, wait(workerPatience)]);
  }
  throw new TokenVaultError(
    'worker_unavailable',
    `No service worker of this deployment took control of the page. Reload it. If the app has a worker of its own, check that it imports interceptor.js and lets a new version take over (skipWaiting), and that ${path} is served anew.`,
    { cause },
  );
}

// ------------------------------------------------------------------- the vault

/**
 * What the page can do. One a page: `connect` returns the same each time.
 */
class TokenVault {
  #frame;
  /** @type {Map<string, Set<(detail: any) => void>>} */
  #listeners = new Map();

  /** The last try to start. @type {Promise<void> | null} */
  #started = null;
  #isReady = false;
  /** What releases the locks that say that the frame is there. @type {Set<() => void>} */
  #links = new Set();
  #failedAt = 0;

  /** @type {(worker: {path: string, options: RegistrationOptions}) => void} */
  #setWorker = () => {};
  #workerChosen = false;
  /** What settles the sign-ins in popups, by their handles. @type {Map<string, (outcome: string) => void>} */
  #popups = new Map();
  /** What rejects the calls under way. @type {Set<(error: TokenVaultError) => void>} */
  #calls = new Set();
  /** @type {Promise<{path: string, options: RegistrationOptions}>} */
  #worker;

  constructor() {
    this.#frame = new Frame(
      (event, detail) => this.#heard(event, detail),
      (error) => this.#lose(error),
      (error) => this.#fail(error),
    );
    navigator.serviceWorker?.addEventListener('message', (event) => this.#introduce(event));
    navigator.serviceWorker?.startMessages();
    navigator.serviceWorker?.addEventListener('controllerchange', () => this.#tellWorker('hello'));
    this.#worker = new Promise((resolve) => {
      this.#setWorker = resolve;
    });
  }

  /**
   * Settles when requests are safe to make, or rejects with a TokenVaultError.
   * Asked again a while after a failure, it tries again.
   * @returns {Promise<void>}
   */
  get ready() {
    if (this.#started === null || (this.#failedAt && Date.now() - this.#failedAt > retryAfter)) {
      this.#started = quiet(this.#start());
    }
    return this.#started;
  }

  async #start() {
    this.#failedAt = 0;
    try {
      const { path, options } = await this.#worker;
      await within(
        handshakeTimeout + 2 * workerPatience,
        Promise.all([takeControl(path, options), this.#frame.ready()]),
        () => new TokenVaultError('worker_unavailable', `The service worker ${path} was not activated. Close other tabs of the app, then reload.`),
      );
      // The frame listens before its program runs, and may have failed since.
      await this.#frame.ready();
      this.#isReady = true;
      this.#tellWorker('hello');
      this.#emit('ready', {});
    } catch (error) {
      this.#failedAt = Date.now();
      this.#emit('unavailable', { error });
      throw error;
    }
  }

  /**
   * Chooses the worker script; the one of tokenvault.json otherwise.
   * @param {string} [path]
   * @param {RegistrationOptions} [options]
   */
  startWorker(path = workerPath, options = {}) {
    if (this.#workerChosen) return;
    this.#workerChosen = true;
    this.#setWorker({ path, options: { scope, ...options } });
    watchRequests(
      () => this.ready,
      (mark) => this.#tellWorker('abort', { mark }),
      // Without a type: the request's own header says it.
      (mark, body) => this.#tellWorker('upload', { mark, body: body.slice() }),
    );
  }

  /**
   * Puts the frame into the page; below the root element otherwise.
   * @param {Node} [parent]
   * @param {string} [id]
   * @returns {HTMLIFrameElement}
   */
  startFrame(parent, id) {
    this.#frame.mount(parent, id);
    return /** @type {HTMLIFrameElement} */ (this.#frame.element);
  }

  /**
   * Whether the vault holds tokens that can be used or renewed.
   * @param {string} [client] name or client_id; the only client otherwise
   * @returns {Promise<boolean>}
   */
  async has(client) {
    return (await this.status(client)).signedIn;
  }

  /**
   * What the app may know of a client's tokens.
   * @param {string} [client]
   * @returns {Promise<{signedIn: boolean, renewable: boolean, expiresAt?: number, idToken?: string}>}
   */
  async status(client) {
    const { signedIn, renewable, expiresAt, idToken } = await this.#call('status', { client });
    return {
      signedIn: signedIn === 'true',
      renewable: renewable === 'true',
      ...(expiresAt && { expiresAt: Number(expiresAt) }),
      ...(idToken && { idToken }),
    };
  }

  /**
   * Renews the access token now.
   * @param {string} [client]
   */
  async refresh(client) {
    await this.#call('refresh', { client });
  }

  /**
   * Whether the user is signed in: the same as `has`, by the name that others have for it.
   * @param {string} [client]
   */
  async isAuthenticated(client) {
    return this.has(meant(client));
  }

  /**
   * Those claims of the id_token that tokenvault.json lists; null when nobody is signed in.
   * @param {string} [client]
   * @returns {Promise<Record<string, unknown> | null>}
   */
  async claims(client) {
    const { claims } = await this.#call('claims', { client: meant(client) });
    return claims ? JSON.parse(claims) : null;
  }

  /**
   * Has the vault sign in, for a client with `"signIn": "vault"`.
   * @param {{client?: string, mode?: 'redirect' | 'popup', returnTo?: string, loginHint?: string,
   *   acrValues?: string | string[], maxAge?: number, prompt?: string, extra?: Record<string, string>,
   *   signal?: AbortSignal}} [options]
   * @returns {Promise<void>} of a popup: settles when it is over. With a redirect the page is left.
   */
  async login(options = {}) {
    try {
      await this.#signIn(options);
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** @param {NonNullable<Parameters<TokenVault['login']>[0]>} options */
  async #signIn({ client, mode = 'redirect', returnTo = location.href, loginHint, acrValues, maxAge, prompt, extra = {}, signal }) {
    const fields = {
      client: signInClient(client),
      return_to: mode === 'popup' ? undefined : returnTo,
      login_hint: loginHint,
      acr_values: Array.isArray(acrValues) ? acrValues.join(' ') : acrValues,
      max_age: maxAge?.toString(),
      prompt,
    };
    const request = new URLSearchParams();
    for (const [name, value] of [...Object.entries(fields), ...Object.entries(extra)]) {
      if (request.has(name)) throw new TokenVaultError('invalid_argument', `login: extra has ${name}, for which there is an option.`);
      if (value === undefined) continue;
      if (typeof value !== 'string') throw new TokenVaultError('invalid_argument', `login: ${name} has to be a string.`);
      request.set(name, value);
    }
    if (mode === 'popup') return this.#openPopup(request, signal);
    if (mode !== 'redirect') throw new TokenVaultError('invalid_argument', `login: there is no mode "${mode}". Modes are redirect and popup.`);
    return leaveFor(`${vault}/login.html#${request}`);
  }

  /**
   * Signs in in a window of its own. Nothing may be awaited before that is open: the
   * browser opens one only while it handles a click.
   * @param {URLSearchParams} request
   * @param {AbortSignal} [signal]
   * @returns {Promise<void>}
   */
  async #openPopup(request, signal) {
    const handle = crypto.randomUUID();
    request.set('handle', handle);
    if (open(`${vault}/login.html#${request}`, `tokenvault-${handle}`, popupFeatures) === null) {
      throw new TokenVaultError('popup_blocked', 'The browser opened no window for the sign-in. Call login from a click, or use mode: "redirect".');
    }
    /** @type {Promise<string>} */
    const ended = new Promise((resolve) => this.#popups.set(handle, resolve));
    try {
      // The frame hears of the end, so without it nobody does.
      const [outcome] = await unlessAborted(
        signal,
        within(signInTimeout, Promise.all([ended, this.#frame.ready()]), () => new TokenVaultError('sign_in_failed', 'The sign-in was not finished within ten minutes.')),
      );
      if (outcome === 'ok') return;
      throw new TokenVaultError('sign_in_failed', `The sign-in did not succeed. ${signInFailures[outcome] ?? 'The window said why.'}`);
    } finally {
      this.#popups.delete(handle);
    }
  }

  /**
   * What the frame tells: to the app, but for the end of a popup.
   * @param {string} event
   * @param {Record<string, string>} detail
   */
  #heard(event, { handle, outcome, acrValues, maxAge, ...detail }) {
    if (event === 'login') this.#popups.get(handle)?.(outcome);
    else this.#emit(event, { ...detail, ...(acrValues && { acrValues }), ...(maxAge && { maxAge: Number(maxAge) }) });
  }

  /**
   * Revokes the tokens at the authorization server and forgets them. The session there
   * ends as well for a client that signs in by itself, and with `everywhere` for one
   * that the vault signs in: for that the page is left, and comes back to `returnTo`.
   * @param {string | {client?: string, everywhere?: boolean, returnTo?: string}} [options] a client, or more
   * @returns {Promise<void>}
   */
  async logout(options = {}) {
    let wanted;
    try {
      wanted = logoutOptions(options);
    } catch (error) {
      throw this.#failed(error);
    }
    const { client, everywhere = false, returnTo = location.href } = wanted;
    const { url } = await this.#call('logout', { client: meant(client), ...(everywhere && { everywhere: 'true' }) });
    if (url) await leaveFor(`${url}&${new URLSearchParams({ return_to: returnTo })}`);
  }

  /**
   * Forgets the tokens here, without a word to the authorization server.
   * @param {string} [client]
   */
  async remove(client) {
    await this.#call('remove', { client });
  }

  /**
   * Listens to an event; returns the function that stops it.
   * @param {string} event
   * @param {(detail: any) => void} listener
   */
  on(event, listener) {
    if (!eventNames.includes(event)) {
      throw new TokenVaultError('invalid_argument', `There is no event "${event}". Events are: ${eventNames.join(', ')}.`);
    }
    if (typeof listener !== 'function') throw new TokenVaultError('invalid_argument', 'on(event, listener) takes a function.');
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }

  /**
   * The facade that users of Ping's Token Vault know.
   * @param {any} config
   */
  client(config) {
    return client(config);
  }

  /**
   * @param {string} event
   * @param {object} detail
   */
  #emit(event, detail) {
    for (const listener of this.#listeners.get(event) ?? []) {
      // A listener that throws must not stop the others, nor us.
      try {
        listener({ type: event, ...detail });
      } catch (error) {
        reportError(error);
      }
    }
  }

  /**
   * What was sent to the frame will not be answered.
   * @param {TokenVaultError} error
   */
  #lose(error) {
    for (const release of this.#links) release();
    this.#links.clear();
    for (const reject of this.#calls) reject(error);
  }

  /**
   * Holds a lock for as long as the frame of now is there. The worker queues on
   * it: a page that is closed, or crashes, could not tell it otherwise.
   * @param {string} link the lock's name
   */
  #hold(link) {
    return new Promise((resolve, reject) => {
      const over = navigator.locks.request(link, () => {
        resolve(undefined);
        return new Promise((release) => this.#links.add(() => release(undefined)));
      });
      over.catch(reject);
    });
  }

  /**
   * The frame cannot work. Where a start waits for it, the start tells of it.
   * @param {TokenVaultError} error
   */
  #fail(error) {
    this.#lose(error);
    if (!this.#isReady) return;
    this.#isReady = false;
    this.#started = quiet(Promise.reject(error));
    this.#failedAt = Date.now();
    this.#emit('unavailable', { error });
  }

  /**
   * @param {string} type
   * @param {Record<string, string | Blob>} [rest]
   */
  #tellWorker(type, rest) {
    navigator.serviceWorker?.controller?.postMessage({ ...rest, tokenvault: protocol, type });
  }

  /**
   * Introduces a worker life to the frame, and tells the frame when it is over.
   * @param {MessageEvent} event
   */
  async #introduce(event) {
    const { type, v, epoch, link } = event.data ?? {};
    const [port] = event.ports;
    // A page that is left says nothing: another one may.
    if (this.#frame.left || type !== 'connect' || !port || typeof epoch !== 'string' || typeof link !== 'string') return;
    try {
      if (v !== version) throw new TokenVaultError('version_mismatch', 'The page and the service worker come from different builds. Reload the page.');
      await this.#frame.ready();
      await this.#hold(link);
      port.postMessage({ type: 'held' });
      await this.#frame.post({ type: 'connect', epoch }, [port]);
    } catch (error) {
      const { code, message } = /** @type {TokenVaultError} */ (error);
      port.postMessage({ type: 'unavailable', code, message });
      this.#emit('unavailable', { error });
      return;
    }
    navigator.locks.request(epoch, { mode: 'shared' }, () => this.#frame.post({ type: 'epoch-ended', epoch })).catch(() => {});
  }

  /**
   * @param {string} call
   * @param {{client?: string, everywhere?: string}} fields
   * @returns {Promise<Record<string, string>>}
   */
  async #call(call, { client, ...rest }) {
    try {
      if (client !== undefined && typeof client !== 'string') {
        throw new TokenVaultError('invalid_argument', 'The client is named by a string: its name or client_id in tokenvault.json.');
      }
      const [outcome, ...answer] = await this.#ask({ type: 'call', call, ...(client !== undefined && { client }), ...rest });
      if (outcome !== 'ok') throw new TokenVaultError(answer[0], answer[1]);
      /** @type {Record<string, string>} */
      const result = {};
      for (let i = 0; i + 1 < answer.length; i += 2) result[answer[i]] = answer[i + 1];
      return result;
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /**
   * Tells of a method that fails, and returns the error to throw.
   * @param {unknown} error
   */
  #failed(error) {
    this.#emit('error', { error });
    return error;
  }

  /**
   * Posts a message to the frame and waits for its answer.
   * @param {Record<string, string>} message
   * @returns {Promise<string[]>}
   */
  async #ask(message) {
    await this.#frame.ready();
    const { port1, port2 } = new MessageChannel();
    /** @type {(error: TokenVaultError) => void} */
    let lose = () => {};
    const answer = new Promise((resolve, reject) => {
      port1.onmessage = (event) => resolve(event.data);
      lose = reject;
    });
    this.#calls.add(lose);
    try {
      this.#frame.post(message, [port2]).catch(lose);
      return await within(timeout, answer, () => new TokenVaultError('vault_timeout', `The vault did not answer within ${timeout / 1000} seconds. Reload the page.`));
    } finally {
      this.#calls.delete(lose);
      port1.close();
    }
  }
}

/**
 * The client that is meant by these methods where none is named among several: the
 * only one that the vault signs in.
 * @param {string} [name]
 */
function meant(name) {
  const owned = clients.filter(({ signIn }) => signIn === 'vault');
  return name === undefined && owned.length === 1 ? owned[0].name : name;
}

/**
 * The name of the client that a sign-in is for.
 * @param {string} [name] name or client_id; otherwise the only client that the vault signs in
 */
function signInClient(name) {
  const owned = clients.filter(({ signIn }) => signIn === 'vault');
  const found = name === undefined ? owned : owned.filter((each) => each.name === name || each.clientId === name);
  if (found.length === 1) return found[0].name;
  throw new TokenVaultError(
    'invalid_argument',
    owned.length === 0
      ? 'login: no client is signed in by the vault. Set "signIn": "vault" for one in tokenvault.json, and build.'
      : `login: name one client that the vault signs in: ${owned.map((each) => each.name).join(', ')}.`,
  );
}

/**
 * What logout was called with.
 * @param {unknown} options
 * @returns {{client?: string, everywhere?: boolean, returnTo?: string}}
 */
function logoutOptions(options) {
  if (typeof options === 'string') return { client: options };
  const known = ['client', 'everywhere', 'returnTo'];
  if (typeof options === 'object' && options !== null && Object.keys(options).every((name) => known.includes(name))) return options;
  throw new TokenVaultError('invalid_argument', `logout takes a string, the client, or an object with ${known.join(', ')}.`);
}

/**
 * Leaves the page.
 * @param {string} url
 * @returns {Promise<never>} a promise for a page that is no more
 */
function leaveFor(url) {
  location.assign(url);
  return new Promise(() => {});
}

/** Where the page keeps its vault: the script may be in it twice, as a classic one and as a module. */
const shared = Symbol.for('tokenvault');

function vaultOfPage() {
  if (typeof window === 'undefined') {
    throw new TokenVaultError('worker_unavailable', 'Token Vault runs in a browser window. On a server, import it but do not call it.');
  }
  const page = /** @type {{[shared]?: TokenVault}} */ (/** @type {unknown} */ (window));
  return (page[shared] ??= new TokenVault());
}

/**
 * Starts the vault for this page, and returns it at once; await its `ready`.
 * @returns {TokenVault}
 */
function connect() {
  const vaultHere = vaultOfPage();
  vaultHere.startFrame();
  vaultHere.startWorker();
  return vaultHere;
}

// ------------------------------------------------------------------ the facade

/**
 * The interface of Ping's Token Vault: `client(config)` with `interceptor()`,
 * `proxy(element)` and `store()`. What the configuration says about the vault is
 * compared with the build, never obeyed.
 * @param {any} [config]
 */
function client(config = {}) {
  const origin = config.proxy?.origin;
  if (origin !== undefined && (!URL.canParse(origin) || new URL(origin).origin !== vault)) {
    throw new TokenVaultError('invalid_argument', `proxy.origin is ${origin}, but this build's vault is ${vault}. The vault is set in tokenvault.json, not at run time.`);
  }
  const clientId = config.forgerock?.clientId ?? clients[0].clientId;
  const redacted = 'REDACTED';

  return {
    /**
     * Registers the interceptor.
     * @param {{file?: string, scope?: string, type?: WorkerType}} [options]
     * @returns {Promise<ServiceWorkerRegistration>}
     */
    async interceptor(options = {}) {
      const { file, scope: chosen, type } = { ...config.interceptor, ...options };
      vaultOfPage().startWorker(file, { ...(chosen && { scope: chosen }), ...(type === 'classic' && { type }) });
      return navigator.serviceWorker.ready;
    },

    /**
     * Puts the vault's frame into an element.
     * @param {HTMLElement} target
     * @param {{proxy?: {id?: string}}} [options]
     * @returns {Promise<HTMLIFrameElement>}
     */
    async proxy(target, options = {}) {
      const here = vaultOfPage();
      if (!(target instanceof Node)) throw new TokenVaultError('invalid_argument', 'proxy(element) takes the element that the frame goes into.');
      return here.startFrame(target, options.proxy?.id ?? config.proxy?.id ?? 'token-vault-iframe');
    },

    /** The token store for an SDK's configuration. */
    store() {
      const here = vaultOfPage();
      return {
        /**
         * What the vault holds, with REDACTED in the place of each token.
         * @param {string} [id]
         */
        async get(id = clientId) {
          const { signedIn, renewable, expiresAt, idToken } = await here.status(id);
          if (!signedIn) return null;
          return {
            accessToken: redacted,
            ...(idToken && { idToken }),
            // With a refresh token the vault renews by itself: to the app the tokens do not expire.
            ...(renewable ? { refreshToken: redacted } : expiresAt && { tokenExpiry: expiresAt }),
          };
        },
        /** The vault stores what the server sends it, and nothing from the app. */
        async set() {},
        /** @param {string} [id] */
        async has(id = clientId) {
          return { hasTokens: await here.has(id) };
        },
        /** @param {string} [id] */
        async refresh(id = clientId) {
          try {
            await here.refresh(id);
          } catch (error) {
            const { code } = /** @type {TokenVaultError} */ (error);
            if (code === 'not_signed_in' || code === 'session_expired') return { refreshTokens: false };
            throw error;
          }
          return { refreshTokens: true };
        },
        /** @param {string} [id] */
        async remove(id = clientId) {
          await here.remove(id);
        },
      };
    },
  };
}

export { connect, client, TokenVaultError };
