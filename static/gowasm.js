// @ts-check
'use strict';

/**
 * A Go program compiled to WebAssembly, and the calls into it.
 *
 * Arguments are written into a buffer that Go owns, results are read from one:
 * no call makes a JavaScript value for Go (wasm/memory is the counterpart). Go
 * may move or grow its memory with every call, so views are made anew each time.
 */
class GoProgram {
  static #encoder = new TextEncoder();
  static #decoder = new TextDecoder();

  /** @type {any} */
  #exports;

  /**
   * Settles when the program has ended, which none of ours does by itself.
   * @type {Promise<void>}
   */
  ended;

  /**
   * Starts the program. It runs until its main function waits for the browser.
   * @param {WebAssembly.Module} module
   * @param {string} policy the encoded policy that is baked into the build
   */
  constructor(module, policy) {
    const go = new Go();
    const instance = new WebAssembly.Instance(module, go.importObject);
    this.ended = go.run(instance);
    this.#exports = instance.exports;
    const [error] = this.ask('configure', GoProgram.#encoder.encode(policy)).fields;
    if (error) throw new Error(`Token Vault: the built-in policy is unreadable: ${error}. Run tokenvault build again.`);
  }

  /**
   * Calls an export that returns a number.
   * @param {string} name
   * @param {string[] | Uint8Array | null} input fields, or plain bytes
   * @param {number[]} numbers arguments before the input's length
   * @returns {number}
   */
  call(name, input, ...numbers) {
    if (input === null) return this.#exports[name](...numbers);
    return this.#exports[name](...numbers, this.#write(input));
  }

  /**
   * Calls an export that returns an answer.
   * @param {string} name
   * @param {string[] | Uint8Array | null} input
   * @param {number[]} numbers
   */
  ask(name, input, ...numbers) {
    return this.read(this.call(name, input, ...numbers));
  }

  /** @param {string[] | Uint8Array} input */
  #write(input) {
    if (input instanceof Uint8Array) {
      const at = this.#exports.reserve(input.length) >>> 0;
      new Uint8Array(this.#exports.mem.buffer).set(input, at);
      return input.length;
    }
    let most = 0;
    for (const field of input) most += 4 + 3 * field.length;
    const start = this.#exports.reserve(most) >>> 0;
    const memory = new Uint8Array(this.#exports.mem.buffer);
    const view = new DataView(memory.buffer);
    let at = start;
    for (const field of input) {
      const { written } = GoProgram.#encoder.encodeInto(field, memory.subarray(at + 4));
      view.setUint32(at, written, true);
      at += 4 + written;
    }
    return at - start;
  }

  /**
   * Reads an answer. Its body is a copy.
   * @param {number} address
   * @returns {{fields: string[], body: Uint8Array<ArrayBuffer>}}
   */
  read(address) {
    let at = address >>> 0;
    const memory = new Uint8Array(this.#exports.mem.buffer);
    const view = new DataView(memory.buffer);
    const end = at + 4 + view.getUint32(at, true);
    at += 4;
    const fields = [];
    while (at < end) {
      const length = view.getUint32(at, true);
      at += 4;
      fields.push(GoProgram.#decoder.decode(memory.subarray(at, at + length)));
      at += length;
    }
    const length = view.getUint32(at, true);
    at += 4;
    return { fields, body: memory.slice(at, at + length) };
  }
}
