// @ts-check
/// <reference path="types/build.d.ts" />
'use strict';

/**
 * The vault frame: it receives what the app origin sends, hands it to Go (package
 * proxy), and does with the network what Go answers. Nothing here decides.
 *
 * The page that embeds the frame, and the worker behind each port, are taken for
 * hostile. A message is a flat object of strings; every key of it reaches Go,
 * which refuses what it does not know.
 */
const { protocol, wasm, integrity, table, app } = __TOKENVAULT_CONFIG__;

const version = String(protocol);

/** Go's proxy.Action. */
const Action = Object.freeze({ FAIL: '0', BYPASS: '1', REPLY: '2', SEND: '3', AWAIT: '4', AWAIT_BODY: '5', DELIVER: '6' });

/** Go's proxy.Admission. */
const Admission = Object.freeze({ IGNORE: 0, WRONG_VERSION: 1, ADMITTED: 2 });

/** Chunks that may be under way to a reader before it asks for more. */
const windowOfChunks = 4;

/** How many window messages may wait for the program to start. */
const maxEarlyMessages = 256;

/** Characters that a message may have: more than any browser's URL and headers. */
const maxCharacters = 4 << 20;

/** Bytes of a body that Go is shown: one more than it takes for an endpoint. */
const maxForm = (64 << 10) + 1;

/** How long the browser may take to tell why a request has failed, in milliseconds. */
const blamePatience = 1_000;

/** Statuses whose response has no body (Fetch §2.2.3). */
const nullBodyStatuses = new Set([101, 103, 204, 205, 304]);

// ---------------------------------------------------------------- the Go half

/** @type {GoProgram | null} */
let program = null;

/** Why there is no program, once that is final. */
let fault = '';

/** What waits for Go, by number. @type {Map<number, (address: number) => void>} */
const settlers = new Map();

/** What Go calls, defined before it runs. */
globalThis.tokenvaultHost = {
  settled(id, address) {
    settlers.get(id)?.(address);
    settlers.delete(id);
  },
  tell(client, event, ...details) {
    /** @type {Record<string, string>} */
    const message = { type: 'event', client, event };
    for (let i = 0; i + 1 < details.length; i += 2) message[details[i]] = details[i + 1];
    postToApp(message);
  },
  wake() {},
};

let lastNumber = 0;

/** A number for a request or a call, unique in the life of this frame. */
function nextNumber() {
  lastNumber = (lastNumber + 1) >>> 0;
  return lastNumber;
}

/**
 * Promises what Go will answer to a number.
 * @param {number} id
 * @returns {Promise<{fields: string[], body: Uint8Array<ArrayBuffer>}>}
 */
function settled(id) {
  return new Promise((resolve) => {
    settlers.set(id, (address) => resolve(go().read(address)));
  });
}

/**
 * Calls an export that starts work, and lets the work begin.
 * @param {string} name
 * @param {string[] | Uint8Array} input
 * @param {number} id under which Go will answer
 */
function work(name, input, id) {
  const result = settled(id);
  go().call(name, input, id);
  tokenvaultHost.wake();
  return result;
}

/** The program, which every caller runs after start. */
function go() {
  if (program === null) throw new Error(fault || 'Token Vault: the vault frame has not started.');
  return program;
}

async function start() {
  program = new GoProgram(await VaultProgram.load(wasm, integrity), table);
  tokenvaultHost.wake();
  program.ended.finally(() => {
    // Every request that waits for Go would wait for ever. A frame that starts
    // anew loses nothing: the tokens are in the store.
    location.reload();
  });
  for (const event of early.splice(0)) receive(event);
}

// -------------------------------------------------------- the embedding page

/** @param {Record<string, string>} message */
function postToApp(message) {
  parent.postMessage({ ...message, v: version }, app);
}

/** Window messages that came before the program ran. @type {MessageEvent[]} */
const early = [];

/**
 * The fields of a message as Go takes them, or null for what is not a flat
 * object of strings with a version and a type.
 * @param {any} data
 * @returns {string[] | null}
 */
