// Registers the worker that does nothing.
'use strict';

window.ready = (async () => {
  const { serviceWorker } = navigator;
  await serviceWorker.register('/worker.js');
  if (serviceWorker.controller) return;
  await new Promise((resolve) => {
    serviceWorker.addEventListener('controllerchange', resolve, { once: true });
  });
})();
