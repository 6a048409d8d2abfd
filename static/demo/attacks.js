// @ts-check
/**
 * The attacks of the attacker's console. Each runs in the page with the app's
 * own rights and notes whatever came back; evidence.js judges the notes. An
 * attack that fails notes the browser's or the vault's own words.
 */

import { crawl, storages } from './loot.js';
import { authorizationURL, exchangeBody, random } from './oauth.js';

/** @typedef {import('./demo.js').DemoConfig} DemoConfig */
/**
 * @callback Note
 * @param {string} label  what was tried
 * @param {unknown} value  what came back, in full
 * @param {string} [shown]  what to print instead of a very long value
 * @returns {void}
 */
/** @typedef {import('./evidence.js').Outcome} Outcome */
/**
 * @typedef {object} Attack
 * @property {string} id
 * @property {string} title
 * @property {string} how
 * @property {boolean} [alone]  changes the page for good: left out of "Run all attacks"
 * @property {(config: DemoConfig, note: Note) => Promise<Outcome | void>} run
 */

/** How long an attack listens for answers that may never come. */
const LISTEN_MS = 1500;

/** @param {number} milliseconds */
function wait(milliseconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}

/**
 * Runs one step and notes its result or its error.
 * @param {Note} note
 * @param {string} label
 * @param {() => unknown} step
 */
async function attempt(note, label, step) {
  try {
    note(label, await step());
  } catch (error) {
    note(label, error);
  }
}

/**
 * A response with everything a script can read of it.
 * @param {Response} response
 */
async function readout(response) {
  const headers = Array.from(response.headers, ([name, value]) => `${name}: ${value}`).join('\n');
  return `${response.status} ${response.statusText}\n${response.url}\n${headers}\n\n${await response.text()}`;
}

/**
 * A fetch with the function of any window, read out in full.
 * @param {string} url
 * @param {RequestInit} [init]
 * @param {typeof fetch} [send]
 */
async function ask(url, init, send = fetch) {
  return readout(await send(url, init));
}

/**
 * The vault's frame in this page.
 * @param {DemoConfig} config
 */
function vaultFrame(config) {
  const frame = Array.from(document.querySelectorAll('iframe')).find(({ src }) => src.startsWith(`${config.vault}/`));
  if (frame?.contentWindow == null) {
    throw new Error('there is no vault frame in this page');
  }
  return { frame, target: frame.contentWindow };
}

/** @type {Attack['run']} */
async function readStorage(_, note) {
  for (const [name, read] of storages) {
    await attempt(note, name, read);
  }
}

/** @type {Attack['run']} */
async function crawlObjects(_, note) {
  const { objects, strings } = crawl();
  note('Objects reached from window', strings.join('\n'), `${objects} objects, ${strings.length} different strings read`);
}

/** @type {Attack['run']} */
async function callTokenEndpoint(config, note) {
  const post = (/** @type {Record<string, string>} */ form) =>
    ask(config.tokenEndpoint, { method: 'POST', body: new URLSearchParams(form) });
  await attempt(note, 'A made-up code', () => ask(config.tokenEndpoint, {
    method: 'POST',
    body: exchangeBody(config, 'made-up-code', random()),
  }));
  await attempt(note, 'A client of my own', () =>
    post({ grant_type: 'authorization_code', client_id: 'attacker', code: 'made-up-code' }));
  await attempt(note, 'The refresh grant, as the app', () =>
    post({ grant_type: 'refresh_token', client_id: config.clientId, refresh_token: 'REDACTED' }));
  await attempt(note, 'The password grant', () =>
    post({ grant_type: 'password', client_id: config.clientId, username: 'x', password: 'x' }));
  await attempt(note, 'The same endpoint by GET', () => ask(config.tokenEndpoint));
}

/** @type {Attack['run']} */
async function forgeMessages(config, note) {
  const { target } = vaultFrame(config);
  /** @type {unknown[]} */
  const heard = [];
  const listen = (/** @type {MessageEvent} */ event) => heard.push({ origin: event.origin, data: event.data });
  window.addEventListener('message', listen);
  /**
   * Sends one message with a port of its own and remembers what the port says.
   * @param {Record<string, unknown>} message
   * @param {Record<string, unknown>[]} [then]  messages for the port
   */
  const send = (message, then = []) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => heard.push({ answerTo: message, data });
    target.postMessage(message, config.vault, [port2]);
    then.forEach((next) => port1.postMessage(next));
  };
  const fetchOf = (/** @type {string} */ url) => ({ v: '1', type: 'fetch', id: '1', method: 'GET', url });
  const call = { v: '1', type: 'call', client: config.client };
  send({ type: 'getTokens' });
  send({ ...call, call: 'get' });
  send({ ...call, call: 'status' });
  send({ ...call, call: 'status', v: '999' });
  send({ ...call, call: 'status', redact: '' });
  send({ ...call, call: 'refresh', endpoint: `${config.app}/steal` });
  for (const url of [config.calls.echo, config.calls.outside, `${config.app}/steal`, `${config.vault}/proxy.html`]) {
    send({ v: '1', type: 'connect', epoch: random() }, [fetchOf(url)]);
  }
  await wait(LISTEN_MS);
  window.removeEventListener('message', listen);
  heard.forEach((answer, i) => note(`Answer ${i + 1} of ${heard.length}`, answer));
  if (heard.length === 0) {
    note('Answers', 'None at all.');
  }
}

