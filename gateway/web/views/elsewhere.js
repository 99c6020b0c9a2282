/** What a tab shows of an interview that another tab has. */

import { el } from '../lib/dom.js';
import { underWay } from '../lib/practice.js';

/** @typedef {import('../app.js').Context} Context */

/**
 * @param {Context} context
 * @param {string} title
 * @param {string} hash where to go on once it was taken over
 */
export function elsewhere(context, title, hash) {
  async function takeOver() {
    // Once taken from, a tab needs a new one of its own.
    await underWay(context.api, context.store)?.lock.take(true);
    context.navigate(hash); // as the other tab has left it
  }

  return el(
    'section',
    { class: 'card' },
    el('h1', { tabindex: '-1' }, title),
    el('p', null, 'Go on in that tab, or take it over here: the other one then stops.'),
    el(
      'div',
      { class: 'row' },
      el('button', { class: 'primary', on: { click: takeOver } }, 'Take over here'),
    ),
  );
}
