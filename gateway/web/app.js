/** The shell: which view stands in <main>, and what all views share. */

import { Api } from './lib/api.js';
import { el, fill } from './lib/dom.js';
import { Store } from './lib/store.js';

/**
 * What every view gets.
 * @typedef {object} Context
 * @property {Api} api
 * @property {Store} store
 * @property {(hash: string) => void} navigate
 * @property {(text: string) => void} announce politely, to a screen reader
 */

/** @typedef {() => void} Cleanup */

/**
 * @typedef {object} View
 * @property {(root: HTMLElement, context: Context, params: string[]) => Promise<Cleanup | void>} show
 */

/** @type {[RegExp, () => Promise<View>, string][]} */
const ROUTES = [
  [/^#?\/?$/, () => import('./views/before.js'), 'Practise'],
  [/^#\/interview$/, () => import('./views/during.js'), 'Interview'],
  [/^#\/report\/([0-9a-z]+)$/, () => import('./views/report.js'), 'Report'],
  [/^#\/progress$/, () => import('./views/progress.js'), 'Progress'],
  [/^#\/compare\/([0-9a-z]+)\/([0-9a-z]+)$/, () => import('./views/compare.js'), 'Compare'],
  [/^#\/data$/, () => import('./views/data.js'), 'Your data'],
];

const main = /** @type {HTMLElement} */ (document.getElementById('view'));
const announcer = /** @type {HTMLElement} */ (document.getElementById('announcer'));
const store = new Store();

/** @type {Context} */
const context = {
  api: new Api(store),
  store,
  navigate(hash) {
    if (location.hash === hash) void route();
    else location.hash = hash;
  },
  announce(text) {
    // A live region says only what changes.
    announcer.textContent = '';
    requestAnimationFrame(() => (announcer.textContent = text));
  },
};

/** @type {Cleanup | void} */
let leave;
let shown = 0;

// A skip link's own address would be a view's that does not exist.
document.querySelector('.skip')?.addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});

async function route() {
  const mine = ++shown;
  leave?.();
  leave = undefined;
  const match = ROUTES.find(([pattern]) => pattern.test(location.hash));
  mark();
  if (!match) {
    fill(main, lost());
    return;
  }
  const [pattern, load, title] = match;
  document.title = `${title} · Greenroom`;
  try {
    const view = await load();
    if (mine !== shown) return;
    // Each view draws in a root of its own: a late one can't write over its successor.
    const root = el('div', { class: 'view' });
    fill(main, root);
    const params = /** @type {RegExpExecArray} */ (pattern.exec(location.hash)).slice(1);
    const cleanup = await view.show(root, context, params);
    if (mine === shown) leave = cleanup;
    else cleanup?.();
  } catch (error) {
    console.error(error);
    if (mine === shown) fill(main, broken());
  }
  if (mine > 1 && mine === shown) {
    if (!main.contains(document.activeElement)) main.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }
}

function mark() {
  for (const link of document.querySelectorAll('.masthead nav a')) {
    const here = link.getAttribute('href') === (location.hash || '#/');
    if (here) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

function lost() {
  return el(
    'section',
    { class: 'card' },
    el('h1', null, 'This page doesn’t exist'),
    el('p', null, el('a', { href: '#/' }, 'Go to your practice')),
  );
}

function broken() {
  return el(
    'section',
    { class: 'card', role: 'alert' },
    el('h1', null, 'This page could not be shown'),
    el('p', null, 'Nothing of yours is lost. Reload the page to try again.'),
    el('button', { class: 'primary', on: { click: () => location.reload() } }, 'Reload'),
  );
}

window.addEventListener('hashchange', () => void route());
void route();
