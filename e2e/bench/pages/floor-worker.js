// The worker's part of the floor: each protected request goes over a port to the
// frame, and its body comes back in chunks for which the reader gives credit.
'use strict';

/* global config */
importScripts('/bench/config.js');
const protectedPart = `${config.api}/v1/`;

/** Chunks that may be under way. One is as large as the frame's pipe: up to 2 MB. */
const windowOfChunks = 4;

/** The ports of this life to the frames, by the id of the page. The newest is last. @type {Map<string, MessagePort>} */
const ports = new Map();

/** What waits for messages, by the number of the request. @type {Map<number, (message: any) => void>} */
const waiting = new Map();

let lastId = 0;

/** Bodies that the page posts, by the mark in the URL of their request. @type {Map<string, PromiseWithResolvers<Blob>>} */
const uploads = new Map();

/** @param {string} mark */
function uploadOf(mark) {
  const upload = uploads.get(mark) ?? Promise.withResolvers();
  uploads.set(mark, upload);
  return upload;
}

/** @param {string} mark */
async function postedBody(mark) {
  const body = await uploadOf(mark).promise;
  uploads.delete(mark);
  return body;
}

/** @param {Client} page that holds the frame */
function link(page) {
  const known = ports.get(page.id);
  if (known) return known;
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => waiting.get(data.id)?.(data);
  page.postMessage('connect', [port2]);
  ports.set(page.id, port1);
  return port1;
}

/**
 * The port for a request. What has no frame, such as a dedicated worker, takes the
 * newest one.
 * @param {string} clientId
 */
async function findPort(clientId) {
  const known = ports.get(clientId);
  if (known) return known;
  const client = await self.clients.get(clientId);
  if (client?.type === 'window') return link(client);
  return [...ports.values()].at(-1) ?? link((await self.clients.matchAll({ type: 'window' }))[0]);
}

/**
 * The body of a response, read out of chunks.
 * @param {MessagePort} port
 * @param {number} id
 */
function bodyOf(port, id) {
  let credit = windowOfChunks;
  return new ReadableStream(
    {
      start(controller) {
        waiting.set(id, ({ type, chunk }) => {
          if (type === 'chunk') {
            credit--;
            controller.enqueue(chunk);
            return;
          }
          if (type === 'end') controller.close();
          else controller.error(new TypeError('network error'));
          waiting.delete(id);
        });
      },
      pull() {
        if (credit === windowOfChunks) return;
        port.postMessage({ type: 'pull', id, count: windowOfChunks - credit });
        credit = windowOfChunks;
      },
      cancel() {
        port.postMessage({ type: 'cancel', id });
        waiting.delete(id);
      },
    },
    { highWaterMark: windowOfChunks },
  );
}

/**
 * @param {Request} request
 * @param {string} clientId
 */
async function forward(request, clientId) {
  const port = await findPort(clientId);
  const [url, mark] = request.url.split('#');
  const body = mark ? await postedBody(mark) : null;
  const id = ++lastId;
  const { type, ...head } = await new Promise((resolve) => {
    waiting.set(id, resolve);
    port.postMessage({ type: 'fetch', id, method: request.method, url, headers: [...request.headers], body });
  });
  if (type === 'head') return new Response(bodyOf(port, id), head);
  waiting.delete(id);
  return Response.error();
}

self.addEventListener('fetch', (event) => {
  if (event.request.url.startsWith(protectedPart)) event.respondWith(forward(event.request, event.clientId));
});
self.addEventListener('message', ({ source, data }) => {
  if (data === 'hello') link(source);
  else uploadOf(data.mark).resolve(data.body);
});
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
self.addEventListener('install', (event) => {
  self.skipWaiting();
  // What is not protected never reaches this worker.
  const others = { not: { urlPattern: new URLPattern(`${protectedPart}*`) } };
  event.waitUntil(event.addRoutes([{ condition: others, source: 'network' }]));
});
