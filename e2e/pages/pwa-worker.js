// A service worker as many apps have one: it answers from its cache first, throws
// out every cache that is not its own, and waits for the app's word before a new
// version takes over. The first line is all that Token Vault asks for.
self.importScripts('/interceptor.js');

const version = 'VERSION';
const cacheName = `pwa-${version}`;

/** What the app asks for, as this worker sees it. */
const seen = [];

addEventListener('install', (event) => {
  event.waitUntil(caches.open(cacheName).then((cache) => cache.put('/offline', new Response(`offline, by ${version}`))));
});

addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => names.filter((name) => name !== cacheName))
      .then((others) => Promise.all(others.map((name) => caches.delete(name)))),
  );
});

addEventListener('fetch', (event) => {
  seen.push(event.request.url);
  event.respondWith(answer(event.request));
});

async function answer(request) {
  const cache = await caches.open(cacheName);
  return (await cache.match(request)) ?? fetch(request);
}

addEventListener('message', ({ data, ports }) => {
  if (data === 'version') ports[0].postMessage(version);
  if (data === 'seen') ports[0].postMessage(seen);
  if (data === 'take over') self.skipWaiting();
});