function fieldsOf(data) {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return null;
  const fields = [];
  let characters = 0;
  for (const [key, value] of Object.entries(data)) {
    if (typeof value !== 'string') return null;
    characters += key.length + value.length;
    if (characters > maxCharacters) return null;
    fields.push(key, value);
  }
  return typeof data.v === 'string' && typeof data.type === 'string' ? fields : null;
}

/** @param {MessageEvent} event */
function receive(event) {
  // Go decides who is heard. That others are not even read keeps a frame of
  // another site in the app's page from filling the queue or the memory.
  if (event.source !== parent || event.origin !== app) return;
  if (program === null) {
    if (!fault && early.length < maxEarlyMessages) early.push(event);
    return;
  }
  const { data, ports } = event;
  const fields = fieldsOf(data);
  if (fields === null) return;
  const admission = go().call('admit', [event.origin, data.v], event.source === parent ? 1 : 0);
  if (admission === Admission.WRONG_VERSION) {
    postToApp({ type: 'version-mismatch' });
    return;
  }
  if (admission !== Admission.ADMITTED) return;
  // v, type and epoch, and no field more
  const hasEpoch = typeof data.epoch === 'string' && fields.length === 6;
  switch (data.type) {
    case 'connect':
      if (ports.length === 1 && hasEpoch) adopt(ports[0], data.epoch);
      break;
    case 'epoch-ended':
      if (ports.length === 0 && hasEpoch) abandon(data.epoch);
      break;
    case 'call':
      if (ports.length === 1) answerCall(ports[0], fields);
      break;
  }
}

/**
 * @param {MessagePort} port
 * @param {string[]} fields
 */
async function answerCall(port, fields) {
  const id = nextNumber();
  const { fields: result } = await work('perform', fields, id);
  port.postMessage(result);
  port.close();
}

// ------------------------------------------------------------------ the ports

/** Requests under way, by the epoch of the worker life that sent them. @type {Map<string, Set<Exchange>>} */
const epochs = new Map();

/**
 * Takes a port of a worker life.
 * @param {MessagePort} port
 * @param {string} epoch
 */
function adopt(port, epoch) {
  const life = epochs.get(epoch) ?? new Set();
  epochs.set(epoch, life);
  /** @type {Map<string, Exchange>} */
  const byId = new Map();
  port.onmessage = (event) => {
    const { body = null, ...message } = Object(event.data);
    const fields = fieldsOf(message);
    const { type, id, url } = message;
    if (fields === null || typeof id !== 'string') return;
    const known = byId.get(id);
    if (type === 'fetch') {
      if (known || typeof url !== 'string' || (body !== null && !(body instanceof Blob))) return;
      const exchange = new Exchange(port, id);
      byId.set(id, exchange);
      life.add(exchange);
      exchange.run(fields, url, body, message).finally(() => {
        byId.delete(id);
        life.delete(exchange);
      });
    } else if (type === 'cancel') known?.cancel();
    else if (type === 'pull') known?.pull();
  };
  port.postMessage({ type: 'ready' });
}

/**
 * Ends what a worker life has left behind: it has nobody to answer to.
 * @param {string} epoch
 */
function abandon(epoch) {
  for (const exchange of epochs.get(epoch) ?? []) exchange.cancel();
  epochs.delete(epoch);
}

// ------------------------------------------------------- redirects that fail

/**
 * What the app asked for in requests that have just failed, by the URL that was
 * sent. That one may have a token in it, and is not for the console.
 * @type {Map<string, string>}
 */
const failed = new Map();

/**
 * Keeps a failed request until the browser has told of a violation of this
 * page's policy, if that was the reason: Chromium tells after the failure.
 * @param {string} sent
 * @param {string} asked
 */
function keepFailed(sent, asked) {
  failed.set(sent, asked);
  setTimeout(() => failed.delete(sent), blamePatience);
}

/**
 * Says which request has failed for a redirect. The event has the URL from before
 * redirects; if the policy has its origin, what it forbids is where one led.
 * @param {SecurityPolicyViolationEvent} event
 */
