/**
 * One question of the report: its scores, what was said, and what happened when.
 * @module
 */

import { el, svg } from '../lib/dom.js';
import { drawTimeline } from '../lib/plots.js';
import { MOMENTS, plural, spell } from '../lib/words.js';
import { called, scoreText } from './report-evidence.js';
import { STAR_NAMES, transcript } from './report-transcript.js';

/** @typedef {import('../lib/plots.js').Timeline} Timeline */
/** @typedef {import('../lib/words.js').Words} Words */
/** @typedef {import('./report-data.js').Claim} Claim */
/** @typedef {import('./report-data.js').Moment} Moment */
/** @typedef {import('./report-data.js').Question} Question */
/** @typedef {import('./report-data.js').Report} Report */
/** @typedef {import('./report-data.js').Score} Score */
/** @typedef {import('./report-data.js').Value} Value */
/** @typedef {import('./report-evidence.js').EvidenceDialog} EvidenceDialog */

/** What is plotted, in this order. */
const PLOTTED = ['speech_rate', 'pitch_median', 'loudness', 'eye_contact', 'movement'];

/** Moments with a row of their own under the plots. */
const ROWS = ['hint', 'pause', 'filled_pause', 'look_away', 'stroke', 'fidget', 'self_touch', 'face_lost'];

/** Moments that say little one by one: left to the plots and the counts. */
const UNLISTED = new Set(['speech', 'calibrated', 'stroke', 'named', 'framing', 'level', 'hands_hidden', 'several_faces']);

/**
 * @typedef {object} Parts
 * @property {Report} report
 * @property {Words} words
 * @property {EvidenceDialog} dialog
 * @property {(() => void)[]} cleanups
 */

/**
 * @param {Question} question
 * @param {string} id of its heading
 * @param {Parts} parts
 */
export function questionSection(question, id, parts) {
  const { words, dialog } = parts;
  const { value: seconds = null } = question.values.find(({ measure }) => measure === 'answer_time') ?? {};
  const alone = parts.report.questions.length === 1; // it is the whole interview
  const from = `${seconds === null ? 'From' : `${spell(1000 * seconds)}, from`} ${dialog.clock(question.start)} on.`;
  const share = alone ? '' : ` Its share of the interview: ${Math.round(100 * question.share)}%.`;
  const began = question.delay === null ? '' : ` You began after ${(question.delay / 1000).toFixed(1)} seconds.`;
  return el(
    'section',
    { class: 'card answer', 'aria-labelledby': id },
    el(
      'h2',
      { id, tabindex: '-1' },
      el('span', { class: 'eyebrow' }, called(question)),
      question.text || 'Your answer',
    ),
    el('p', { class: 'quiet' }, from + share + began),
    claimLists(question, dialog),
    alone ? scoreNote() : null,
    scoreCards(question.scores, question.values, words, dialog),
    el('h3', null, 'What you said'),
    transcript(question, dialog),
    points(question, dialog),
    story(question),
    el('h3', null, 'Over time'),
    timeline(question, parts),
    momentList(question, dialog),
    exercises(question),
    numbers(question.values, question.start, question.end, words, dialog),
  );
}

/** @param {Question} question @param {EvidenceDialog} dialog */
function claimLists({ strengths, weaknesses }, dialog) {
  /** @type {[string, Claim[]][]} */
  const lists = [['What went well', strengths], ['What to work on', weaknesses]];
  return el(
    'div',
    { class: 'columns' },
    lists
      .filter(([, claims]) => claims.length)
      .map(([title, claims]) =>
        el('div', null, el('h3', null, title), el('ul', { class: 'claims' }, claims.map((claim) => claimItem(claim, dialog)))),
      ),
  );
}

/** @param {Question} question */
function exercises({ suggestions }) {
  if (!suggestions.length) return null;
  return el(
    'details',
    null,
    el('summary', null, 'Exercises for this answer'),
    el('ul', null, suggestions.map((each) => el('li', null, el('strong', null, each.text), el('br'), each.drill))),
  );
}

/** A claim, and the way to its evidence. @param {Claim} claim @param {EvidenceDialog} dialog */
export function claimItem(claim, dialog) {
  return el(
    'li',
    null,
    el('span', { class: 'claim-text' }, claim.text),
    claim.evidence.length
      ? el(
          'button',
          {
            class: 'show-me no-print', type: 'button', 'aria-label': `Show me: ${claim.text}`,
            on: { click: () => dialog.claim(claim) },
          },
          'Show me',
        )
      : null,
  );
}

