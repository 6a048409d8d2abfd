'use strict';

// The script of the vault's own pages: it says what a page is for, in the language
// of the person.

const { language, texts } = __TOKENVAULT_CONFIG__;

/** What each page begins with: its title and its status. */
const beginnings = new Map([
  ['/login.html', ['signingInTitle', 'signingIn']],
  ['/callback.html', ['signingInTitle', 'finishing']],
  ['/logout.html', ['signedOutTitle', 'signingOut']],
  ['/signed-out.html', ['signedOutTitle', 'signedOut']],
  ['/frontchannel-logout.html', ['signedOutTitle', 'signingOut']],
]);

/** The language, of those that there are texts in, that the person reads best. */
function chosenLanguage() {
  for (const wanted of navigator.languages) {
    const found = [wanted, wanted.split('-')[0]].find((tag) => Object.hasOwn(texts, tag));
    if (found) return found;
  }
  return language;
}

const chosen = chosenLanguage();
const [heading, message] = (beginnings.get(location.pathname) ?? []).map((key) => texts[chosen][key]);
document.documentElement.lang = chosen;
document.title = heading;
/** @type {HTMLElement} */ (document.querySelector('h1')).textContent = heading;
/** @type {HTMLElement} */ (document.querySelector('[role=status]')).textContent = message;
