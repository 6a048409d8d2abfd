// A worker that lets every request pass. The listener is not empty: Chromium
// leaves a worker with an empty one out.
'use strict';

let seen = 0;

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
self.addEventListener('fetch', () => {
  seen++;
});
self.addEventListener('message', (event) => event.source.postMessage(seen));
