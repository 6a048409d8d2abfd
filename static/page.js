// @ts-check
/// <reference path="types/build.d.ts" />
'use strict';

/**
 * The pages of the vault: sign-in, its end, sign-out. Each is a window of its own,
 * which hands what is in its URL to Go (package proxy, Pages) and does what Go
 * answers: goes on, or shows a view. Nothing here decides.
 */
const { wasm, integrity, table, app, language, texts } = __TOKENVAULT_CONFIG__;

const { search, hash } = arrival;

/** Which page this is. */
const page = document.documentElement.dataset.page ?? '';

/** Settles the one piece of work that is under way at a time. @type {(fields: string[]) => void} */
let settle = () => {};

/** What Go calls, defined before it runs. */
globalThis.tokenvaultHost = {
  settled(_id, address) {
    settle(go().read(address).fields);
  },
  tell() {},
  wake() {},
};

/** @type {GoProgram | null} */
let program = null;

function go() {
  if (program === null) throw new Error('Token Vault: the program of this page has not started.');
  return program;
}

/**
 * Lets Go do a page's work.
 * @param {string} operation
 * @param {string[]} fields
 */
async function perform(operation, ...fields) {
  /** @type {Promise<string[]>} */
  const result = new Promise((resolve) => {
    settle = resolve;
  });
  go().call('perform', [operation, ...fields]);
  tokenvaultHost.wake();
  const [url, view, ...pairs] = await result;
  /** @type {Record<string, string>} */
  const details = {};
  for (let i = 0; i + 1 < pairs.length; i += 2) details[pairs[i]] = pairs[i + 1];
  if (details.request) remember('request', details.request);
  if (details.handle) remember('handle', details.handle);
  if (url) leave(url);
  else show(view, details);
}

/** Goes on. The page that is left does not stay in the history. @param {string} url */
function leave(url) {
  isLeaving = true;
  const { pathname } = location;
  location.replace(url);
  // To the same page with another fragment the browser would go without loading it.
  if (new URL(url, location.href).href.startsWith(`${location.origin}${pathname}#`)) location.reload();
}

// ---------------------------------------------------------------- this window

/** Whether the window is on its way to another page. */
let isLeaving = false;

/**
 * What this window remembers across pages, no secret: the request that it began, and
 * the handle of a question or of a sign-out that is open.
 * @param {'request' | 'handle'} name
 * @param {string} value
 */
function remember(name, value) {
  try {
    sessionStorage.setItem(`tokenvault-${name}`, value);
  } catch {
    // Without it a page that is loaded anew has to begin anew.
  }
}

/** @param {'request' | 'handle'} name */
function remembered(name) {
  try {
    return sessionStorage.getItem(`tokenvault-${name}`) ?? '';
  } catch {
    return '';
  }
}

/** The handle is good once: who asks again says so again. */
function takeHandle() {
  const handle = remembered('handle');
  remember('handle', '');
  return handle;
}

/** The request of this window. */
function request() {
  return page === 'login' ? hash.slice(1) : remembered('request');
}

function isPopup() {
  return new URLSearchParams(request()).has('handle');
}

/** Why nothing will come of the sign-in, once that is so. */
let reason = '';

// A popup that is closed says so to the page that waits for it. Chromium (156) loses
// what a closing window posts in pagehide; browsers of telephones know no beforeunload.
for (const event of ['beforeunload', 'pagehide']) {
  addEventListener(event, () => {
    if (reason && !isLeaving && isPopup()) program?.call('abandon', [request(), reason]);
    reason = '';
  });
}

/**
 * The parts of the place to return to, as Go takes them.
 * @returns {string[]}
 */
function returnTarget() {
  const wanted = new URLSearchParams(hash.slice(1)).get('return_to') ?? '';
  if (!URL.canParse(wanted, app)) return ['', '', ''];
  const { href, origin, pathname: path } = new URL(wanted, app);
  return [href, origin, path];
}

// -------------------------------------------------------------------- the view

/** The texts of the language that the user prefers, among those that there are. */
const spoken = (() => {
  for (const tag of navigator.languages) {
    const known = [tag, tag.split('-')[0]].find((name) => Object.hasOwn(texts, name));
    if (known) return known;
  }
  return language;
})();

/** Characters that are shown of what came from elsewhere, such as a name. */
const mostShown = 64;

/**
 * What came from elsewhere, as it is shown: a piece of one line, which changes neither
 * the order nor the lines of what stands around it. Of a long one the middle is left
 * out: an address tells by its end as well.
 * @param {string} [value]
 */
function shown(value = '') {
  const characters = [...value.replace(/[\p{C}\s]+/gu, ' ').trim()];
  const over = characters.length - mostShown;
  if (over > 0) characters.splice(mostShown / 2, over + 1, '…');
  return `\u2068${characters.join('')}\u2069`;
}

