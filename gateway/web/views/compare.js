/**
 * Two practices side by side.
 * @module
 */

import { ApiProblem } from '../lib/api.js';
import { el, fill } from '../lib/dom.js';
import { USUAL_ALONE, Words, day, spell } from '../lib/words.js';
import { CHANGE_WORDS, difference, readPractice } from './progress-data.js';

/** @typedef {import('../app.js').Context} Context */
/** @typedef {import('./progress-data.js').Figure} Figure */
/** @typedef {import('./progress-data.js').Practice} Practice */

/**
 * @param {HTMLElement} root
 * @param {Context} context
 * @param {string[]} params the ids of two sessions
 */
export async function show(root, context, [one, other]) {
  let practices, words;
  try {
    const [summaries, measures] = await Promise.all([context.api.ownReports(), context.api.measures()]);
    practices = summaries.map(readPractice).filter((practice) => [one, other].includes(practice.id));
    words = new Words(measures);
  } catch (problem) {
    if (!(problem instanceof ApiProblem)) throw problem;
    fill(root, message('Compare', `${problem.error} ${problem.whatToDo}`));
    return;
  }
  if (practices.length < 2) {
    const text = one === other
      ? 'Choose two different practices, and they stand here side by side.'
      : 'One of these practices isn’t here any more.';
    fill(root, message('Compare', text));
    return;
  }
  fill(root, page(practices[0], practices[1], words));
}

/** @param {string} title @param {string} text */
function message(title, text) {
  return el(
    'section',
    { class: 'card' },
    el('h1', null, title),
    el('p', null, text),
    el('a', { class: 'button', href: '#/progress' }, 'Back to your progress'),
  );
}

/** @param {Practice} before @param {Practice} after @param {Words} words */
function page(before, after, words) {
  const ids = Object.keys(words.measures).filter(
    (id) => known(before.figures.get(id)) || known(after.figures.get(id)),
  );
  const changed = ids.filter((id) => !['same', 'unsure', 'unknown'].includes(compare(id, before, after, words)));
  return [
    el('h1', null, 'Two practices, side by side'),
    el(
      'p',
      { class: 'lede' },
      changed.length
        ? 'First what differs by more than the uncertainty, then everything.'
        : 'Nothing differs by more than the uncertainty. That is usual for short practices.',
    ),
    el('p', { class: 'quiet small' }, USUAL_ALONE),
    changed.length
      ? el('section', { class: 'card', 'aria-labelledby': 'changed-title' }, el('h2', { id: 'changed-title' }, 'What differs'), table(changed, before, after, words, 'What differs'))
      : null,
    el(
      'details',
      { class: 'card', open: !changed.length },
      el('summary', null, 'Everything'),
      table(ids, before, after, words, 'Everything'),
    ),
    el('a', { class: 'button', href: '#/progress' }, 'Back to your progress'),
  ];
}

/** @param {Figure | undefined} figure */
function known(figure) {
  return figure !== undefined && figure.value !== null;
}

/** @param {string} id @param {Practice} before @param {Practice} after @param {Words} words */
function compare(id, before, after, words) {
  return difference(before.figures.get(id), after.figures.get(id), words.measures[id]);
}

/** @param {string[]} ids @param {Practice} before @param {Practice} after @param {Words} words @param {string} label */
function table(ids, before, after, words, label) {
  return el(
    'div',
    { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label },
    el(
      'table',
      null,
      el(
        'thead',
        null,
        el(
          'tr',
          null,
          el('th', { scope: 'col' }, 'Measure'),
          [before, after].map((practice) =>
            el('th', { scope: 'col' }, el('a', { href: `#/report/${practice.id}` }, day(practice.startedMs)), el('br'), spell(practice.duration)),
          ),
          el('th', { scope: 'col' }, 'Change'),
        ),
      ),
      el(
        'tbody',
        null,
        ids.map((id) => {
          const verdict = compare(id, before, after, words);
          return el(
            'tr',
            null,
            el('th', { scope: 'row' }, words.name(id), el('span', { class: 'quiet small block' }, words.plain(id))),
            cell(id, before.figures.get(id), words),
            cell(id, after.figures.get(id), words),
            el('td', { data: { change: verdict } }, CHANGE_WORDS[verdict]),
          );
        }),
      ),
    ),
  );
}

/** @param {string} id @param {Figure | undefined} figure @param {Words} words */
function cell(id, figure, words) {
  if (!figure || figure.value === null) return el('td', { class: 'quiet' }, 'Not known');
  const between = words.between(id, figure.low, figure.high);
  return el(
    'td',
    null,
    words.figure(id, figure.value),
    between ? el('span', { class: 'quiet small block' }, between) : null,
  );
}
