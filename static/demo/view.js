// @ts-check
/**
 * What the page shows. No function here talks to a server, and text from
 * outside only ever becomes text, never markup.
 */

/** @typedef {import('./evidence.js').Verdict} Verdict */
/** @typedef {import('./attacks.js').Attack} Attack */

/** What stands where a token was; the view marks it. */
const REDACTED = 'REDACTED';

/** Longest text an attack's step prints; the judge reads all of it. */
const MAX_SHOWN = 2000;

/** Longest string that JSON shows in full, and how much of a longer one. */
const MAX_STRING = 160;
const SHOWN_OF_LONG = 24;

/**
 * The element of that id, which index.html has.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) {
    throw new Error(`index.html has no element "${id}"`);
  }
  return element;
}

/**
 * A new element with children.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string>} attributes
 * @param {(Node | string)[]} children
 */
export function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/**
 * Preformatted text in which every redacted token stands out.
 * @param {string} text
 */
function code(text) {
  const parts = text.split(REDACTED).flatMap((part, i) => (i === 0 ? [part] : [make('mark', {}, REDACTED), part]));
  return make('pre', {}, ...parts);
}

/**
 * A value as indented JSON. A long string, as an ID token is, is cut for the eye.
 * @param {unknown} value
 */
export function json(value) {
  const cut = (/** @type {string} */ _, /** @type {unknown} */ part) =>
    (typeof part === 'string' && part.length > MAX_STRING
      ? `${part.slice(0, SHOWN_OF_LONG)}… (${part.length} characters)`
      : part);
  return code(JSON.stringify(value, cut, 2));
}

/**
 * A list of names and values.
 * @param {[string, string][]} rows
 */
export function facts(rows) {
  return make('dl', { class: 'facts' }, ...rows.flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, value)]));
}

/**
 * A short line above a result.
 * @param {string} text
 * @param {string} tone
 */
export function line(text, tone = 'plain') {
  return make('p', { class: 'line', 'data-tone': tone }, text);
}

/**
 * What an empty area says, and how to fill it.
 * @param {string} text
 */
export function empty(text) {
  return make('p', { class: 'empty' }, text);
}

/**
 * @param {string} id
 * @param {...(Node | string)} content
 */
export function show(id, ...content) {
  byId(id).replaceChildren(...content);
}

/**
 * A state in the header.
 * @param {'vault-state' | 'session-state'} id
 * @param {'good' | 'bad' | 'idle' | 'wait'} tone
 * @param {string} text
 */
export function setState(id, tone, text) {
  const element = byId(id);
  element.dataset['tone'] = tone;
  element.textContent = text;
}

/**
 * The alert above the page: what went wrong, and the mend. Empty hides it.
 * @param {string} [problem]
 * @param {string} [mend]
 */
export function setBanner(problem, mend = '') {
  const banner = byId('banner');
  banner.hidden = problem === undefined;
  banner.replaceChildren(...(problem === undefined ? [] : [make('strong', {}, problem), ' ', mend]));
}

/**
 * Shows the buttons that fit the session, and keeps the keyboard's place when
 * the focused one disappears.
 * @param {boolean} signedIn
 */
export function setButtons(signedIn) {
  const hadFocus = document.activeElement?.closest('#session .actions') != null;
  byId('sign-in').hidden = signedIn;
  byId('refresh').hidden = !signedIn;
  byId('sign-out').hidden = !signedIn;
  if (hadFocus && /** @type {HTMLElement} */ (document.activeElement).offsetParent === null) {
    byId(signedIn ? 'refresh' : 'sign-in').focus();
  }
}

/**
 * Runs work for a button: one at a time, marked busy, focus kept. (`disabled`
 * would take the focus away.)
 * @param {HTMLElement} button
 * @param {() => Promise<void>} work
 */
export function onPress(button, work) {
  button.addEventListener('click', async () => {
    if (button.getAttribute('aria-disabled') === 'true') {
      return;
    }
    button.setAttribute('aria-disabled', 'true');
    try {
      await work();
    } finally {
      button.removeAttribute('aria-disabled');
    }
  });
}

/**
 * The card of one attack.
 * @param {Attack} attack
 */
export function attackCard(attack) {
  const button = make('button', { type: 'button', 'aria-describedby': `how-${attack.id}`, id: `run-${attack.id}` }, attack.title);
  const verdict = make('p', { class: 'verdict', 'aria-live': 'polite', id: `verdict-${attack.id}` });
  const details = make('details', { hidden: '' }, make('summary', {}, 'What the script saw'));
  const log = make('div', { class: 'log', tabindex: '0', role: 'region', 'aria-label': `What the script saw: ${attack.title}` });
  details.append(log);
  const card = make(
    'li',
    { class: 'card attack', id: `attack-${attack.id}` },
    button,
    make('p', { class: 'hint', id: `how-${attack.id}` }, attack.how),
    verdict,
    details,
  );
  return {
    card,
    button,
    /** Empties the card for a new run. */
    begin() {
      card.dataset['tone'] = 'wait';
      verdict.textContent = 'Running…';
      details.hidden = true;
      log.replaceChildren();
    },
    /**
     * Adds one step.
     * @param {string} label
     * @param {string} text
     */
    note(label, text) {
      const cut = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}… (${text.length} characters)` : text;
      log.append(make('h3', {}, label), cut.trim() === '' ? empty('Empty.') : code(cut));
    },
    /** @param {Verdict} result */
    end(result) {
      card.dataset['tone'] = result.tone;
      verdict.replaceChildren(make('strong', {}, result.headline), make('span', {}, result.detail));
      details.hidden = log.childElementCount === 0;
    },
  };
}
