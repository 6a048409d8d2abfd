import js from '@eslint/js';
import globals from 'globals';

/** Ways to turn a string into markup. The vault's policy forbids them at run time as well. */
const markup = [
  'AssignmentExpression[left.property.name=/^(inner|outer)HTML$|^srcdoc$/]',
  'CallExpression[callee.property.name="insertAdjacentHTML"]',
].map((selector) => ({ selector, message: 'Strings do not become markup here: make nodes and set textContent.' }));

export default [
  { ignores: ['dist/', 'node_modules/', '.tools/'] },
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    languageOptions: { ecmaVersion: 2023, sourceType: 'module', globals: globals.browser },
    rules: {
      curly: ['error', 'multi-line'],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': ['error', { allow: ['warn', 'error'] }],
      'no-eval': 'error',
      'no-implied-eval': 'error',
      'no-new-func': 'error',
      'no-restricted-syntax': ['error', ...markup],
      'no-script-url': 'error',
      'no-throw-literal': 'error',
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
      'prefer-template': 'error',
    },
  },
  {
    // Names are tsc's to check there: it knows which of two global scopes a script is for.
    files: ['static/*.js'],
    rules: { 'no-undef': 'off' },
  },
  {
    // Classic scripts: they share the global scope of their page or worker.
    files: ['static/gowasm.js', 'static/interceptor.js', 'static/page.js', 'static/proxy.js', 'static/vaultwasm.js'],
    languageOptions: { sourceType: 'script' },
    rules: { 'no-unused-vars': ['error', { vars: 'local' }], strict: ['error', 'global'] },
  },
  {
    // What the benchmark serves to its columns: classic scripts, some bundled with SETTINGS.
    files: ['e2e/bench/pages/*.js'],
    languageOptions: { sourceType: 'script', globals: { ...globals.serviceworker, SETTINGS: 'readonly' } },
  },
  {
    files: ['e2e/bench/pages/{measure,ping-*,axa-*}.js'],
    languageOptions: { sourceType: 'module' },
  },
  {
    // Pieces that tests put around a script before they run it in Node.
    files: ['wasm/**/testdata/*.js'],
    languageOptions: { sourceType: 'commonjs', globals: { ...globals.node, Go: 'readonly', exited: 'readonly' } },
    rules: { 'no-console': 'off' },
  },
];
