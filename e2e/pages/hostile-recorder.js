// Records every message that a global scope receives, whoever listens to it.
(() => {
  'use strict';
  const loot = [];
  globalThis.loot = loot;
  const decoder = new TextDecoder('latin1');
  const textOf = (value) => JSON.stringify(value, (_, item) =>
    item instanceof Uint8Array || item instanceof ArrayBuffer ? decoder.decode(item) : item);
  const { addEventListener } = EventTarget.prototype;
  const watched = new WeakSet();
  const watch = (target) => {
    if (watched.has(target)) return;
    watched.add(target);
    Reflect.apply(addEventListener, target, ['message', (event) => loot.push(`${target.constructor.name}: ${textOf(event.data)}`)]);
  };
  EventTarget.prototype.addEventListener = function (type, ...rest) {
    if (type === 'message') watch(this ?? globalThis);
    return Reflect.apply(addEventListener, this ?? globalThis, [type, ...rest]);
  };
  for (const name of ['MessagePort', 'Worker', 'BroadcastChannel', 'ServiceWorkerContainer']) {
    const prototype = globalThis[name]?.prototype;
    const { get, set } = (prototype && Object.getOwnPropertyDescriptor(prototype, 'onmessage')) ?? {};
    if (!set) continue;
    Object.defineProperty(prototype, 'onmessage', {
      get,
      set(listener) {
        watch(this);
        Reflect.apply(set, this, [listener]);
      },
    });
  }
  watch(globalThis);
})();
