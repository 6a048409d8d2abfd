// @ts-check
/**
 * What a script can reach inside its own origin: every storage the browser
 * offers, and every object that hangs off the window. The attacker's console
 * reads it all; nothing here is special to Token Vault.
 */

/** Bounds of the crawl, so that a huge page cannot freeze it. */
const MAX_OBJECTS = 100_000;
const MAX_DEPTH_TEXT = 2_000_000;

/**
 * Any value as text, with binary data read as characters, so that nothing hides
 * in a form that JSON would drop.
 * @param {unknown} value
 * @returns {string}
 */
export function asText(value) {
  if (typeof value === 'string') {
    return value;
  }
  // Not instanceof: an error of another window has another constructor.
  if (/^\[object (Error|DOMException)\]$/.test(Object.prototype.toString.call(value))) {
    const { name, message } = /** @type {Error} */ (value);
    return `${name}: ${message}`;
  }
  try {
    return JSON.stringify(value, (_, part) => plain(part), 2) ?? String(value);
  } catch (error) {
    return `${String(value)} (${String(error)})`;
  }
}

/**
 * JSON's view of one value inside another.
 * @param {unknown} part
 */
function plain(part) {
  if (part instanceof ArrayBuffer) {
    return new TextDecoder().decode(part);
  }
  if (ArrayBuffer.isView(part)) {
    return new TextDecoder().decode(part);
  }
  if (part instanceof Map || part instanceof Set) {
    return [...part];
  }
  if (typeof part === 'bigint') {
    return part.toString();
  }
  if (typeof CryptoKey !== 'undefined' && part instanceof CryptoKey) {
    return `CryptoKey (${part.algorithm.name}, extractable: ${part.extractable})`;
  }
  return part;
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Every record of every IndexedDB database of this origin. */
async function readIndexedDB() {
  /** @type {Record<string, unknown>} */
  const all = {};
  for (const { name } of await indexedDB.databases()) {
    if (name === undefined) {
      continue;
    }
    const database = await settled(indexedDB.open(name));
    for (const store of database.objectStoreNames) {
      const objects = database.transaction(store).objectStore(store);
      const keys = settled(objects.getAllKeys());
      const values = settled(objects.getAll());
      all[`${name}/${store}`] = { keys: await keys, values: await values };
    }
    database.close();
  }
  return all;
}

/** Every entry of every cache of this origin, with text bodies. */
async function readCaches() {
  /** @type {Record<string, string>} */
  const all = {};
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      const response = await cache.match(request);
      all[`${name} ${request.method} ${request.url}`] = response === undefined ? '' : await response.text();
    }
  }
  return all;
}

/**
 * Every file of the origin's private file system.
 * @param {FileSystemDirectoryHandle} directory
 * @param {string} path
 * @returns {Promise<Record<string, string>>}
 */
async function readFiles(directory, path = '') {
  /** @type {Record<string, string>} */
  const all = {};
  for await (const [name, handle] of directory.entries()) {
    if (handle.kind === 'file') {
      const file = await /** @type {FileSystemFileHandle} */ (handle).getFile();
      all[`${path}/${name}`] = await file.text();
    } else {
      Object.assign(all, await readFiles(/** @type {FileSystemDirectoryHandle} */ (handle), `${path}/${name}`));
    }
  }
  return all;
}

/** The storages of this origin, by name, each with the function that empties it into view. */
export const storages = /** @type {const} */ ([
  ['localStorage', async () => ({ ...localStorage })],
  ['sessionStorage', async () => ({ ...sessionStorage })],
  ['Cookies', async () => document.cookie],
  ['IndexedDB', readIndexedDB],
  ['Cache Storage', readCaches],
  ['Private files', async () => readFiles(await navigator.storage.getDirectory())],
  ['URLs and history', async () => ({
    location: location.href,
    referrer: document.referrer,
    state: history.state,
    name: window.name,
    requests: performance.getEntries().map((entry) => entry.name),
  })],
]);

/**
 * Follows every property of every object from the window on, without running
 * getters of the page's own objects, and returns all strings it meets.
 */
export function crawl() {
  /** @type {Set<object>} */
  const seen = new Set([window]);
  /** @type {Set<string>} */
  const strings = new Set();
  /** @type {object[]} */
  const queue = [window];
  let length = 0;
  for (let i = 0; i < queue.length && seen.size < MAX_OBJECTS; i++) {
    for (const value of members(/** @type {object} */ (queue[i]))) {
      if (typeof value === 'string' && length < MAX_DEPTH_TEXT && !strings.has(value)) {
        strings.add(value);
        length += value.length;
      } else if (value !== null && (typeof value === 'object' || typeof value === 'function') && !seen.has(value)) {
        seen.add(value);
        queue.push(value);
      }
    }
  }
  return { objects: seen.size, strings: [...strings] };
}

/**
 * The values one object gives away: its own data, what a map or set holds, its
 * prototype, and its source if it is a function.
 * @param {object} object
 * @returns {unknown[]}
 */
function members(object) {
  try {
    const values = Object.values(Object.getOwnPropertyDescriptors(object)).map((descriptor) => descriptor.value);
    if (object instanceof Map || object instanceof Set) {
      values.push(...[...object].flat());
    }
    if (object instanceof Node) {
      values.push(object.textContent, ...object.childNodes);
    }
    values.push(Object.getPrototypeOf(object));
    return values;
  } catch {
    // An object of another origin (the vault's window) refuses every look.
    return [];
  }
}
