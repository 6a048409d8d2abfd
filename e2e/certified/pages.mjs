// What the authorization server shows. The names of the fields are those of the
// development server's form, so that one helper fills in both.

const head = (/** @type {string} */ title) => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${title}</title>
<link rel="icon" href="data:,">
<h1>${title}</h1>`;

/**
 * @param {string} prompt "login" or "consent"
 * @param {string} [problem]
 */
export const signInPage = (prompt, problem) => `${head(prompt === 'login' ? 'Sign in' : 'Consent')}
${problem ? `<p role="alert">${problem}</p>` : ''}
<form method="post">
${prompt === 'login' ? `<label>User name <input id="username" name="username" required></label>
<label>Password <input id="password" name="password" type="password" required></label>` : ''}
<button id="submit" name="action" value="continue">Continue</button>
<button id="cancel" name="action" value="cancel" formnovalidate>Cancel</button>
</form>`;

/**
 * The end of a session needs no click: the form sends itself.
 *
 * @param {import('oidc-provider').KoaContextWithOIDC} ctx
 * @param {string} form the library's, with its token against forgery
 */
export function logoutPage(ctx, form) {
  ctx.body = `${head('Sign out')}${form}
<button id="submit" form="op.logoutForm" name="logout" value="yes">Sign out</button>
<script>document.querySelector("#submit").click()</script>`;
}

/** @param {string[]} frames pages of clients, to be told of the end of a session */
export const signedOutPage = (frames) => head('You are signed out')
  + frames.map((source) => `<iframe src="${source.replaceAll('&', '&amp;')}" title="Signs you out of an app" hidden></iframe>`).join('\n');

/**
 * @param {import('oidc-provider').KoaContextWithOIDC} ctx
 * @param {import('oidc-provider').ErrorOut} out
 */
export function errorPage(ctx, out) {
  ctx.type = 'text';
  ctx.body = `${out.error}: ${out.error_description}`;
}