/** What scores are, said where they come first. */
export function scoreNote() {
  return el(
    'p',
    { class: 'quiet small score-note' },
    'Scores go from 0 to 100, with 50 in the middle; the bar shows where a score may lie. They describe what others could see and hear, not how you felt or who you are.',
  );
}

/** @param {Score[]} scores @param {Value[]} values @param {Words} words @param {EvidenceDialog} dialog */
export function scoreCards(scores, values, words, dialog) {
  return el(
    'div',
    { class: 'scores' },
    scores.map((score) => {
      const name = words.name(score.score);
      return el(
        'div',
        { class: 'score' },
        el('h3', null, name),
        score.value === null ? null : el('p', { class: 'score-value' }, String(Math.round(score.value))),
        score.value === null ? null : meter(score),
        el('p', { class: 'quiet small' }, score.value === null ? scoreText(score) : likely(score)),
        score.value === null
          ? null
          : el(
              'button',
              {
                class: 'show-me no-print', type: 'button', 'aria-label': `What it rests on: ${name}`,
                on: { click: () => dialog.score(score, values) },
              },
              'What it rests on',
            ),
      );
    }),
  );
}

/** @param {Score} score */
function likely({ score, low, high }) {
  const range = low === null || high === null ? '' : `Likely ${Math.round(low)} to ${Math.round(high)}.`;
  return score === 'stress_signs' ? `${range} Low means few such signs.` : range;
}

