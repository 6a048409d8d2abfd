// The frame's part of the floor: it adds a token and fetches. It checks nothing.
'use strict';

/* global config */

/** Requests under way, by number. @type {Map<number, {credit: number, wake: () => void, abort: AbortController}>} */
const exchanges = new Map();

/**
 * @param {MessagePort} port
 * @param {{id: number, method: string, url: string, headers: [string, string][], body: Blob | null}} request
 */
async function run(port, { id, method, url, headers, body }) {
  const exchange = { credit: 4, wake() {}, abort: new AbortController() };
  exchanges.set(id, exchange);
  try {
    const response = await fetch(url, {
      method,
      headers: [...headers, ['authorization', 'Bearer the-token-of-the-floor']],
      body,
      signal: exchange.abort.signal,
    });
    port.postMessage({ type: 'head', id, status: response.status, statusText: response.statusText, headers: [...response.headers] });
    const reader = response.body.getReader();
    for (;;) {
      // The chunks are large already when much is there (2 MB), and small when not.
      const { done, value } = await reader.read();
      if (done) break;
      while (exchange.credit === 0) {
        await new Promise((resolve) => {
          exchange.wake = resolve;
        });
      }
      exchange.credit--;
      port.postMessage({ type: 'chunk', id, chunk: value }, [value.buffer]);
    }
    port.postMessage({ type: 'end', id });
  } catch {
    port.postMessage({ type: 'fail', id });
  } finally {
    exchanges.delete(id);
  }
}

/** @param {MessagePort} port */
function adopt(port) {
  port.onmessage = ({ data }) => {
    if (data.type === 'fetch') {
      run(port, data);
      return;
    }
    const exchange = exchanges.get(data.id);
    if (!exchange) return;
    if (data.type === 'cancel') exchange.abort.abort();
    else exchange.credit += data.count;
    exchange.wake();
  };
}

addEventListener('message', (event) => {
  if (event.origin === config.app) adopt(event.ports[0]);
});
parent.postMessage('listening', config.app);
