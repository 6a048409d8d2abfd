// A dedicated worker of the app: it makes small requests, one after the other, and
// posts how many milliseconds each took.
'use strict';

/** How long a request may take before the row counts as impossible. */
const deadline = 5_000;

self.onmessage = async ({ data: { url, count } }) => {
  const samples = [];
  try {
    for (let i = 0; i < count; i++) {
      const begin = performance.now();
      const response = await fetch(url, { signal: AbortSignal.timeout(deadline) });
      await response.json();
      samples.push(performance.now() - begin);
    }
    self.postMessage({ samples });
  } catch (error) {
    self.postMessage({ error: `a request from a dedicated worker: ${error}` });
  }
};