/** @type {Attack['run']} */
async function askOtherURLs(config, note) {
  const { origin, pathname } = new URL(config.calls.protected);
  const folder = pathname.slice(0, pathname.lastIndexOf('/'));
  const outside = new URL(config.calls.outside).pathname;
  for (const [label, url] of /** @type {[string, string][]} */ ([
    ['A path that is not on the list', config.calls.outside],
    ['Out of the list by ..', `${origin}${folder}/..${outside}`],
    ['The same, dots encoded', `${origin}${folder}/%2e%2e${outside}`],
    ['The same, slash encoded', `${origin}${folder}/..%2f${outside.slice(1)}`],
    ['The same, with a path parameter', `${origin}${folder}/..;${outside}`],
    ['An empty segment', `${origin}/${outside}`],
    ['A name that only begins alike', `${origin}${folder}x${outside}`],
    ['A host that only begins alike', `${origin.replace(/(:\d+)?$/, '.attacker.localhost$1')}${pathname}`],
    ['The host as a user name', `${origin.replace('://', `://${new URL(config.calls.protected).host}@`)}${outside}`],
    ['A redirect to another origin', config.calls.redirect],
  ])) {
    await attempt(note, `${label}: ${url}`, () => ask(url));
  }
}

/** Ways in which the demo's API repeats what it got; see internal/devidp. */
const ECHOES = [
  ['json', 'among the headers it got, as JSON'],
  ['header', 'in headers of its answer'],
  ['html', 'in an error page'],
  ['percent', 'percent-encoded in a URL'],
  ['escaped', 'with JSON escapes'],
  ['chunked', 'in two pieces'],
];

/** @type {Attack['run']} */
async function askEcho(config, note) {
  for (const [form, label] of ECHOES) {
    await attempt(note, `An API that repeats the token ${label}`, () => ask(`${config.calls.echo}?as=${form}`));
  }
  await attempt(note, 'With an Authorization of my own', () =>
    ask(config.calls.echo, { headers: { Authorization: 'Bearer mine' } }));
  await attempt(note, 'By XMLHttpRequest', () => new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('GET', config.calls.echo);
    request.onload = () => resolve(`${request.status}\n${request.getAllResponseHeaders()}\n${request.responseText}`);
    request.onerror = () => reject(new Error('network error'));
    request.send();
  }));
}

/** @type {Attack['run']} */
async function readFrame(config, note) {
  const { frame, target } = vaultFrame(config);
  const inside = /** @type {Window & typeof globalThis} */ (target);
  await attempt(note, 'iframe.contentDocument', () => frame.contentDocument);
  await attempt(note, 'contentWindow.document', () => inside.document.documentElement.outerHTML);
  await attempt(note, 'contentWindow.indexedDB', () => inside.indexedDB.databases());
  await attempt(note, 'contentWindow.fetch', () => inside.fetch);
  await attempt(note, 'document.domain relaxed, then its document', () => {
    document.domain = location.hostname.split('.').slice(1).join('.');
    return inside.document.documentElement.outerHTML;
  });
  await attempt(note, 'The frame\'s files, by fetch', () => ask(`${config.vault}/proxy.html`));
}

/** @type {Attack['run']} */
async function watchFetch(config, note) {
  /** @type {unknown[]} */
  const seen = [];
  const original = { fetch: window.fetch, postMessage: MessagePort.prototype.postMessage };
  const watchMessage = (/** @type {MessageEvent} */ event) => seen.push({ message: event.data });
  window.fetch = async (input, init) => {
    const request = new Request(input, init);
    seen.push({ request: request.url, headers: [...request.headers], body: await request.clone().text() });
    const response = await original.fetch.call(window, request);
    seen.push({ response: await readout(response.clone()) });
    return response;
  };
  MessagePort.prototype.postMessage = function (/** @type {unknown} */ message, /** @type {any} */ options) {
    seen.push({ posted: message });
    original.postMessage.call(this, message, options);
  };
  window.addEventListener('message', watchMessage);
  navigator.serviceWorker.addEventListener('message', watchMessage);
  try {
    await attempt(note, 'The app refreshes its token meanwhile', async () => {
      await window.tokenvault.refresh(config.client);
      return 'done';
    });
    await attempt(note, 'The app calls its API meanwhile', async () => (await window.fetch(config.calls.protected)).status);
  } finally {
    window.fetch = original.fetch;
    MessagePort.prototype.postMessage = original.postMessage;
    window.removeEventListener('message', watchMessage);
    navigator.serviceWorker.removeEventListener('message', watchMessage);
  }
  note('Requests, answers and messages that went by', seen);
}