/** The range that a score may lie in, and the score. @param {Score} score */
function meter({ value, low, high }) {
  const from = low ?? value ?? 0;
  const to = high ?? value ?? 0;
  return svg(
    'svg',
    { class: 'meter', viewBox: '0 0 100 6', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    svg('rect', { class: 'meter-ground', x: 0, y: 1, width: 100, height: 4 }),
    svg('rect', { class: 'meter-range', x: from, y: 1, width: Math.max(1, to - from), height: 4 }),
    svg('rect', { class: 'meter-point', x: Math.min(98.5, Math.max(0, (value ?? 0) - 0.75)), y: 0, width: 1.5, height: 6 }),
  );
}

/** @param {Question} question @param {EvidenceDialog} dialog */
function points(question, dialog) {
  if (!question.points.length) return null;
  return [
    el('h3', null, 'What a good answer holds'),
    el(
      'ol',
      { class: 'points' },
      question.points.map((point) => {
        const { span } = point;
        return el(
          'li',
          { data: { found: span ? 'yes' : 'no' } },
          el('strong', null, span ? 'Said: ' : 'Not found: '),
          point.text,
          span ? el('blockquote', null, span.quote) : null,
          span
            ? el(
                'button',
                {
                  class: 'show-me no-print', type: 'button', 'aria-label': `Show me: ${point.text}`,
                  on: { click: () => dialog.stretch(point.text, span.start, span.end, span.quote) },
                },
                'Show me',
              )
            : null,
        );
      }),
    ),
    el('p', { class: 'quiet small' }, 'The points are found by their meaning, not by their exact words, and one may be missed: you know best what you said.'),
  ];
}

/** @param {Question} question */
function story({ star }) {
  const found = new Set(star.map((part) => part.kind));
  if (!found.size) return null;
  const missing = Object.keys(STAR_NAMES).filter((part) => !found.has(part));
  /** @param {string[]} parts */
  const names = (parts) => parts.map((part) => STAR_NAMES[part]?.toLowerCase()).join(', ');
  return el(
    'p',
    { class: 'quiet small' },
    `Parts of the story that were found: ${names(Object.keys(STAR_NAMES).filter((part) => found.has(part)))}.`,
    missing.length ? ` Not found: ${names(missing)}. Not every question asks for a story.` : '',
  );
}

/** @param {Question} question @param {Parts} parts */
function timeline(question, { report, words, dialog, cleanups }) {
  const { start, end } = question;
  const { began } = report;
  const lines = PLOTTED.map((measure) => report.series.find((series) => series.measure === measure))
    .filter((series) => series !== undefined)
    .map((series) => {
      const inside = series.times.map((time) => time >= start && time < end);
      const { low = null, high = null } = words.measures[series.measure] ?? {};
      return {
        title: `${words.name(series.measure)}${words.unit(series.measure) && `, ${words.unit(series.measure).trim()}`}`,
        times: series.times.filter((_, i) => inside[i]).map((time) => time - began),
        values: series.values.filter((_, i) => inside[i]),
        low, high,
        say: (/** @type {number} */ value) => words.figure(series.measure, value),
      };
    })
    .filter((line) => line.times.length > 1);
  const rows = ROWS.map((type) => ({
    title: MOMENTS[type],
    marks: question.moments
      .filter((moment) => moment.type === type)
      .map((moment) => ({ start: moment.start - began, end: moment.end - began, text: named(moment) })),
  })).filter((row) => row.marks.length);
  if (!lines.length && !rows.length) {
    return el('p', { class: 'quiet' }, 'Too little was seen and heard to draw.');
  }
  const said = lines.map((line) => `${line.title}: between ${line.say(Math.min(...line.values))} and ${line.say(Math.max(...line.values))}`);
  const plot = el('div', { class: 'plot' });
  cleanups.push(
    drawTimeline(plot, {
      lines, rows, start: start - began, end: end - began,
      pick: (from, to, text) => dialog.stretch(text, from + began, to + began),
    }),
  );
  return el(
    'figure',
    null,
    el('div', { role: 'img', 'aria-label': `Plots of this answer. ${said.join('. ')}.` }, plot),
    el('figcaption', { class: 'quiet small' }, 'The tinted band is the usual range; gaps are times in which nothing was seen or heard. Choose any place to look at it.'),
  );
}

/** @param {Moment} moment */
function named(moment) {
  const name = MOMENTS[moment.type] ?? moment.type;
  return moment.type === 'hint' ? `${name}: ${moment.detail}` : name;
}

/** The same by keyboard and for a screen reader. @param {Question} question @param {EvidenceDialog} dialog */
function momentList(question, dialog) {
  const moments = question.moments.filter((moment) => moment.type in MOMENTS && !UNLISTED.has(moment.type));
  if (!moments.length) return null;
  /** @type {Map<string, Moment[]>} */
  const kinds = new Map();
  for (const moment of moments) {
    const name = MOMENTS[moment.type];
    kinds.set(name, [...(kinds.get(name) ?? []), moment]);
  }
  return el(
    'details',
    { class: 'no-print' },
    el('summary', null, `Every moment of this answer (${moments.length})`),
    [...kinds].map(([name, some]) => [
      el('h4', null, `${name}: ${plural(some.length, 'time')}`),
      el(
        'ul',
        { class: 'chips' },
        some.map((moment) =>
          el(
            'li',
            null,
            el(
              'button',
              { class: 'chip', type: 'button', on: { click: () => dialog.moment(moment) } },
              dialog.clock(moment.start),
              moment.type === 'hint' ? ` “${moment.detail}”` : null,
              el('span', { class: 'visually-hidden' }, `: ${name}`),
            ),
          ),
        ),
      ),
    ]),
  );
}

/**
 * All measures in a table, each explained on request.
 * @param {Value[]} values
 * @param {number} start
 * @param {number} end
 * @param {Words} words
 * @param {EvidenceDialog} dialog
 */
export function numbers(values, start, end, words, dialog) {
  if (!values.length) return null;
  const heads = ['Measure', 'You', 'Most likely', 'Usual'];
  return el(
    'details',
    null,
    el('summary', null, 'All numbers'),
    el(
      'div',
      { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'All numbers' },
      el(
        'table',
        null,
        el('thead', null, el('tr', null, heads.map((head) => el('th', { scope: 'col' }, head)))),
        el(
          'tbody',
          null,
          values.map((value) =>
            el(
              'tr',
              null,
              el(
                'th',
                { scope: 'row' },
                el(
                  'button',
                  { class: 'link', type: 'button', on: { click: () => dialog.value(value, start, end) } },
                  words.name(value.measure),
                ),
              ),
              el('td', null, value.value === null ? `Not known: ${value.notSeen}` : words.figure(value.measure, value.value)),
              el('td', null, words.between(value.measure, value.low, value.high)),
              el('td', null, words.usual(value.measure)),
            ),
          ),
        ),
      ),
    ),
  );
}
