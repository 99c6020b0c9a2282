/**
 * What was said, with everything that was found in it marked in place.
 * @module
 */

import { el } from '../lib/dom.js';

/** @typedef {import('./report-data.js').Question} Question */
/** @typedef {import('./report-data.js').Word} Word */
/** @typedef {import('./report-evidence.js').EvidenceDialog} EvidenceDialog */

/** Shorter pauses belong to speaking. */
const PAUSE_MS = 1000;

export const STAR_NAMES = /** @type {Record<string, string>} */ ({
  situation: 'Situation',
  task: 'Task',
  action: 'Action',
  result: 'Result',
});

/**
 * Marks of single words: in the legend, in the dialog, and one by one.
 * @type {Record<string, [string, string, string]>}
 */
const MARKS = {
  filler: ['Fillers', 'filler', 'A filler'],
  hesitation: ['Hesitations', 'hesitation', 'A hesitation'],
  repetition: ['Repeats', 'repeat', 'A repeated word'],
  repair: ['New starts', 'new start', 'A new start'],
  hedge: ['Softened words', 'softened', 'A softening word'],
};

/** @typedef {Word & {mark: string, said: boolean}} Token */

/**
 * @param {Question} question
 * @param {EvidenceDialog} dialog
 */
export function transcript(question, dialog) {
  if (!question.words.length) return el('p', { class: 'quiet' }, 'No words were understood.');
  const tokens = tokensOf(question);
  const text = el('div', { class: 'transcript' }, runs(question, tokens, dialog));
  return el('div', null, legend(question, tokens, text), text);
}

/**
 * Words with their marks, and hesitations between them, in order.
 * @param {Question} question
 * @returns {Token[]}
 */
function tokensOf(question) {
  const tokens = question.words.map((word) => {
    const middle = (word.start + word.end) / 2;
    const found = question.disfluencies.find(({ start, end }) => start <= middle && middle <= end);
    const mark = word.filler ? 'filler' : (found?.kind ?? '');
    return { ...word, mark: mark in MARKS ? mark : '', said: true };
  });
  const heard = question.moments
    .filter(({ type, start, end }) => {
      if (type === 'pause') return end - start >= PAUSE_MS;
      // In the sound, but not in the text.
      return type === 'filled_pause' && !tokens.some((word) => word.mark === 'filler' && word.start < end && word.end > start);
    })
    .map(({ type, detail, start, end }) => ({
      text: type === 'pause' ? `${((end - start) / 1000).toFixed(1)} s pause` : detail || 'um',
      start, end, filler: false, mark: 'hesitation', said: false,
    }));
  return [...tokens, ...heard].sort((a, b) => a.start - b.start);
}

/**
 * Stretches of words that belong to the same part of the story and the same expected point.
 * @param {Question} question
 * @param {Token[]} tokens
 * @param {EvidenceDialog} dialog
 */
function runs(question, tokens, dialog) {
  /** @type {HTMLElement[]} */
  const made = [];
  let before = '';
  /** @type {HTMLElement | null} */
  let run = null;
  for (const token of tokens) {
    const middle = (token.start + token.end) / 2;
    /** @param {{start: number, end: number} | null} span */
    const holds = (span) => span !== null && span.start <= middle && middle <= span.end;
    const part = question.star.find(holds);
    const number = question.points.findIndex((point) => holds(point.span));
    const key = `${part?.kind ?? ''} ${number}`;
    if (!run || key !== before) {
      run = el('span', { class: 'run', data: { part: part?.kind ?? '', point: number < 0 ? '' : 'found' } });
      made.push(run);
      const [oldPart, oldNumber] = before.split(' ');
      if (part && part.kind !== oldPart) {
        run.append(tag(STAR_NAMES[part.kind] ?? part.kind, 'tag-part', part, dialog), ' ');
      }
      const point = question.points[number];
      if (point?.span && String(number) !== oldNumber) {
        run.append(tag(`Point ${number + 1}`, 'tag-point', { ...point.span, quote: point.text }, dialog), ' ');
      }
      before = key;
    }
    run.append(token.mark ? marked(token, dialog) : token.text, ' ');
  }
  return made;
}

/**
 * @param {string} text
 * @param {string} kind
 * @param {{start: number, end: number, quote: string}} span
 * @param {EvidenceDialog} dialog
 */
function tag(text, kind, span, dialog) {
  const show = () => dialog.stretch(text, span.start, span.end, span.quote);
  return el('button', { class: `tag ${kind}`, type: 'button', on: { click: show } }, text);
}

/** @param {Token} token @param {EvidenceDialog} dialog */
function marked(token, dialog) {
  const [, one, title] = MARKS[token.mark];
  const show = () => dialog.stretch(`${title}: “${token.text}”`, token.start, token.end);
  return el(
    'button',
    { class: 'said', type: 'button', data: { mark: token.mark }, on: { click: show } },
    token.text,
    el('span', { class: 'visually-hidden' }, ` (${one})`),
  );
}

/**
 * Each kind of mark with its look and its count, to be switched off and on.
 * @param {Question} question
 * @param {Token[]} tokens
 * @param {HTMLElement} text
 */
function legend(question, tokens, text) {
  /** @type {[string, string, number][]} */
  const kinds = Object.entries(MARKS).map(([kind, [name]]) => [
    kind, name, tokens.filter((token) => token.mark === kind).length,
  ]);
  kinds.push(['part', 'Parts of the story', question.star.length]);
  kinds.push(['point', 'Expected points', question.points.filter((point) => point.span).length]);
  const present = kinds.filter(([, , count]) => count);
  if (!present.length) {
    return el('p', { class: 'quiet small' }, 'Nothing stood out in the words: no fillers, no new starts.');
  }
  return el(
    'fieldset',
    { class: 'legend no-print' },
    el('legend', { class: 'quiet small' }, 'Marked in the text'),
    present.map(([kind, name, count]) => {
      const toggle = (/** @type {Event} */ event) => {
        const { checked } = /** @type {HTMLInputElement} */ (event.target);
        text.classList.toggle(`hide-${kind}`, !checked);
      };
      return el(
        'label',
        { class: 'legend-entry' },
        el('input', { type: 'checkbox', checked: true, on: { change: toggle } }),
        el('span', { class: 'sample', data: { mark: kind } }, name),
        el('span', { class: 'quiet' }, count),
      );
    }),
  );
}
