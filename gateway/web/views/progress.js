/**
 * Progress: past practices, what moves against the person's own level, what to practise.
 * @module
 */

import { ApiProblem } from '../lib/api.js';
import { el, fill } from '../lib/dom.js';
import { drawTrend } from '../lib/plots.js';
import { USUAL_ALONE, Words, day, plural, spell } from '../lib/words.js';
import { change, outside, ownLevel, readPractice } from './progress-data.js';
import { readReport } from './report-data.js';

/** @typedef {import('../app.js').Context} Context */
/** @typedef {import('./progress-data.js').Practice} Practice */
/** @typedef {import('./progress-data.js').Change} Change */
/** @typedef {import('./report-data.js').Suggestion} Suggestion */

/** What most people practise for comes first; the rest is on request. */
const FIRST = ['answer_quality', 'fluency', 'confidence', 'speech_rate', 'filled_pauses', 'eye_contact'];

/** Scores of single answers and plain counts say nothing from practice to practice. */
const LEFT_OUT = new Set(['answer_time', 'words', 'response_delay']);

/**
 * @param {HTMLElement} root
 * @param {Context} context
 * @returns {Promise<() => void>}
 */
export async function show(root, context) {
  fill(root, el('section', { class: 'card', 'aria-busy': 'true' }, el('h1', null, 'Progress'), el('p', { class: 'quiet', role: 'status' }, 'Looking up your practices.')));
  /** @type {(() => void)[]} */
  const cleanups = [];
  try {
    const [summaries, measures] = await Promise.all([context.api.ownReports(), context.api.measures()]);
    const practices = summaries.map(readPractice);
    const words = new Words(measures);
    if (!practices.length) {
      fill(root, empty());
    } else {
      const last = readReport(await context.api.ownReport(practices[practices.length - 1].id), measures);
      fill(root, page(practices, words, last.suggestions, context, cleanups));
    }
  } catch (problem) {
    if (!(problem instanceof ApiProblem)) throw problem;
    fill(root, unreachable(problem, context));
  }
  return () => cleanups.forEach((cleanup) => cleanup());
}

function empty() {
  return el(
    'section',
    { class: 'card' },
    el('h1', null, 'Progress'),
    el('p', { class: 'lede' }, 'Your practices will gather here.'),
    el('p', null, 'After the second one you will see what moves, measured against yourself and nobody else.'),
    el('a', { class: 'button primary', href: '#/' }, 'Start your first practice'),
  );
}

/** @param {ApiProblem} problem @param {Context} context */
function unreachable(problem, context) {
  return el(
    'section',
    { class: 'card', role: 'alert' },
    el('h1', null, 'Progress'),
    el('p', null, `${problem.error} ${problem.whatToDo}`),
    el('button', { class: 'primary', type: 'button', on: { click: () => context.navigate('#/progress') } }, 'Try again'),
  );
}

/**
 * @param {Practice[]} practices oldest first
 * @param {Words} words
 * @param {Suggestion[]} suggestions of the last practice
 * @param {Context} context
 * @param {(() => void)[]} cleanups
 */
function page(practices, words, suggestions, context, cleanups) {
  const total = practices.reduce((sum, practice) => sum + practice.duration, 0);
  return [
    el(
      'header',
      { class: 'report-head' },
      el(
        'div',
        null,
        el('h1', null, 'Progress'),
        el('p', { class: 'lede' }, `${plural(practices.length, 'practice')}, ${spell(total)} in all.`),
      ),
    ),
    toPractise(practices, words, suggestions),
    trends(practices, words, cleanups),
    list(practices),
    practices.length > 1 ? comparing(practices, context) : null,
  ];
}

/** @param {Practice[]} practices @param {Words} words @param {Suggestion[]} suggestions */
function toPractise(practices, words, suggestions) {
  const recent = practices.slice(-5);
  return el(
    'section',
    { class: 'card', 'aria-labelledby': 'practise-title' },
    el('h2', { id: 'practise-title' }, 'What to practise'),
    el(
      'ul',
      { class: 'claims' },
      suggestions.slice(0, 2).map((suggestion) => {
        const out = recent.filter((practice) => {
          const found = practice.figures.get(suggestion.id)?.value ?? null;
          return found !== null && outside(found, words.measures[suggestion.id]) > 0;
        }).length;
        return el(
          'li',
          null,
          el(
            'div',
            { class: 'claim-text' },
            el('strong', null, suggestion.text),
            el('p', null, suggestion.drill),
            out > 1
              ? el('p', { class: 'quiet small' }, `Outside the usual range in ${out} of your last ${recent.length} practices.`)
              : null,
          ),
        );
      }),
    ),
    el('a', { class: 'button primary', href: '#/' }, 'Practise again'),
  );
}