/**
 * @param {string} key
 * @param {Record<string, string>} [details] for the places in braces
 */
function text(key, details = {}) {
  return texts[spoken][key].replace(/\{(\w+)\}/g, (_, name) => shown(details[name]));
}

/** @param {string} id */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** Views and their titles; what is not here is an error. @type {Record<string, string>} */
const titles = {
  login: 'signInTitle',
  callback: 'signInTitle',
  logout: 'signOutTitle',
  close: 'doneTitle',
  'signed-out': 'signedOutTitle',
  'account-change': 'accountChangeTitle',
};

/**
 * Shows a view: its title, its message and what can be done.
 * @param {string} view
 * @param {Record<string, string>} [details]
 */
function show(view, details = {}) {
  const isError = !Object.hasOwn(titles, view);
  document.documentElement.lang = spoken;
  element('title').textContent = document.title = text(titles[view] ?? 'errorTitle');
  element('message').replaceChildren(text(view, details), ...(view === 'account-change' ? [accounts(details)] : []));
  element('actions').replaceChildren(...actionsOf(view, details));
  if (details.cause) console.error(`Token Vault: ${details.cause}`);
  if (isError) reason = view;
  else reason = view === 'account-change' ? 'account_kept' : '';
  if (view !== page) element('title').focus();
  if (view === 'close') close();
}

/**
 * The accounts of a change, a row each: whoever named them has no part in a sentence
 * of the vault, and names that look alike are told apart by the subject.
 * @param {Record<string, string>} details
 */
function accounts(details) {
  const rows = document.createElement('dl');
  const add = (/** @type {string} */ tag, /** @type {string} */ content) => {
    rows.appendChild(document.createElement(tag)).textContent = content;
  };
  for (const which of ['old', 'new']) {
    add('dt', text(`${which}Account`));
    add('dd', shown(details[which]));
    if (details[`${which}Subject`]) add('dd', shown(details[`${which}Subject`]));
  }
  return rows;
}

/**
 * What can be done in a view, the likeliest first.
 * @param {string} view
 * @param {Record<string, string>} details
 */
function actionsOf(view, details) {
  if (view === 'account-change') {
    return ['keep', 'replace'].map((choice) =>
      button(choice, () => {
        reason = ''; // what becomes of it, Go says
        for (const node of element('actions').children) /** @type {HTMLButtonElement} */ (node).disabled = true;
        remember('handle', '');
        perform('confirm', details.handle, choice).catch(broken);
      }),
    );
  }
  if (view === 'close') return [];
  const actions = [];
  if (details.retry) actions.push(button('retry', () => leave(details.retry)));
  if (isPopup()) actions.push(button('closeWindow', () => close()));
  else if (details.return) actions.push(button('return', () => leave(details.return)));
  return actions;
}

/**
 * @param {string} label key of its text
 * @param {() => void} act
 */
function button(label, act) {
  const node = document.createElement('button');
  node.type = 'button';
  node.textContent = text(label);
  node.addEventListener('click', act);
  return node;
}

// -------------------------------------------------------------------- the work

/** What each page does. @type {Record<string, () => Promise<void>>} */
const works = {
  login: () => perform('login', hash.slice(1), ...returnTarget()),
  callback: () => {
    const handle = takeHandle();
    if (!search && handle) return perform('confirm', handle, 'ask');
    return perform('callback', search.slice(1), remembered('request'));
  },
  logout: () => perform('logout', hash.slice(1), ...returnTarget()),
  'signed-out': () => perform('signed-out', search.slice(1), takeHandle()),
  'frontchannel-logout': () => perform('frontchannel-logout', search.slice(1)),
};

async function run() {
  // Only the server frames a page, and only the one that it is told of a sign-out by.
  if ((window.top !== window) !== (page === 'frontchannel-logout')) {
    show(page === 'frontchannel-logout' ? 'request' : 'framed');
    return;
  }
  if (page !== 'frontchannel-logout') show(page === 'signed-out' ? 'logout' : page);
  const release = page === 'frontchannel-logout' ? holdLoad() : null;
  try {
    program = new GoProgram(await VaultProgram.load(wasm, integrity), table);
    tokenvaultHost.wake();
    await works[page]();
  } finally {
    release?.();
  }
}

/**
 * Keeps the load event of this page back, and returns what lets it go. A server that
 * frames the page goes on when the page has loaded, and takes the frame away: the work
 * has to be done by then (OpenID Connect Front-Channel Logout). A document that is
 * open for writing is not loaded, and neither is the one that frames it.
 */
function holdLoad() {
  const frame = document.createElement('iframe');
  frame.hidden = true;
  document.body.append(frame);
  frame.contentDocument?.open();
  return () => frame.remove();
}

/** @param {unknown} error */
function broken(error) {
  reportError(error);
  show('broken', { return: `${app}/` });
}

run().catch(broken);