/**
 * Waits until a popup is back in this origin and may be read.
 * @param {Window} popup
 */
async function comeBack(popup) {
  for (let tries = 0; tries < 500; tries++) {
    // Often, since an honest page takes the code out of its URL at once.
    await wait(10);
    try {
      if (popup.location.origin === location.origin && popup.location.search !== '') {
        return popup.location.href;
      }
    } catch {
      // Still at the authorization server: another origin, unreadable.
    }
    if (popup.closed) {
      break;
    }
  }
  throw new Error('the popup never came back to where the script can read it');
}

/**
 * Opens a file of this origin in the popup and waits until it is there.
 * @param {Window} popup
 * @param {string} url
 */
async function openFile(popup, url) {
  popup.location.replace(url);
  for (let tries = 0; tries < 500; tries++) {
    await wait(10);
    if (popup.location.href === url && popup.document.readyState === 'complete') {
      return /** @type {Window & typeof globalThis} */ (popup);
    }
  }
  throw new Error('the popup did not load');
}

/** @type {Attack['run']} */
async function goAround(config, note) {
  const popup = window.open('about:blank', 'attacker', 'width=480,height=640');
  if (popup === null) {
    throw new Error('the browser blocked the popup: allow popups for this site to run this attack');
  }
  /** @type {string | null} */
  let code = null;
  try {
    const transaction = { state: random(), verifier: random() };
    await attempt(note, 'My own authorization request, silent, in a popup', async () => {
      popup.location.replace(await authorizationURL(config, transaction, { prompt: 'none' }));
      const callback = await comeBack(popup);
      code = new URL(callback).searchParams.get('code');
      return callback;
    });
    // Away from the app's page, which would register the worker again; and a
    // page keeps its worker, so that only the next one has none.
    await openFile(popup, `${config.app}/demo/favicon.svg`);
    await attempt(note, 'Throw the worker out', async () => {
      const registrations = await navigator.serviceWorker.getRegistrations();
      return (await Promise.all(registrations.map((registration) => registration.unregister()))).join();
    });
    const bare = await openFile(popup, `${config.app}/demo/favicon.svg?bare`);
    await attempt(note, 'A page without a worker', () => `controlled: ${bare.navigator.serviceWorker.controller !== null}`);
    await attempt(note, 'The protected API from there', () => ask(config.calls.protected, {}, bare.fetch.bind(bare)));
    await attempt(note, 'My code at the token endpoint from there', () => ask(
      config.tokenEndpoint,
      { method: 'POST', body: exchangeBody(config, code ?? 'none', transaction.verifier) },
      bare.fetch.bind(bare),
    ));
  } finally {
    popup.close();
  }
  return { ownCode: code !== null };
}

/** @type {Attack['run']} */
async function actAsUser(config, note) {
  const response = await fetch(config.calls.whoami);
  const body = await response.clone().json();
  note('The protected API, called by the script', await readout(response));
  return { actedAs: response.ok ? String(body.subject) : undefined };
}

/** @type {Attack[]} */
export const attacks = [
  {
    id: 'storage',
    title: 'Read all storage',
    how: 'localStorage, sessionStorage, cookies, IndexedDB, caches, private files, URLs and history of the app origin.',
    run: readStorage,
  },
  {
    id: 'crawl',
    title: 'Crawl the page\'s objects',
    how: 'Follows every property of every object from window on and reads all strings.',
    run: crawlObjects,
  },
  {
    id: 'token-endpoint',
    title: 'Call the token endpoint',
    how: 'With a made-up code, with a client of its own, with the refresh and the password grant.',
    run: callTokenEndpoint,
  },
  {
    id: 'forge',
    title: 'Forge messages to the vault',
    how: 'Speaks the vault\'s own protocol to its frame: wrong version, own configuration, unlisted URLs, own ports.',
    run: forgeMessages,
  },
  {
    id: 'other-url',
    title: 'Ask for another URL',
    how: 'A path off the list, encoded ways out of it, look-alike hosts, a redirect elsewhere.',
    run: askOtherURLs,
  },
  {
    id: 'echo',
    title: 'Make the API echo the token',
    how: 'A careless protected endpoint repeats the token in headers, JSON, HTML, escaped, in two pieces.',
    run: askEcho,
  },
  {
    id: 'frame',
    title: 'Read the vault\'s frame',
    how: 'Its document, its databases, its functions, with document.domain relaxed, and its files.',
    run: readFrame,
  },
  {
    id: 'watch',
    title: 'Patch fetch and watch',
    how: 'Wraps fetch and MessagePort, then lets the app refresh and call its API.',
    run: watchFetch,
  },
  {
    id: 'act',
    title: 'Act as the user',
    how: 'Calls the protected API as the app would.',
    run: actAsUser,
  },
  {
    id: 'around',
    title: 'Go round the worker',
    how: 'Starts a sign-in of its own in a popup, throws the worker out, and exchanges the code from an uncontrolled '
      + 'page. Reload this page afterwards.',
    alone: true,
    run: goAround,
  },
];