function blame({ blockedURI, originalPolicy }) {
  const asked = failed.get(blockedURI);
  if (asked === undefined || !originalPolicy.split(/[ ;]+/).includes(new URL(blockedURI).origin)) return;
  console.error(
    `Token Vault: ${asked} failed: a redirect led to an origin that tokenvault.json does not name. If it may lead there, without a token, add that origin to redirectOrigins, build, and deploy the vault with its headers.`,
  );
}

/**
 * One request of the app, from the message to the last byte of the response.
 */
class Exchange {
  #port;
  #wireId;
  #id = nextNumber();
  #abort = new AbortController();
  #credit = windowOfChunks;
  #pulled = () => {};
  /** Method, origin and path of the app's request, for the console. */
  #asked = '';

  /**
   * @param {MessagePort} port
   * @param {string} wireId what the worker calls this request
   */
  constructor(port, wireId) {
    this.#port = port;
    this.#wireId = wireId;
  }

  /** The app no longer wants the answer. */
  cancel() {
    this.#abort.abort();
    this.#pulled();
  }

  /** The reader has room for one more chunk. */
  pull() {
    if (this.#credit < windowOfChunks) this.#credit++;
    this.#pulled();
  }

  /**
   * @param {string} type
   * @param {object} [rest]
   * @param {Transferable[]} [transfer]
   */
  #post(type, rest, transfer = []) {
    this.#port.postMessage({ ...rest, type, id: this.#wireId }, transfer);
  }

  /**
   * Does what Go says until the request is over.
   * @param {string[]} fields of the message, for Go
   * @param {string} url as the message has it
   * @param {Blob | null} body
   * @param {Record<string, string>} settings of the app's request; some go to fetch as they are
   */
  async run(fields, url, body, settings) {
    try {
      const parsed = partsOf(url);
      this.#asked = `${settings.method} ${parsed[1]}${parsed[2]}`;
      let answer = this.#ask('begin', [...parsed, ...fields]);
      for (;;) {
        const [action, status, statusText, otherURL, options, headers] = (await answer).fields;
        switch (action) {
          case Action.AWAIT_BODY:
            this.#post('sent');
            answer = this.#settle(await body?.slice(0, maxForm).arrayBuffer());
            break;
          case Action.AWAIT:
            answer = this.#settle();
            break;
          case Action.SEND:
            answer = this.#send(otherURL || parsed[0], headers, body, settings, options.includes('cache'), options.includes('manual'));
            break;
          case Action.DELIVER:
            return await this.#deliver(Number(status), statusText, otherURL, headers, options.includes('scrub'));
          case Action.REPLY:
            return this.#reply(Number(status), statusText, headers, (await answer).body);
          case Action.BYPASS:
            return this.#post('bypass');
          default:
            return this.#post('fail');
        }
      }
    } catch (error) {
      // A request that failed on the network, was cancelled, or met a fault of
      // ours ends as a network failure. The cause may hold a URL: it stays here.
      if (!(error instanceof TypeError) && !this.#abort.signal.aborted) reportError(error);
      this.#post('fail');
    } finally {
      go().call('end', null, this.#id);
    }
  }

  /**
   * @param {string} name
   * @param {string[]} fields
   * @param {number[]} numbers
   */
  async #ask(name, fields, ...numbers) {
    return go().ask(name, fields, this.#id, ...numbers);
  }

  /**
   * Lets Go do what has to wait, and waits for it.
   * @param {ArrayBuffer} [body]
   */
  #settle(body = new ArrayBuffer(0)) {
    return work('settle', new Uint8Array(body), this.#id);
  }

  /** @type {Response | null} */
  #response = null;

  /** Lets go of a response that is not read: it is retried, or not for the app. */
  #dismiss() {
    this.#response?.body?.cancel().catch(() => {});
  }

  /**
   * @param {string} url
   * @param {string} headers
   * @param {Blob | null} body
   * @param {Record<string, string>} settings
   * @param {boolean} cache whether the browser's cache may take part
   * @param {boolean} manual whether no redirect may be followed, whatever the app asked for
   */
  async #send(url, headers, body, settings, cache, manual) {
    this.#dismiss();
    const responding = fetch(url, {
      method: settings.method,
      headers: readHeaders(headers),
      body,
      mode: 'cors',
      credentials: /** @type {RequestCredentials} */ (settings.credentials),
      // The browser's cache is the site's: the app could read there what an API
      // has answered, the echo of a token too, as it was before it was scrubbed.
      cache: cache ? 'default' : 'no-store',
      redirect: manual ? 'manual' : /** @type {RequestRedirect} */ (settings.redirect),
      // No integrity: whether it holds would tell the app about bytes that it
      // does not get. The browser checks it once more, on those that it does.
      keepalive: settings.keepalive === 'true',
      referrerPolicy: 'no-referrer',
      signal: this.#abort.signal,
    });
    // Said behind the fetch: a frame that is taken down in between would leave a
    // request that the worker takes for sent and the browser has never seen.
    this.#post('sent');
    const response = await responding.catch((error) => {
      keepFailed(url, this.#asked);
      throw error;
    });
    this.#response = response;
    const redirected = response.redirected ? partsOf(response.url) : ['', '', '', ''];
    const list = [];
    for (const [name, value] of response.headers) list.push(name, value);
    return this.#ask('head', [response.statusText, ...redirected, ...list], response.status);
  }

  /**
   * @param {number} status
   * @param {string} statusText
   * @param {string} url
   * @param {string} headers
   * @param {boolean} scrub
   */
  async #deliver(status, statusText, url, headers, scrub) {
    const response = /** @type {Response} */ (this.#response);
    if (response.type === 'opaqueredirect') return this.#post('redirect');
    this.#post('head', { status, statusText, url, headers });
    if (response.body === null || nullBodyStatuses.has(status)) return this.#post('end');
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      await this.#chunk(scrub ? this.#scrub(value ?? new Uint8Array(0), done) : (value ?? new Uint8Array(0)));
      if (done) return this.#post('end');
    }
  }

