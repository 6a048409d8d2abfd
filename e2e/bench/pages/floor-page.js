// The page's part of the floor: a frame, a worker, and their introduction.
'use strict';

const nativeFetch = window.fetch;

// A Blob goes to the worker by message: one that it reads out of a request is copied.
window.fetch = (url, init) => {
  if (!(init?.body instanceof Blob)) return nativeFetch(url, init);
  const mark = crypto.randomUUID();
  navigator.serviceWorker.controller.postMessage({ mark, body: init.body });
  return nativeFetch(`${url}#${mark}`, init);
};

window.ready = (async () => {
  const { serviceWorker } = navigator;
  const { frame: origin } = window.config;

  const frame = document.createElement('iframe');
  // Not `hidden`: Chromium gives the process of a frame that is not displayed the
  // priority of the background (nice 5 on Linux).
  Object.assign(frame.style, { position: 'fixed', width: '0', height: '0', border: '0' });
  frame.src = `${origin}/floor-frame.html`;
  const listening = new Promise((resolve) => {
    addEventListener('message', (event) => {
      if (event.origin === origin) resolve();
    });
  });
  document.documentElement.append(frame);

  serviceWorker.addEventListener('message', async (event) => {
    await listening;
    frame.contentWindow.postMessage('connect', origin, event.ports);
  });
  serviceWorker.startMessages();
  await serviceWorker.register('/floor-worker.js');
  if (!serviceWorker.controller) {
    await new Promise((resolve) => {
      serviceWorker.addEventListener('controllerchange', resolve, { once: true });
    });
  }
  serviceWorker.controller.postMessage('hello');
})();
