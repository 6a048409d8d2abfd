// @ts-check
/**
 * The demo app: wires the buttons to a plain OAuth client (oauth.js), to fetch,
 * and to the attacker's console (attacks.js, judged by evidence.js).
 */

import { attacks } from './attacks.js';
import { examine, judge } from './evidence.js';
import { asText } from './loot.js';
import { finishSignIn, isCallback, signIn } from './oauth.js';
import { startVaulted } from './vaulted.js';
import {
  attackCard, byId, empty, facts, json, line, onPress, setBanner, setButtons, setState, show,
} from './view.js';

/**
 * What internal/demo tells the page; see Page in its page.go.
 * @typedef {object} DemoConfig
 * @property {string} app    origin of this page
 * @property {string} vault  origin of the vault
 * @property {string} api    origin of the API
 * @property {string} client  the client's name in tokenvault.json
 * @property {string} clientId
 * @property {string} scope
 * @property {string} redirectUri
 * @property {string} authorizationEndpoint
 * @property {string} tokenEndpoint
 * @property {{ username: string, password: string }} account
 * @property {{ client: string, whoami: string } | null} vaulted  the client that the vault signs in
 * @property {{ whoami: string, protected: string, public: string, echo: string, outside: string, redirect: string }} calls
 */

/** Where an ordinary app keeps its token response; redacted, it is safe there. */
const RECEIVED = 'demo.received';

/**
 * A sentence on what went wrong and one on what to do. The errors of Token Vault
 * have a code, and say both in their message.
 * @param {unknown} error
 */
function explain(error) {
  if (!(error instanceof Error)) {
    return { problem: String(error), mend: '' };
  }
  if ('code' in error && error.name === 'TokenVaultError') {
    return { problem: error.message, mend: '' };
  }
  if (error instanceof TypeError) {
    return { problem: `The request failed on the network (${error.message}).`, mend: 'Check that the servers run, then try again.' };
  }
  return { problem: error.message, mend: 'mend' in error ? String(error.mend) : 'Reload the page and try again.' };
}

/** The page's state: what it knows of session and vault. */
class Demo {
  /** @type {DemoConfig} */
  #config;

  #signedIn = false;

  #hash = '';

  /** @param {DemoConfig} config */
  constructor(config) {
    this.#config = config;
  }

