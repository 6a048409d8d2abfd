// @ts-check
'use strict';

/**
 * The programs of the vault origin: how its frame and its pages get them.
 */
class VaultProgram {
  /**
   * Where binaries are kept. The browser's own cache keeps them as they came: to
   * decompress one there takes longer than all else in the start of a frame.
   */
  static #cacheName = 'tokenvault-wasm';

  /**
   * Compiles a binary, which a frame or page before this one may have kept.
   * @param {string} url
   * @param {string} integrity
   */
  static async load(url, integrity) {
    const module = await VaultProgram.#kept(url);
    if (module) return module;
    const response = await fetch(url, { integrity }).catch((cause) => {
      throw new Error(`${url} is not there, or is not the file that was built. Deploy dist/vault as a whole.`, { cause });
    });
    VaultProgram.#keep(url, response.clone()).catch((error) =>
      console.warn('Token Vault: a program of the vault cannot be kept, so that pages load more slowly.', error),
    );
    return WebAssembly.compileStreaming(response);
  }

  /** @param {string} url */
  static async #kept(url) {
    try {
      const response = await caches.match(url, { cacheName: VaultProgram.#cacheName });
      return response ? await WebAssembly.compileStreaming(response) : null;
    } catch {
      return null; // no storage, or a damaged one: the server has the binary
    }
  }

  /**
   * Keeps a binary for the next time, and none of that name of another build.
   * @param {string} url
   * @param {Response} response
   */
  static async #keep(url, response) {
    const cache = await caches.open(VaultProgram.#cacheName);
    const { href } = new URL(url, location.href);
    const [stem] = href.split(/\.[0-9a-f]{16}\.wasm$/);
    const others = (await cache.keys()).filter((kept) => kept.url.startsWith(`${stem}.`) && kept.url !== href);
    await Promise.all([cache.put(url, response), ...others.map((other) => cache.delete(other))]);
  }
}