/** @param {Practice[]} practices @param {Words} words @param {(() => void)[]} cleanups */
function trends(practices, words, cleanups) {
  const known = new Set(practices.flatMap((practice) => [...practice.figures.values()].filter((figure) => figure.value !== null).map((figure) => figure.id)));
  const ids = Object.keys(words.measures).filter((id) => known.has(id) && !LEFT_OUT.has(id));
  const first = FIRST.filter((id) => ids.includes(id));
  const rest = ids.filter((id) => !first.includes(id));
  /** @param {string} id */
  const card = (id) => trend(id, practices, words, cleanups);
  if (practices.length < 2) {
    return el(
      'section',
      { class: 'card', 'aria-labelledby': 'trends-title' },
      el('h2', { id: 'trends-title' }, 'What moves'),
      el('p', null, 'One more practice, and you will see here what moves, measured against yourself.'),
    );
  }
  return el(
    'section',
    { 'aria-labelledby': 'trends-title' },
    el('h2', { id: 'trends-title' }, 'What moves'),
    el('p', { class: 'quiet' }, 'The dotted line is your own level before the last practice; the tinted band is the usual range; the thin bars show how sure each number is.'),
    el('p', { class: 'quiet small' }, USUAL_ALONE),
    el('div', { class: 'trends' }, first.map(card)),
    rest.length
      ? el(
          'details',
          { class: 'more-trends', on: { toggle: unfold(rest, card) } },
          el('summary', null, `All other measures (${rest.length})`),
          el('div', { class: 'trends' }),
        )
      : null,
  );
}

/** Fills the folded part when it is opened first. @param {string[]} ids @param {(id: string) => HTMLElement} card */
function unfold(ids, card) {
  return (/** @type {Event} */ event) => {
    const place = /** @type {HTMLElement} */ (event.target).querySelector('.trends');
    if (place && !place.childElementCount) fill(place, ids.map(card));
  };
}

/** @type {Record<Change, string>} */
const SINCE = {
  closer: 'That is closer to what is usual than your own level before.',
  further: 'That is further from what is usual than your own level before. One practice is no trend.',
  more: 'That is more than your own level before.',
  less: 'That is less than your own level before.',
  same: 'About your own level: any difference is within the uncertainty.',
  unsure: '',
  unknown: '',
};

/** @param {string} id @param {Practice[]} practices @param {Words} words @param {(() => void)[]} cleanups */
function trend(id, practices, words, cleanups) {
  const last = practices[practices.length - 1].figures.get(id);
  const own = ownLevel(practices, id);
  const { low = null, high = null } = words.measures[id] ?? {};
  const now = !last || last.value === null
    ? `Last time: not known${last?.notSeen ? `, ${last.notSeen}` : ''}.`
    : `Last time: ${words.figure(id, last.value)}.`;
  const level = own ? ` Your own level before: ${words.figure(id, own.level)}.` : '';
  const plot = el('div', { class: 'plot' });
  cleanups.push(
    drawTrend(plot, {
      practices: practices.map((practice, index) => {
        const figure = practice.figures.get(id);
        const label = String(index + 1);
        return { label, value: figure?.value ?? null, low: figure?.low ?? null, high: figure?.high ?? null };
      }),
      low, high,
      own: own?.level ?? null,
      say: (value) => words.figure(id, value),
    }),
  );
  return el(
    'div',
    { class: 'card' },
    el('h3', null, words.name(id)),
    el('p', null, now, level),
    el('div', { role: 'img', 'aria-label': `${words.name(id)} from practice to practice. ${now}${level}` }, plot),
    el('p', { class: 'quiet small' }, SINCE[change(last, own?.level ?? null, words.measures[id])]),
    el(
      'details',
      { class: 'small' },
      el('summary', null, 'What this is'),
      el('p', null, words.plain(id)),
      el('p', { class: 'quiet' }, words.formula(id, false)),
      words.usual(id) ? el('p', { class: 'quiet' }, `Usual: ${words.usual(id)}.`) : null,
    ),
  );
}

/** @param {Practice[]} practices */
function list(practices) {
  return el(
    'section',
    { class: 'card', 'aria-labelledby': 'list-title' },
    el('h2', { id: 'list-title' }, 'Your practices'),
    el(
      'ol',
      { class: 'practices', reversed: true },
      practices
        .map((practice, index) =>
          el(
            'li',
            null,
            el('a', { href: `#/report/${practice.id}` }, `${index + 1}. ${day(practice.startedMs)}`),
            el('span', { class: 'quiet' }, spell(practice.duration)),
          ),
        )
        .reverse(),
    ),
  );
}

/** @param {Practice[]} practices @param {Context} context */
function comparing(practices, context) {
  /** @param {string} name @param {number} chosen */
  const select = (name, chosen) =>
    el(
      'select',
      { name, id: `compare-${name}` },
      practices.map((practice, index) =>
        el('option', { value: practice.id, selected: index === chosen }, `${index + 1}. ${day(practice.startedMs)}`),
      ),
    );
  const first = select('first', practices.length - 2);
  const second = select('second', practices.length - 1);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    context.navigate(`#/compare/${first.value}/${second.value}`);
  };
  return el(
    'section',
    { class: 'card', 'aria-labelledby': 'compare-title' },
    el('h2', { id: 'compare-title' }, 'Compare two practices'),
    el(
      'form',
      { on: { submit } },
      el(
        'div',
        { class: 'columns' },
        el('div', { class: 'field' }, el('label', { for: 'compare-first' }, 'One'), first),
        el('div', { class: 'field' }, el('label', { for: 'compare-second' }, 'The other'), second),
      ),
      el('button', { type: 'submit' }, 'Compare'),
    ),
  );
}