  /** Fills in the fixed texts and connects everything that can be pressed. */
  wire() {
    const config = this.#config;
    show('origin-app', config.app);
    show('origin-vault', config.vault);
    show('origin-api', config.api);
    show('account', 'The authorization server asks for a name and a password. Demo account: ', ...account(config));
    onPress(byId('sign-in'), () => this.#report('session-result', () => signIn(config)));
    onPress(byId('refresh'), () => this.#report('session-result', () => this.#refresh()));
    onPress(byId('sign-out'), () => this.#report('session-result', () => this.#signOut()));
    onPress(byId('call-protected'), () => this.#report('call-result', () => this.#call(config.calls.protected)));
    onPress(byId('call-public'), () => this.#report('call-result', () => this.#call(config.calls.public)));
    this.#wireAttacks();
  }

  /** Listens to the vault, ends a sign-in that is under way, shows the session. */
  async start() {
    const vault = window.tokenvault;
    for (const event of /** @type {const} */ (['signedin', 'refreshed', 'signedout'])) {
      vault.on(event, () => this.#showSession());
    }
    vault.on('ready', () => this.#vaultReady());
    vault.on('unavailable', ({ error }) => this.#vaultGone(error));
    const callback = isCallback();
    try {
      await vault.ready;
      this.#vaultReady();
    } catch (error) {
      this.#vaultGone(error);
    }
    if (callback) {
      await this.#report('session-result', () => this.#finish());
    }
    await this.#showSession();
    if (this.#config.vaulted) {
      await startVaulted(this.#config.vaulted, (work) => this.#report('vaulted-result', work));
    }
  }

  #vaultReady() {
    setState('vault-state', 'good', 'Vault: ready');
    setBanner();
  }

  /** @param {unknown} error */
  #vaultGone(error) {
    setState('vault-state', 'bad', 'Vault: unavailable');
    const { problem, mend } = explain(error);
    setBanner(problem, mend);
  }

  async #finish() {
    show('session-result', 'Exchanging the code…');
    const received = await finishSignIn(this.#config);
    sessionStorage.setItem(RECEIVED, JSON.stringify(received));
    show('session-result', 'Signed in. The tokens are in the vault; this page got the answer below.');
  }

  async #refresh() {
    const before = this.#hash;
    show('session-result', 'Refreshing…');
    await window.tokenvault.refresh(this.#config.client);
    await this.#showSession();
    show('session-result', before === this.#hash
      ? 'Refreshed, but the API still sees the same token.'
      : `Refreshed: the API now sees another token (${before.slice(0, 8)}… became ${this.#hash.slice(0, 8)}…).`);
  }

  async #signOut() {
    show('session-result', 'Signing out…');
    await window.tokenvault.logout(this.#config.client);
    await this.#showSession();
    show('session-result', 'Signed out: the vault asked for both tokens to be revoked, and has forgotten them.');
  }

  /** @param {string} url */
  async #call(url) {
    show('call-result', line(`GET ${url}`));
    const response = await fetch(url);
    const text = await response.text();
    const isJSON = (response.headers.get('Content-Type') ?? '').includes('json');
    /** @type {unknown} */
    const body = isJSON ? JSON.parse(text) : text;
    show('call-result', line(`GET ${url}: ${response.status}`, response.ok ? 'good' : 'bad'), ...messageOf(response, body), json(body));
  }

  /** Asks the vault, not the page's memory, whether there is a session. */
  async #showSession() {
    try {
      this.#signedIn = await window.tokenvault.has(this.#config.client);
    } catch {
      // vaultGone says why; without a vault there is no session to show.
      this.#signedIn = false;
      setState('session-state', 'wait', 'Session: unknown');
      setButtons(false);
      return;
    }
    this.#vaultReady();
    setState('session-state', this.#signedIn ? 'good' : 'idle', this.#signedIn ? 'Signed in' : 'Signed out');
    setButtons(this.#signedIn);
    await Promise.all([this.#showReceived(), this.#showWhoAmI()]);
  }

  #showReceived() {
    if (!this.#signedIn) {
      sessionStorage.removeItem(RECEIVED);
      show('app-received', empty('Nothing: sign in first.'));
      return;
    }
    const received = sessionStorage.getItem(RECEIVED);
    show('app-received', received === null
      ? empty('Nothing: another tab made this sign-in, and the vault serves both.')
      : json(JSON.parse(received)));
  }

  async #showWhoAmI() {
    if (!this.#signedIn) {
      show('api-received', empty('Nothing: sign in first.'));
      return;
    }
    try {
      const response = await fetch(this.#config.calls.whoami);
      const body = /** @type {Record<string, unknown>} */ (await response.json());
      if (!response.ok) {
        show('api-received', line(`The API was not reached: ${response.status}`, 'bad'), ...messageOf(response, body), json(body));
        return;
      }
      this.#hash = String(body['token_sha256']);
      setState('session-state', 'good', `Signed in as ${String(body['subject'])}`);
      show('api-received', facts([
        ['SHA-256 of the token', this.#hash],
        ['Subject', String(body['subject'])],
        ['Client', String(body['client_id'])],
        ['Scope', String(body['scope'])],
      ]));
    } catch (error) {
      const { problem, mend } = explain(error);
      show('api-received', line(problem, 'bad'), mend);
    }
  }

  /**
   * Runs work and shows its error, with the mend, where the result would be.
   * @param {string} area
   * @param {() => Promise<void>} work
   */
  async #report(area, work) {
    try {
      await work();
    } catch (error) {
      const { problem, mend } = explain(error);
      show(area, line(problem, 'bad'), line(mend));
    }
  }

  #wireAttacks() {
    /** @type {(() => Promise<string>)[]} */
    const runs = [];
    for (const attack of attacks) {
      const card = attackCard(attack);
      byId('attacks').append(card.card);
      const run = () => this.#attack(attack, card);
      onPress(card.button, async () => {
        await run();
      });
      if (attack.alone !== true) {
        runs.push(run);
      }
    }
    onPress(byId('attack-all'), async () => {
      /** @type {string[]} */
      const tones = [];
      for (const run of runs) {
        show('attack-result', `Attack ${tones.length + 1} of ${runs.length}…`);
        tones.push(await run());
      }
      const total = (/** @type {string} */ tone) => tones.filter((one) => one === tone).length;
      show('attack-result', `${tones.length} attacks: ${total('stopped')} stopped, ${total('leaked')} leaked a token, `
        + `${total('limit')} no vault can stop, ${total('void')} without a verdict.`);
    });
  }

  /** Whether the vault does its work: to withstand an attack by serving nobody is easy. */
  async #isServing() {
    try {
      const { ok } = await fetch(this.#config.calls.whoami);
      if (ok) {
        this.#vaultReady();
      }
      return ok;
    } catch {
      return false;
    }
  }

  /**
   * Runs one attack and lets the judge look at all it saw.
   * @param {import('./attacks.js').Attack} attack
   * @param {ReturnType<typeof attackCard>} card
   */
  async #attack(attack, card) {
    /** @type {string[]} */
    const seen = [];
    card.begin();
    try {
      const signedIn = await window.tokenvault.has(this.#config.client);
      const outcome = await attack.run(this.#config, (label, value, shown) => {
        const text = asText(value);
        seen.push(text);
        card.note(label, shown ?? text);
      });
      const findings = await examine(seen);
      const verdict = judge(findings, { signedIn, serving: await this.#isServing() }, outcome ?? {});
      card.end(verdict);
      return verdict.tone;
    } catch (error) {
      card.end({ tone: 'void', headline: 'No verdict', detail: `The attack could not run to its end: ${asText(error)}` });
      return 'void';
    }
  }
}

/**
 * The demo account, as text.
 * @param {DemoConfig} config
 */
function account({ account: { username, password } }) {
  const code = (/** @type {string} */ text) => Object.assign(document.createElement('code'), { textContent: text });
  return [code(username), ' / ', code(password), '.'];
}

/**
 * What an error answer of the vault says: the cause and the mend.
 * @param {Response} response
 * @param {unknown} body
 */
function messageOf(response, body) {
  const message = typeof body === 'object' && body !== null && 'message' in body ? String(body.message) : '';
  return response.ok || message === '' ? [] : [line(message)];
}

/** Loads the page's configuration and starts; says so if a part is missing. */
async function main() {
  const response = await fetch('/demo/config.json');
  if (!response.ok) {
    setBanner(`The demo's configuration did not load (${response.status}).`, 'Start the page with: tokenvault demo');
    return;
  }
  const demo = new Demo(/** @type {DemoConfig} */ (await response.json()));
  demo.wire();
  if (window.tokenvault === undefined) {
    setState('vault-state', 'bad', 'Vault: unavailable');
    setBanner('The script /tokenvault.js did not load.', 'Build it with: tokenvault build, or start the page with: tokenvault demo');
    return;
  }
  await demo.start();
}

await main();