  /**
   * What of a chunk may pass: itself, as far as Go says, or other bytes.
   * @param {Uint8Array<ArrayBuffer>} chunk
   * @param {boolean} last
   */
  #scrub(chunk, last) {
    const { fields, body } = go().ask('chunk', chunk, this.#id, last ? 1 : 0);
    return fields.length > 0 ? chunk.subarray(0, Number(fields[0])) : body;
  }

  /**
   * Passes bytes on as soon as the reader has room for them.
   * @param {Uint8Array<ArrayBuffer>} chunk
   */
  async #chunk(chunk) {
    if (chunk.length === 0) return;
    while (this.#credit === 0 && !this.#abort.signal.aborted) {
      await new Promise((resolve) => {
        this.#pulled = () => resolve(undefined);
      });
    }
    this.#abort.signal.throwIfAborted();
    this.#credit--;
    this.#post('chunk', { chunk }, [chunk.buffer]);
  }

  /**
   * Answers with a response that Go has made.
   * @param {number} status
   * @param {string} statusText
   * @param {string} headers
   * @param {Uint8Array<ArrayBuffer>} body
   */
  #reply(status, statusText, headers, body) {
    this.#dismiss();
    this.#post('head', { status, statusText, url: '', headers });
    if (body.length > 0) this.#post('chunk', { chunk: body }, [body.buffer]);
    this.#post('end');
  }
}

/**
 * A URL as the browser's parser reads it: href, origin, path and query. Only
 * http(s) has an origin here: blob: and filesystem: URLs borrow one.
 * @param {string} url
 */
function partsOf(url) {
  if (!URL.canParse(url)) return ['', '', '', ''];
  const { href, protocol, origin, pathname, search } = new URL(url);
  return [href, protocol === 'https:' || protocol === 'http:' ? origin : '', pathname, search.slice(1)];
}

/** @param {string} block name, value, name, value, …, each with a line feed behind it */
function readHeaders(block) {
  const headers = new Headers();
  const lines = block.split('\n');
  for (let i = 0; i + 1 < lines.length; i += 2) headers.append(lines[i], lines[i + 1]);
  return headers;
}

addEventListener('message', receive);
addEventListener('securitypolicyviolation', blame);

start().catch((error) => {
  fault = `Token Vault: the vault frame could not start: ${error.message}`;
  early.length = 0;
  postToApp({ type: 'fault', message: fault });
});
postToApp({ type: 'ready' });
