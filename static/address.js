// @ts-check
'use strict';

/**
 * What a page of the vault was opened with. It is the first script of the page: the
 * authorization code is gone from the address bar and the history before anything
 * else is loaded.
 */
const arrival = Object.freeze({ search: location.search, hash: location.hash });
history.replaceState(null, '', location.pathname);
