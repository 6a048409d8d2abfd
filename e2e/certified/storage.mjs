// What the server remembers, for as long as the process runs: a server that is started
// anew knows its users and tokens, as one with a database does. What has expired the
// library sees by itself.

/**
 * @typedef {import('oidc-provider').Adapter} Adapter
 * @typedef {import('oidc-provider').AdapterPayload} Payload
 */

/** @type {Map<string, Payload>} */
const stored = new Map();

/** @implements {Adapter} */
export class Storage {
  #model;

  /** @param {string} model the kind of what it stores */
  constructor(model) {
    this.#model = model;
  }

  /** @param {string} id */
  #key(id) {
    return `${this.#model} ${id}`;
  }

  /** @param {(payload: Payload) => boolean} is */
  #search(is) {
    return [...stored].filter(([key, payload]) => key.startsWith(this.#key('')) && is(payload));
  }

  /** @param {string} id @param {Payload} payload */
  async upsert(id, payload) {
    stored.set(this.#key(id), payload);
  }

  /** @param {string} id */
  async find(id) {
    return stored.get(this.#key(id));
  }

  /** @param {string} uid */
  async findByUid(uid) {
    return this.#search((payload) => payload.uid === uid)[0]?.[1];
  }

  /** @param {string} userCode */
  async findByUserCode(userCode) {
    return this.#search((payload) => payload.userCode === userCode)[0]?.[1];
  }

  /** @param {string} id */
  async consume(id) {
    const payload = await this.find(id);
    if (payload) payload.consumed = Math.floor(Date.now() / 1000);
  }

  /** @param {string} id */
  async destroy(id) {
    stored.delete(this.#key(id));
  }

  /** @param {string} grantId */
  async revokeByGrantId(grantId) {
    for (const [key] of this.#search((payload) => payload.grantId === grantId)) stored.delete(key);
  }
}
