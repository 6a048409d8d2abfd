// @ts-check
/// <reference path="types/build.d.ts" />
'use strict';

/**
 * The interceptor: a service worker of the app origin that hands requests for
 * configured URLs to the vault's frame, and leaves all others alone. It decides
 * nothing that matters: the frame judges again, and a request that passes this
 * worker by goes out without a token.
 *
 * It runs as a worker of its own, or inside an existing one by importScripts.
 *
 * The browser ends a worker when it likes, and everything here with it. A life is
 * named by its epoch, a Web Lock that the worker holds: pages queue on it, and
 * learn by it at once that this life's requests have nobody to answer to.
 */
const { protocol, build, policy, wasm, integrity, table, places, timeout } = __TOKENVAULT_CONFIG__;

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));

/** Origins that the policy can name: the filter before Go is asked. */
const originSet = new Set(places.map(([origin]) => origin));

/** Where the binary is kept, so that a worker started offline or after a deployment has its own version. */
const cacheName = `tokenvault-wasm-${build}`;

/** True when this script is the worker, not a part of another one. */
const ownWorker = new URL(worker.location.href).pathname.endsWith('/interceptor.js');

/** Whether the browser itself leaves alone what the policy does not name, by static routes. */
const routed = ownWorker && 'addRoutes' in (Reflect.get(worker, 'InstallEvent')?.prototype ?? {});

/**
 * What a path may have that some server could read as another one, once a browser
 * has parsed it. Static routes pass it on at all origins of the policy.
 */
const doubtful = ['%', ';', '//'];

/** What the fragment of a URL begins with that has a page's mark. */
const requestFragment = 'tokenvault-request-';

/** What the fragment of a URL begins with where an answer waits for a redirect to be followed. */
const answerFragment = 'tokenvault-answer-';

/** What the mark of a request begins with whose body the page posts. */
const uploadPrefix = 'upload-';

/**
 * What the mark of a request has in it if its page was under another worker before:
 * Chromium goes on with the static routes of that one.
 */
const replacedSign = 'replaced-';

/** What a worker may send ahead of the app's reading, in chunks. */
const windowOfChunks = 4;

/** Statuses whose response has no body (Fetch §2.2.3). */
const nullBodyStatuses = new Set([101, 103, 204, 205, 304]);

// ---------------------------------------------------------------- the Go half

/**
 * The program once it runs. Until then, and if it cannot start, requests to the
 * origins of the policy are forwarded: the frame's verdict is law anyway.
 * @type {GoProgram | null}
 */
let program = null;

async function startProgram() {
  const response = (await caches.match(wasm)) ?? (await fetch(wasm, { integrity }));
  const module = await WebAssembly.compileStreaming(response);
  const started = new GoProgram(module, table);
  program = started;
  started.ended.finally(() => {
    program = null;
  });
}

/** @type {Promise<void> | null} */
let start = null;

/**
 * Starts the program, once, and settles when it runs or cannot. It would hold up
 * the request that woke this worker, which is forwarded without it, so it waits
 * until that has its answer.
 */
function needProgram() {
  start ??= startProgram().catch((error) => {
    console.error('Token Vault: the interceptor runs without its WebAssembly half.', error);
  });
  return start;
}

/** How long the program waits for a request, in milliseconds. */
const startPatience = 300;

/** Whether there have been requests for it: static routes spare most workers the start. */
let isNeeded = !routed;

/** Starts the program behind what is being done, if it is needed and has not been started. */
function startIfNeeded() {
  if (isNeeded && start === null) setTimeout(needProgram);
}

// An app's own worker wants to see what is not ours, so it is told as soon as can be.
if (ownWorker) setTimeout(startIfNeeded, startPatience);
else needProgram();

/**
 * Whether a request is one for the vault.
 * @param {string} method
 * @param {string} url
 */
function isForVault(method, url) {
  const slash = url.indexOf('/', url.indexOf('://') + 3);
  if (!originSet.has(url.slice(0, slash))) return false;
  if (routed && !isInDoubt(url, slash)) return true;
  isNeeded = true;
  return judge(method, url);
}

/**
 * Whether static routes have passed on a request that they do not judge.
 * @param {string} url
 * @param {number} slash where its path begins
 */
