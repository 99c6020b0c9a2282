/**
 * After: the report of one practice.
 * @module
 */

import { ApiProblem } from '../lib/api.js';
import { el, fill } from '../lib/dom.js';
import { Words, day, plural, spell } from '../lib/words.js';
import { readReport } from './report-data.js';
import { EvidenceDialog, called } from './report-evidence.js';
import { Player } from './report-player.js';
import { claimItem, numbers, questionSection, scoreCards, scoreNote } from './report-question.js';
import { save } from './report-save.js';

/** @typedef {import('../app.js').Context} Context */
/** @typedef {import('./report-data.js').Report} Report */
/** @typedef {import('./report-question.js').Parts} Parts */

/** A screen of claims can be read; a list of them can't. */
const MOST_CLAIMS = 2;

const TOO_LITTLE = 'Too little was seen and heard to say.';

/**
 * @param {HTMLElement} root
 * @param {Context} context
 * @param {string[]} params the session's id
 * @returns {Promise<() => void>}
 */
export async function show(root, context, [id]) {
  fill(root, writing());
  let json, measures;
  try {
    [json, measures] = await Promise.all([context.api.report(id), context.api.measures()]);
  } catch (problem) {
    if (!(problem instanceof ApiProblem)) throw problem;
    fill(root, missing(problem, () => void context.navigate(`#/report/${id}`)));
    return () => undefined;
  }
  const report = readReport(json, measures);
  const words = new Words(measures);
  const recording = await context.store.recording(id).catch((error) => {
    console.error(error); // a browser may refuse to keep anything: the report stands without
    return [];
  });
  const player = recording.length ? new Player(recording, report) : null;
  const dialog = new EvidenceDialog(report, words, player);
  /** @type {Parts} */
  const parts = { report, words, dialog, cleanups: [] };
  fill(
    root,
    el('header', { class: 'report-head' }, heading(report), actions(json, report, context)),
    el(
      'div',
      { class: 'report-columns' },
      el(
        'div',
        { class: 'report-main' },
        summary(parts),
        notSeen(report),
        overall(parts),
        report.questions.map((question, index) => questionSection(question, headingId(index), parts)),
      ),
      talk(report),
    ),
    dialog.element,
  );
  context.announce('Your report is here.');
  const endPrinting = printed(root);
  return () => {
    endPrinting();
    player?.close();
    for (const cleanup of parts.cleanups) cleanup();
  };
}

function writing() {
  return el(
    'section',
    { class: 'card', 'aria-busy': 'true' },
    el('h1', null, 'Your report is being written'),
    el('p', { class: 'quiet', role: 'status' }, 'This takes a few seconds. Well done for practising.'),
  );
}

/** @param {ApiProblem} problem @param {() => void} again */
function missing(problem, again) {
  const gone = problem.status === 401 || problem.status === 403 || problem.status === 404;
  return el(
    'section',
    { class: 'card', role: 'alert' },
    el('h1', null, gone ? 'This report isn’t here' : 'The report can’t be shown just now'),
    el('p', null, gone ? 'It was erased, or it belongs to another browser.' : `${problem.error} ${problem.whatToDo}`),
    el(
      'div',
      { class: 'row' },
      gone ? null : el('button', { class: 'primary', type: 'button', on: { click: again } }, 'Try again'),
      el('a', { class: 'button', href: '#/progress' }, 'See your practices'),
    ),
  );
}

/** @param {Report} report */
function heading(report) {
  const answers = plural(report.questions.length, 'answer');
  return el(
    'div',
    null,
    el('h1', null, 'Your practice'),
    el('p', { class: 'lede' }, `${day(report.startedMs)} · ${answers} · ${spell(report.practised)}`),
  );
}

/** @param {any} json @param {Report} report @param {Context} context */
function actions(json, report, { api, announce }) {
  const name = `greenroom-${new Date(report.startedMs).toISOString().slice(0, 10)}`;
  const asJson = () => save(`${name}.json`, new Blob([JSON.stringify(json, null, 1)], { type: 'application/json' }));
  const asPage = async () => {
    try {
      save(`${name}.html`, new Blob([await api.reportHtml(report.id)], { type: 'text/html' }));
    } catch (problem) {
      if (!(problem instanceof ApiProblem)) throw problem;
      announce(`${problem.error} ${problem.whatToDo}`);
    }
  };
  return el(
    'div',
    { class: 'row no-print' },
    el('button', { type: 'button', on: { click: () => window.print() } }, 'Print'),
    el('button', { type: 'button', on: { click: asPage } }, 'Save as a page'),
    el('button', { type: 'button', on: { click: asJson } }, 'Save the data'),
  );
}

