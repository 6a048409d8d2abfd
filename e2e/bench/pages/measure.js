// What every column's page measures, with the same code. The driver calls the
// methods of window.bench and gets plain numbers.
//
// window.ready is what the column has to wait for before its first request, where
// its product says so.

const { api } = window.config;

/** How long a request may take, in milliseconds, before it counts as one that never answers. */
const deadline = 20_000;

const megabyte = 1 << 20;
const bigSize = 50 * megabyte;

/** @param {string} path of the API */
function get(path) {
  return fetch(api + path, { signal: AbortSignal.timeout(deadline) });
}

/**
 * One small request: milliseconds from the call to the parsed body.
 * @param {string} [path]
 */
async function json(path = '/v1/json') {
  const begin = performance.now();
  const response = await get(path);
  await response.json();
  return performance.now() - begin;
}

/**
 * Megabytes a second since begin, of a large body. It counts as one, whatever came:
 * a product that makes another body of it is no faster for that.
 * @param {number} begin
 * @param {number} length bytes that came
 */
function speed(begin, length) {
  return { speed: bigSize / megabyte / ((performance.now() - begin) / 1000), length };
}

/** A file that a user would have chosen, made once. @type {Blob | null} */
let file = null;

function someFile() {
  if (file) return file;
  const bytes = new Uint8Array(bigSize);
  for (let i = 0; i < bigSize; i += 65_536) crypto.getRandomValues(bytes.subarray(i, i + 65_536));
  file = new Blob([bytes], { type: 'application/octet-stream' });
  return file;
}

/** Makes requests apart from the page's thread. @type {Worker | null} */
let helper = null;

/**
 * Keeps the page's thread busy, in tasks of 200 ms, until a promise settles.
 * @param {Promise<unknown>} promise
 */
async function keepBusyUntil(promise) {
  let over = false;
  promise.finally(() => {
    over = true;
  });
  while (!over) {
    const end = performance.now() + 200;
    while (performance.now() < end);
    await new Promise((resolve) => {
      setTimeout(resolve);
    });
  }
}

window.bench = {
  /** Whether the API sees a token. */
  async token() {
    const response = await get('/v1/json');
    await response.json();
    return { token: response.headers.get('x-token') === 'true', status: response.status };
  },

  /**
   * Milliseconds of small requests, one after the other.
   * @param {number} count
   * @param {string} [path]
   */
  async latency(count, path) {
    const samples = [];
    for (let i = 0; i < count; i++) samples.push(await json(path));
    return samples;
  },

  /**
   * The same out of a dedicated worker, while the page is busy or idle.
   * @param {number} count
   * @param {boolean} busy
   */
  async fromWorker(count, busy) {
    helper ??= new Worker('/bench/helper.js');
    const answer = new Promise((resolve) => {
      helper.onmessage = (event) => resolve(event.data);
    });
    helper.postMessage({ url: `${api}/v1/json`, count });
    if (busy) await keepBusyUntil(answer);
    const { samples, error } = await answer;
    if (error) throw new Error(error);
    return samples;
  },

  /** Small requests a second, all made at once. @param {number} count */
  async concurrent(count) {
    const begin = performance.now();
    await Promise.all(Array.from({ length: count }, () => json()));
    return (count / (performance.now() - begin)) * 1000;
  },

  /**
   * Small requests without a pause, some at a time. They have no deadline: its
   * timers would be counted as memory.
   * @param {number} count
   * @param {number} atOnce
   */
  async many(count, atOnce) {
    let left = count;
    const chain = async () => {
      while (left-- > 0) await (await fetch(`${api}/v1/json`)).json();
    };
    await Promise.all(Array.from({ length: atOnce }, chain));
  },

  /** Reads a body as it comes. @param {string} path */
  async download(path) {
    const begin = performance.now();
    const reader = (await get(path)).body.getReader();
    let length = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return speed(begin, length);
      length += value.length;
    }
  },

  /** Milliseconds to the first bytes of a body whose rest comes later. */
  async firstByte() {
    const begin = performance.now();
    const reader = (await get('/v1/stream')).body.getReader();
    await reader.read();
    const time = performance.now() - begin;
    while (!(await reader.read()).done);
    return time;
  },

  /** Sends a file; length is what the API counted. */
  async upload() {
    const body = someFile();
    const begin = performance.now();
    const response = await fetch(`${api}/v1/upload`, { method: 'POST', body, signal: AbortSignal.timeout(deadline) });
    const { length } = await response.json();
    return speed(begin, length);
  },
};

// The page's own first request, as an app would make it.
await window.ready;
await json();
window.loaded = performance.now();