function isInDoubt(url, slash) {
  const path = url.slice(slash).split(/[?#]/, 1)[0];
  return markOf(url).includes(replacedSign) || doubtful.some((part) => path.includes(part));
}

/**
 * Asks Go. Its routes: 0 forward, 1 leave.
 * @param {string} method
 * @param {string} url
 */
function judge(method, url) {
  if (program === null) return true;
  try {
    return program.call('route', [method, url]) === 0;
  } catch (error) {
    console.error('Token Vault: the interceptor goes on without its WebAssembly half.', error);
    program = null;
    return true;
  }
}

// ------------------------------------------------------------------ the epoch

const epoch = `tokenvault-epoch-${crypto.randomUUID()}`;

/** Settles when the lock is held: a page that queues on it earlier would see it free. */
const epochHeld = new Promise((resolve) => {
  navigator.locks.request(epoch, () => {
    resolve(undefined);
    return new Promise(() => {});
  });
});

// ------------------------------------------------------------------ the links

/**
 * A link is a port to the vault frame of one page, and the requests on it.
 */
class Link {
  /** @type {Map<string, Pending>} */
  #pending = new Map();
  #channel = new MessageChannel();
  /** A Web Lock that the page holds as long as the frame is there. */
  #lock = `tokenvault-link-${crypto.randomUUID()}`;
  #lost = false;
  #count = 0;

  /** Settles when the frame has taken the port. @type {Promise<Link>} */
  ready;
  /** @type {(link: Link) => void} */
  #setReady = () => {};
  /** @type {(reason: unknown) => void} */
  #setLost = () => {};

  /** @param {Client} client the page that holds the frame */
  constructor(client) {
    this.ready = new Promise((resolve, reject) => {
      this.#setReady = resolve;
      this.#setLost = reject;
    });
    this.ready.catch(() => {});
    this.#channel.port1.onmessage = (event) => this.#receive(event.data);
    client.postMessage({ v: String(protocol), type: 'connect', epoch, link: this.#lock }, [this.#channel.port2]);
  }

  get lost() {
    return this.#lost;
  }

  /**
   * Posts a request. What is posted before the frame has the port waits in it.
   * @param {Pending} pending
   * @param {Record<string, string>} message
   * @param {Blob | null} body
   * @returns {string} what the request is called on this link
   */
  send(pending, message, body) {
    const id = String(++this.#count);
    this.#pending.set(id, pending);
    const envelope = { ...message, v: String(protocol), type: 'fetch', id };
    this.#channel.port1.postMessage(body ? { ...envelope, body } : envelope);
    return id;
  }

  /**
   * @param {string} type
   * @param {string} id
   */
  post(type, id) {
    this.#channel.port1.postMessage({ v: String(protocol), type, id });
  }

  /** @param {string} id */
  forget(id) {
    this.#pending.delete(id);
  }

  /**
   * The frame is not there: what was sent has no answer any more.
   * @param {(pending: Pending) => void} tell
   */
  #end(tell) {
    this.#lost = true;
    this.#setLost(new Error('The vault frame is gone.'));
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    this.#channel.port1.close();
    pending.forEach(tell);
  }

  /** Waits for the end of the frame; the page holds the lock already. */
  #watch() {
    navigator.locks.request(this.#lock, { mode: 'shared' }, () => this.#end((pending) => pending.lose()));
  }

  /** @param {any} message */
  #receive(message) {
    if (message.type === 'held') return this.#watch();
    if (message.type === 'ready') return this.#setReady(this);
    if (message.type === 'unavailable') return this.#end((pending) => pending.refuse(503, message.code, message.message));
    this.#pending.get(message.id)?.receive(message);
  }
}

/** The links of this life, by the id of the page. @type {Map<string, Link>} */
const links = new Map();

/** @param {Client} client */
function linkTo(client) {
  let link = links.get(client.id);
  if (!link || link.lost) {
    link = new Link(client);
    links.set(client.id, link);
  }
  return link;
}

/** What waits for the next page that has a frame. @type {Set<(link: Promise<Link>) => void>} */
const waitingForPage = new Set();

/** @param {Client} client a page that has a frame */
function arrived(client) {
  const { ready } = linkTo(client);
  for (const tell of waitingForPage) tell(ready);
  waitingForPage.clear();
}

/**
 * The link for a request. A page of its own gets its own, at once. What has no
 * frame (a dedicated worker, a child frame) uses whichever page answers first,
 * and what outlives its page the one that comes next.
 * @param {Request} request
 * @param {string} clientId
 * @returns {Promise<Link>}
 */
async function findLink({ keepalive }, clientId) {
  const known = links.get(clientId);
  if (known && !known.lost && !keepalive) return known;
  await epochHeld;
  const client = clientId ? await worker.clients.get(clientId) : undefined;
  if (client && isPage(client) && !keepalive) return linkTo(client);
  const windows = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
  for (const id of links.keys()) if (!windows.some((page) => page.id === id)) links.delete(id);
  const ready = windows.filter(isPage).map((page) => linkTo(page).ready);
  if (!keepalive) return Promise.any(ready);
  /** @type {(link: Promise<Link>) => void} */
  let tell = () => {};
  ready.push(
    new Promise((resolve) => {
      tell = resolve;
    }),
  );
  waitingForPage.add(tell);
  return Promise.any(ready).finally(() => waitingForPage.delete(tell));
}

/** @param {Client} client */
function isPage(client) {
  return client.type === 'window' && /** @type {WindowClient} */ (client).frameType !== 'nested';
}

// --------------------------------------------------------------- the requests

/**
 * A request that waits for the vault: from the fetch event to the last byte.
 */
class Pending {
  /** @type {Request} */
  #request;
  #clientId;
  #mark;
  /** @type {Blob | null} */
  #upload = null;
  /** @type {(response: Response | Promise<Response>) => void} */
  #resolve = () => {};
  /** @type {Promise<Response>} */
  response;
  /** @type {Link | null} */
  #link = null;
  #id = '';
  /** Whether the vault has sent it out: from then on it may have had its effect. */
  #sent = false;
  #over = false;
  #timer = 0;
  /** @type {ReadableStreamDefaultController<Uint8Array> | null} */
  #body = null;
  #credit = windowOfChunks;

  /**
   * @param {Request} request as the app made it; its body may be spent
   * @param {string} clientId
   */
  constructor(request, clientId) {
    this.#request = request;
    this.#clientId = clientId;
    this.#mark = markOf(request.url);
    if (this.#mark) marked.set(this.#mark, this);
    this.response = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#timer = setTimeout(() => {
      this.#link?.post('cancel', this.#id);
      this.refuse(
        504,
        'vault_timeout',
        `No answer to ${request.method} within ${timeout / 1000} seconds. Either the server is slow (raise requestTimeout in tokenvault.json) or the page lacks the script tokenvault.js.`,
      );
    }, timeout);
  }

  /**
   * Hands the request to a frame.
   * @param {Blob | null} body
   */
  async send(body) {
    this.#upload = body;
    /** @type {Link} */
    let link;
    try {
      link = await findLink(this.#request, this.#clientId);
    } catch {
      this.refuse(
        503,
        'vault_unavailable',
        'No page of this app has a vault frame. Load the script tokenvault.js in the page that makes the request, or in another open page of the app.',
      );
      return;
    }
    if (this.#over) return;
    this.#link = link;
    this.#id = link.send(this, describe(this.#request), body);
  }

  /** The frame is gone. What it had not sent yet goes to the next one. */
  lose() {
    if (!this.#sent) {
      this.send(this.#upload);
      return;
    }
    this.refuse(503, 'vault_unavailable', 'The vault frame that the request went through was removed or closed before it answered. It is put back; try again.');
  }

  /** The app does not want the answer any more. */
  abort() {
    this.#link?.post('cancel', this.#id);
    this.fail();
  }

  /** @param {any} message */
  receive(message) {
    switch (message.type) {
      case 'sent':
        this.#sent = true;
        this.#upload = null;
        return;
      case 'head':
        return this.#head(message);
      case 'chunk':
        this.#credit--;
        return this.#body?.enqueue(message.chunk);
      case 'end':
        this.#body?.close();
        return this.#finish();
      case 'redirect':
        return this.#redirect();
      case 'fail':
        return this.fail();
      case 'bypass':
        return this.#bypass();
    }
  }

  /** @param {{status: number, statusText: string, url: string, headers: string}} message */
  #head({ status, statusText, url, headers }) {
    clearTimeout(this.#timer);
    marked.delete(this.#mark); // from here on the stream tells
    const init = { status, statusText, headers: readHeaders(headers) };
    if (nullBodyStatuses.has(status) || this.#request.method === 'HEAD') {
      this.#answer(url, new Response(null, init));
      return;
    }
    const body = new ReadableStream(
      {
        start: (controller) => {
          this.#body = controller;
        },
        pull: ({ desiredSize }) => {
          // What is queued counts: a window of chunks is all that is under way.
          while (this.#credit < Number(desiredSize)) {
            this.#credit++;
            this.#link?.post('pull', this.#id);
          }
        },
        cancel: () => {
          this.#link?.post('cancel', this.#id);
          this.#finish();
        },
      },
      { highWaterMark: windowOfChunks },
    );
    this.#answer(url, new Response(body, init));
  }

  /**
   * Answers; if a redirect led elsewhere, by way of one to there: so the app's
   * response has the URL.
   * @param {string} url where the response is from; empty for the URL that was asked
   * @param {Response} response
   */
  #answer(url, response) {
    startIfNeeded();
    const { mode } = this.#request;
    this.#resolve(url && (mode === 'cors' || mode === 'same-origin') ? detour(url, response) : response);
  }

  /** A redirect that the app wants to see and not to follow: the browser hides it. */
  #redirect() {
    this.#resolve(redirectTo(this.#request.url));
    this.#finish();
  }

  /** The vault has nothing to do with it: it goes out as it would without us. */
  async #bypass() {
    startIfNeeded();
    const { method, url } = this.#request;
    const body = this.#upload;
    if (body) {
      // Not if the policy here says otherwise: a token request that goes past a
      // frame of another deployment would bring tokens into the page.
      await needProgram();
      if (program !== null && judge(method, url)) {
        this.refuse(503, 'version_mismatch', 'The worker and the vault frame were built from different configurations. Deploy app and vault together, then reload.');
        return;
      }
    }
    this.#resolve(fetch(body ? new Request(this.#request, { body }) : this.#request));
    this.#finish();
  }

  /** A network failure: of the request, or of a body that had begun. */
  fail() {
    this.#body?.error(new TypeError('network error'));
    this.#resolve(Response.error());
    this.#finish();
  }

  /**
   * Ends with an error of the vault's own.
   * @param {number} status
   * @param {string} code
   * @param {string} message
   */
  refuse(status, code, message) {
    if (this.#body) return this.fail();
    const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
    this.#resolve(new Response(JSON.stringify({ error: code, message }), { status, statusText: 'Token Vault', headers }));
    this.#finish();
  }

  #finish() {
    clearTimeout(this.#timer);
    marked.delete(this.#mark);
    this.#link?.forget(this.#id);
    this.#upload = null;
    this.#body = null;
    this.#over = true;
  }
}

/**
 * Requests that the page may want to abort, by the mark that its script has put
 * into the URL's fragment: browsers do not tell the worker.
 * @type {Map<string, Pending>}
 */
const marked = new Map();

/** The mark in a URL; "" if there is none. @param {string} url */
function markOf(url) {
  const [, mark = ''] = url.split(`#${requestFragment}`, 2);
  return mark;
}

/**
 * Bodies that pages post, by the mark of the request: the message and the request
 * come in either order.
 * @type {Map<string, {posted: Promise<Blob | null>, post: (body: Blob | null) => void}>}
 */
const uploads = new Map();

/** How long message and request wait for each other, in milliseconds. */
const uploadPatience = 1_000;

/**
 * The upload of a mark; after a while it is none any more: of the two, one went to
 * another life of this worker, or the request was none for the vault.
 * @param {string} mark
 */
function uploadOf(mark) {
  const known = uploads.get(mark);
  if (known) return known;
  /** @type {(body: Blob | null) => void} */
  let post = () => {};
  /** @type {Promise<Blob | null>} */
  const posted = new Promise((resolve) => {
    post = resolve;
  });
  const upload = { posted, post };
  uploads.set(mark, upload);
  setTimeout(() => {
    uploads.delete(mark);
    post(null);
  }, uploadPatience);
  return upload;
}

/** The body that the page has posted for a request; null if it does not. @param {string} url */
async function postedBody(url) {
  const mark = markOf(url);
  if (!mark.startsWith(uploadPrefix)) return null;
  const body = await uploadOf(mark).posted;
  uploads.delete(mark);
  return body;
}

/** @param {string} url */
function redirectTo(url) {
  return new Response(null, { status: 303, headers: { location: url } });
}

/** Responses that wait for the browser to follow a detour, by the URL with its mark. @type {Map<string, Response>} */
const detours = new Map();

/** How long a response waits, in milliseconds: the app may have lost interest. */
const detourPatience = 5_000;

/**
 * A redirect to a URL that a response is from, which is the answer there. The
 * mark that tells it from other requests is a fragment: those do not show in a
 * response's URL.
 * @param {string} url
 * @param {Response} response
 */
function detour(url, response) {
  const address = `${url.split('#', 1)[0]}#${answerFragment}${crypto.randomUUID()}`;
  detours.set(address, response);
  setTimeout(() => {
    if (detours.delete(address)) response.body?.cancel();
  }, detourPatience);
  return redirectTo(address);
}

/** @param {string} block name, value, name, value, …, each with a line feed behind it */
function readHeaders(block) {
  const headers = new Headers();
  const lines = block.split('\n');
  for (let i = 0; i + 1 < lines.length; i += 2) headers.append(lines[i], lines[i + 1]);
  return headers;
}

/** @param {Request} request */
function describe(request) {
  let headers = '';
  for (const [name, value] of request.headers) headers += `${name}\n${value}\n`;
  return {
    method: request.method,
    url: request.url.split('#', 1)[0],
    headers,
    credentials: request.credentials,
    redirect: request.redirect,
    keepalive: String(request.keepalive),
  };
}

/**
 * The body of a request, null for none. Not every browser tells by Request.body,
 * but a body that is empty and of no type is none. A Blob stays where the
 * browser keeps it; only to take one out of the request copies it.
 * @param {Request} request
 */
async function bodyOf(request) {
  if (request.body === null || request.method === 'GET' || request.method === 'HEAD') return null;
  const body = (await postedBody(request.url)) ?? (await request.blob());
  return body.size > 0 || request.headers.has('content-type') ? body : null;
}

/**
 * @param {Request} request
 * @param {string} clientId
 */
async function forward(request, clientId) {
  const pending = new Pending(request, clientId);
  try {
    pending.send(await bodyOf(request));
  } catch {
    pending.fail(); // the app's own stream broke off
  }
  return pending.response;
}

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const waiting = detours.get(request.url);
  if (waiting) {
    detours.delete(request.url);
    event.respondWith(waiting);
    return;
  }
  if (request.mode === 'navigate' || !isForVault(request.method, request.url)) return;
  event.respondWith(forward(request, event.clientId));
});

// ------------------------------------------------------------- the lifecycle

/**
 * Has the browser send the requests that are not for the vault without asking,
 * or starting, this worker, where it knows how (static routes).
 * @param {any} event of the installation
 */
async function leaveTheRest(event) {
  const named = places.map(([origin, path]) => [origin, path.replace(/[^/\w*]/g, '\\$&')]);
  const inDoubt = [...originSet].flatMap((origin) => doubtful.map((part) => [origin, `*${part}*`]));
  const or = [...named, ...inDoubt].map(([origin, pathname]) => {
    const { protocol: scheme, hostname, port } = new URL(origin);
    return { urlPattern: new URLPattern({ protocol: scheme.slice(0, -1), hostname, port, pathname }) };
  });
  for (const hash of [`${answerFragment}*`, `${requestFragment}*${replacedSign}*`]) or.push({ urlPattern: new URLPattern({ hash }) });
  await event.addRoutes?.({ condition: { not: { or } }, source: 'network' });
}

worker.addEventListener('install', (event) => {
  if (ownWorker) {
    worker.skipWaiting();
    // Without the routes all goes as with them, only through here.
    leaveTheRest(event).catch((error) => console.warn('Token Vault: no static routes.', error));
  }
  event.waitUntil(
    caches.open(cacheName).then((cache) => cache.add(new Request(wasm, { integrity, cache: 'no-cache' }))),
  );
});

worker.addEventListener('activate', (event) => {
  const tidy = caches
    .keys()
    .then((names) => names.filter((name) => name.startsWith('tokenvault-wasm-') && name !== cacheName))
    .then((old) => Promise.all(old.map((name) => caches.delete(name))));
  event.waitUntil(ownWorker ? Promise.all([worker.clients.claim(), tidy]) : tidy);
});

worker.addEventListener('message', (event) => {
  const client = /** @type {Client | null} */ (event.source);
  if (!client || event.data?.tokenvault !== protocol) return;
  switch (event.data.type) {
    case 'claim': // a page after a hard reload, which no activation will claim
      event.waitUntil(worker.clients.claim());
      break;
    case 'policy': // a page that asks what is routed here before it makes requests
      event.ports[0]?.postMessage(policy);
      break;
    case 'replace': // a page that has an outdated worker, while this one waits
      if (ownWorker) event.waitUntil(worker.skipWaiting());
      break;
    case 'hello': // a page with a frame: its port is made before it is needed
      event.waitUntil(epochHeld.then(() => arrived(client)));
      break;
    case 'abort': // a page that does not want an answer any more
      marked.get(event.data.mark)?.abort();
      break;
    case 'upload': // the body of a request of the page's
      if (event.data.body instanceof Blob) uploadOf(event.data.mark).post(event.data.body);
      break;
  }
});
