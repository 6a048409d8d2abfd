// A certified authorization server for the tests: oidc-provider, and an API that takes
// its tokens, on one port of loopback, as two hosts.
//
// The first line of stdin is the configuration (Settings below). Each further line is a
// question, answered by one line of stdout. The process ends when stdin does.

import { once } from 'node:events';
import { Console } from 'node:console';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { api } from './api.mjs';
import { createProvider } from './provider.mjs';

/**
 * @typedef {object} Settings
 * @property {string} issuer
 * @property {string} api the API's origin, on the same port
 * @property {string[]} origins who may read answers by CORS
 * @property {import('oidc-provider').ClientMetadata[]} clients
 * @property {{ id: string, name: string, email: string }[]} accounts any password will do
 * @property {string[]} resources resource indicators, each with JWTs as access tokens
 * @property {boolean} nonces whether DPoP proofs need a nonce, here and at the API
 * @property {boolean} requirePAR
 * @property {string[]} acrValues what a sign-in can reach when acr_values asks for it
 * @property {number} accessTTL seconds
 * @property {number} refreshTTL seconds
 * @property {number} skew seconds by which the clock here is ahead
 * @property {boolean} offline whether refresh tokens are for those who were given offline_access
 */

// The library prints notices to stdout, which is for answers.
globalThis.console = new Console(process.stderr);

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
/** @type {Settings} */
const settings = JSON.parse((await lines.next()).value ?? '{}');

const { now } = Date;
Date.now = () => now() + settings.skew * 1000;

/** Everything secret that was handed out. @type {{ kind: string, value: string }[]} */
const issued = [];
/** What was asked for, in order. @type {{ method: string, path: string, origin: string, status: number, params: unknown }[]} */
const requests = [];
/** Whether the next answer with tokens gets lost on its way. */
let losing = false;
/** Whether the next authorization response comes without iss (RFC 9207). */
let omitsIssuer = false;

/** What the server and its API answer with. */
let running = start();

/** Starts the two with keys of their own. */
function start() {
  const keys = [
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
    generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    generateKeyPairSync('ed25519'),
  ].map(({ privateKey }) => /** @type {import('oidc-provider').JWK} */ ({ kid: randomUUID(), ...privateKey.export({ format: 'jwk' }) }));
  const provider = createProvider(settings, keys, watch);
  return { provider, authorization: provider.callback(), api: api(provider, settings, keys) };
}

/**
 * The ledger. It has a secret before the client does.
 *
 * @type {Parameters<import('oidc-provider').Provider['use']>[0]}
 */
async function watch(ctx, next) {
  await next();
  const { path } = ctx;
  const params = Object.fromEntries(Object.entries(ctx.oidc?.params ?? {}).filter(([, value]) => value !== undefined));
  requests.push({ method: ctx.method, path, origin: ctx.get('Origin'), status: ctx.status, params });
  if (path === '/token' && ctx.status === 200) {
    for (const kind of ['access', 'refresh', 'id']) {
      const value = ctx.body[`${kind}_token`];
      if (value) issued.push({ kind, value });
    }
    if (losing) {
      losing = ctx.respond = false;
      ctx.req.socket.destroy();
    }
  }
  const location = URL.parse(ctx.response.get('Location'));
  const code = location?.searchParams.get('code');
  if (!location || !code) return;
  issued.push({ kind: 'code', value: code });
  if (omitsIssuer) {
    omitsIssuer = false;
    location.searchParams.delete('iss');
    ctx.redirect(location.href);
  }
}

/**
 * Whether a token would still be taken. A JWT is taken until it expires.
 *
 * @param {{ kind: string, value: string }} token
 */
async function isLive({ kind, value }) {
  switch (kind) {
    case 'access': return value.includes('.') || await running.provider.AccessToken.find(value) !== undefined;
    case 'refresh': {
      const found = await running.provider.RefreshToken.find(value);
      return found !== undefined && !found.consumed;
    }
    default: return false;
  }
}

/** @type {Record<string, () => unknown>} */
const questions = {
  issued: () => Promise.all(issued.map(async (token) => ({ ...token, live: await isLive(token) }))),
  requests: () => requests,
  lose: () => losing = true,
  omitIssuer: () => omitsIssuer = true,
  rotate: () => {
    running = start();
    return true;
  },
};

/** @param {unknown} value */
const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const server = createServer((request, response) => {
  const host = `http://${request.headers.host}`;
  return host === settings.api ? running.api(request, response) : running.authorization(request, response);
});
server.listen(Number(new URL(settings.issuer).port), '127.0.0.1');
try {
  await once(server, 'listening');
} catch (error) {
  answer({ ready: false, taken: /** @type {NodeJS.ErrnoException} */ (error).code === 'EADDRINUSE' });
  throw error;
}
answer({ ready: true });
for await (const question of lines) answer(await questions[question]?.());
process.exit();
