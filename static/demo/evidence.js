// @ts-check
/**
 * The judge of the attacker's console. It knows nothing about the attacks: it
 * takes whatever they saw, cuts out every string that could be a token, hashes
 * it, and asks the demo's server which of the hashes belong to a token or code
 * that the authorization server has issued. No value leaves the page, and no
 * verdict is written down beforehand.
 *
 * Signed in, the page itself holds one issued token, the ID token, which an app
 * is meant to read: that the judge finds it shows that the judge works.
 */

/** @typedef {'access' | 'refresh' | 'id' | 'code'} TokenKind */
/** @typedef {{ hash: string, kind: TokenKind, active: boolean }} Match */
/**
 * @typedef {object} Findings
 * @property {Match[]} matches    issued tokens and codes among what was seen
 * @property {string[]} unknown   what has the shape of a token, but was not issued here
 * @property {number} candidates  strings compared
 * @property {number} issued      tokens and codes issued so far
 */

/** Shortest string that is tried: nothing shorter carries a token's entropy. */
const SHORTEST = 16;

/** The alphabets that tokens are written in: with and without dots, and RFC 6750's. */
const ALPHABETS = [/[A-Za-z0-9_-]+/g, /[A-Za-z0-9_.-]+/g, /[A-Za-z0-9._~+/-]+=*/g];

const JWT = /eyJ[\w-]+\.[\w-]+\.[\w-]+/g;

/**
 * The text as it is and as it reads once common escapes are undone.
 * @param {string} text
 */
function readings(text) {
  const unescaped = text
    .replace(/\\u([0-9a-fA-F]{4})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 16)))
    .replace(/%([0-9a-fA-F]{2})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 16)));
  return unescaped === text ? [text] : [text, unescaped];
}

/**
 * Every string in the texts that could be a token.
 * @param {Iterable<string>} texts
 */
export function candidates(texts) {
  /** @type {Set<string>} */
  const found = new Set();
  for (const text of texts) {
    for (const reading of readings(text)) {
      for (const alphabet of ALPHABETS) {
        for (const [match] of reading.matchAll(alphabet)) {
          for (const candidate of [match, match.replace(/^[.=/-]+|[.=/]+$/g, '')]) {
            if (candidate.length >= SHORTEST) {
              found.add(candidate);
            }
          }
        }
      }
    }
  }
  return found;
}

/**
 * SHA-256, in hexadecimal.
 * @param {string} text
 */
async function sha256(text) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * Looks for tokens in everything an attack saw.
 * @param {string[]} texts
 * @returns {Promise<Findings>}
 */
export async function examine(texts) {
  /** @type {Map<string, string>} */
  const byHash = new Map();
  for (const candidate of candidates(texts)) {
    byHash.set(await sha256(candidate), candidate);
  }
  const response = await fetch('/demo/issued', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ hashes: [...byHash.keys()] }),
  });
  if (!response.ok) {
    throw new Error(`the demo's server could not compare the findings: ${response.status}`);
  }
  const answer = /** @type {{ matches: Match[], issued: number }} */ (await response.json());
  const known = new Set(answer.matches.map((match) => byHash.get(match.hash)));
  const jwts = new Set(texts.flatMap((text) => text.match(JWT) ?? []));
  return {
    matches: answer.matches,
    unknown: [...jwts].filter((jwt) => !known.has(jwt)),
    candidates: byHash.size,
    issued: answer.issued,
  };
}

/** @typedef {'stopped' | 'leaked' | 'limit' | 'void'} Tone */
/** @typedef {{ tone: Tone, headline: string, detail: string }} Verdict */

/**
 * What an attack achieved beside seeing things.
 * @typedef {object} Outcome
 * @property {string | undefined} [actedAs]  the user in whose name a request went through
 * @property {boolean} [ownCode]  the script got an authorization code for a verifier of its own
 */

/** @type {Record<TokenKind, string>} */
const KIND_NAMES = {
  access: 'access token',
  refresh: 'refresh token',
  id: 'ID token',
  code: 'authorization code',
};

/**
 * "2 access tokens, 1 ID token".
 * @param {Match[]} matches
 */
function count(matches) {
  /** @type {Map<TokenKind, number>} */
  const totals = new Map();
  for (const { kind } of matches) {
    totals.set(kind, (totals.get(kind) ?? 0) + 1);
  }
  return Array.from(totals, ([kind, n]) => `${n} ${KIND_NAMES[kind]}${n === 1 ? '' : 's'}`).join(', ');
}

/**
 * What has to be so for an attack to prove anything.
 * @typedef {object} Conditions
 * @property {boolean} signedIn  there was something to steal when the attack began
 * @property {boolean} serving  the vault served the app's own request when it had ended
 */

/**
 * Puts the findings into plain words.
 * @param {Findings} findings
 * @param {Conditions} conditions
 * @param {Outcome} [outcome]
 * @returns {Verdict}
 */
export function judge(findings, { signedIn, serving }, outcome = {}) {
  const secrets = findings.matches.filter(({ kind }) => kind === 'access' || kind === 'refresh');
  const others = findings.matches.filter(({ kind }) => kind === 'id' || kind === 'code');
  const compared = `${findings.candidates} strings compared with ${findings.issued} issued tokens and codes.`;
  const asides = [compared];
  if (others.length > 0) {
    asides.push(`Also seen: ${count(others)}. ${aside(others)}`);
  }
  if (secrets.length > 0) {
    return { tone: 'leaked', headline: `Leaked: ${count(secrets)}`, detail: asides.join(' ') };
  }
  if (findings.unknown.length > 0) {
    asides.push(`${findings.unknown.length} strings look like a JWT that this server did not issue.`);
  }
  if (outcome.actedAs !== undefined) {
    return {
      tone: 'limit',
      headline: `Not stopped: the script acted as ${outcome.actedAs}`,
      detail: `No token was seen, but the request went through. No vault can stop this. ${asides.join(' ')}`,
    };
  }
  if (outcome.ownCode === true) {
    return {
      tone: 'limit',
      headline: 'Not stopped: the script got a code of its own',
      detail: 'In this browser it could not turn it into a token. Carried to another machine it could: the '
        + `mend, a redirect URI on the vault's origin, is not part of this version. ${asides.join(' ')}`,
    };
  }
  if (!signedIn) {
    return { tone: 'void', headline: 'Nothing to steal: you are signed out', detail: `Sign in and try again. ${compared}` };
  }
  if (!serving) {
    return {
      tone: 'void',
      headline: 'No verdict: the vault serves nobody',
      detail: `No token was seen, but the app's own request was not served either. Wait a moment, or reload this page, and try again. ${compared}`,
    };
  }
  return { tone: 'stopped', headline: 'Stopped: no access or refresh token seen', detail: asides.join(' ') };
}

/**
 * Why an ID token or a code in the page is no theft of a session.
 * @param {Match[]} others
 */
function aside(others) {
  const remarks = [];
  if (others.some(({ kind }) => kind === 'id')) {
    remarks.push('The app is meant to read its ID token; add id_token to "redact" to withhold it.');
  }
  if (others.some(({ kind, active }) => kind === 'code' && active)) {
    remarks.push('A code that is still valid is worth something only where it can be exchanged.');
  }
  return remarks.join(' ');
}
