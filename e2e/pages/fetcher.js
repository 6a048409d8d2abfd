// A worker, dedicated or shared, that fetches what it is told and tells what came.
'use strict';

async function fetchFor({ url, init }) {
  try {
    const response = await fetch(url, init);
    const headers = [...response.headers].filter(([name]) => name !== 'date' && name !== 'content-length');
    const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', await response.arrayBuffer()));
    return { status: response.status, url: response.url, headers, sha256: [...bytes].join() };
  } catch (error) {
    return { thrown: error.name };
  }
}

addEventListener('message', async ({ data }) => postMessage(await fetchFor(data)));
addEventListener('connect', ({ ports: [port] }) => {
  port.onmessage = async ({ data }) => port.postMessage(await fetchFor(data));
});