/** @param {Parts} parts */
function summary({ report, words, dialog }) {
  const [next] = report.suggestions;
  const seen = report.values.some(({ measure, value }) => value !== null && words.usual(measure));
  /** @param {import('./report-data.js').Claim[]} claims @param {string} none */
  const list = (claims, none) =>
    claims.length
      ? el('ul', { class: 'claims' }, claims.slice(0, MOST_CLAIMS).map((claim) => claimItem(claim, dialog)))
      : el('p', { class: 'quiet' }, none);
  return el(
    'section',
    { class: 'summary', 'aria-labelledby': 'summary-title' },
    el('h2', { id: 'summary-title', class: 'visually-hidden' }, 'In short'),
    el(
      'div',
      { class: 'card good' },
      el('h3', null, 'What went well'),
      list(report.strengths, seen ? 'Nothing lay clearly within what is usual this time.' : `${TOO_LITTLE} A longer practice will tell more.`),
    ),
    el(
      'div',
      { class: 'card work' },
      el('h3', null, 'What to work on'),
      list(report.weaknesses, seen ? 'Nothing stood out.' : TOO_LITTLE),
    ),
    next
      ? el(
          'div',
          { class: 'card next' },
          el('h3', null, 'Practise this next'),
          el('p', { class: 'next-text' }, next.text),
          el('p', null, next.drill),
          el('a', { class: 'button primary no-print', href: '#/' }, 'Practise again'),
        )
      : null,
    el(
      'div',
      { class: 'card spent' },
      el('h3', null, 'Your time'),
      report.time.length
        ? el('ul', { class: 'claims' }, report.time.map((claim) => el('li', null, claim.text)))
        : el('p', { class: 'quiet' }, 'No question was asked.'),
    ),
  );
}

/** @param {Report} report */
function notSeen(report) {
  if (!report.notSeen.length) return null;
  return el(
    'section',
    { class: 'card', 'aria-labelledby': 'not-seen-title' },
    el('h2', { id: 'not-seen-title' }, 'What was not seen or heard'),
    el('ul', null, report.notSeen.map((note) => el('li', null, note))),
  );
}

/** @param {Parts} parts */
function overall({ report, words, dialog }) {
  const whole = report.questions;
  if (whole.length === 1) return null; // its own section says it all
  const start = whole[0]?.start ?? 0;
  return el(
    'section',
    { class: 'card', 'aria-labelledby': 'overall-title' },
    el('h2', { id: 'overall-title' }, 'The whole practice'),
    scoreNote(),
    scoreCards(report.scores, report.values, words, dialog),
    numbers(report.values, start, report.duration, words, dialog),
    whole.length > 1
      ? el(
          'nav',
          { class: 'jump no-print', 'aria-label': 'Questions' },
          el('h3', null, 'Your answers'),
          el('ol', null, whole.map((question, index) =>
            el('li', { value: question.number }, jump(question, headingId(index))))),
        )
      : null,
  );
}

/** @param {number} index of the answer */
function headingId(index) {
  return `answer-${index + 1}`;
}

/** @param {import('./report-data.js').Question} question @param {string} id of its heading */
function jump(question, id) {
  const go = () => {
    const heading = document.getElementById(id);
    heading?.scrollIntoView();
    heading?.focus({ preventScroll: true });
  };
  return el('button', { class: 'link', type: 'button', on: { click: go } },
    question.text || called(question), question.text && question.attempt ? ' (again)' : null);
}

/** The interview goes on: with somebody, or aloud alone. @param {Report} report */
function talk({ questions }) {
  const next = questions.filter(({ attempt }) => !attempt).flatMap((question) =>
    question.followUps.map((text) => el('li', null, el('span', { class: 'eyebrow' }, called(question)), text)),
  );
  if (!next.length) return null;
  return el(
    'aside',
    { class: 'card talk no-print', 'aria-labelledby': 'talk-title', tabindex: '0' },
    el('h2', { id: 'talk-title' }, 'Talk it over'),
    el('p', { class: 'quiet' }, 'An interviewer may ask next. Answer aloud, or let somebody ask you:'),
    el('ul', null, next),
  );
}

/** Paper has no folds: all details are open while printing. @param {HTMLElement} root */
function printed(root) {
  /** @type {HTMLDetailsElement[]} */
  let opened = [];
  const open = () => {
    opened = [...root.querySelectorAll('details')].filter((details) => !details.open);
    for (const details of opened) details.open = true;
  };
  const close = () => {
    for (const details of opened) details.open = false;
    opened = [];
  };
  addEventListener('beforeprint', open);
  addEventListener('afterprint', close);
  return () => {
    removeEventListener('beforeprint', open);
    removeEventListener('afterprint', close);
  };
}
