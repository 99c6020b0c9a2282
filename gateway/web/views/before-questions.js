/** Second step: the questions, and why just these. */

import { ApiProblem } from '../lib/api.js';
import { el, fill } from '../lib/dom.js';

/** @typedef {import('../app.js').Context} Context */
/** @typedef {import('../lib/practice.js').Practice} Practice */

/**
 * @param {HTMLElement} root
 * @param {Context} context
 * @param {Practice} practice
 * @param {{about: () => void, setup: () => void}} steps
 */
export async function questions(root, context, practice, steps) {
  const { camera, microphone } = practice.running.consent;
  const both = camera && microphone;
  const device = both ? 'camera and microphone' : camera ? 'the camera' : 'the microphone';
  fill(
    root,
    el('h1', null, 'Your questions'),
    el(
      'p',
      { class: 'lede' },
      'Read them now, or don’t and be surprised. You can pause, or answer one again, at any time.',
    ),
    el(
      'ol',
      { class: 'questions' },
      practice.questions.map((question) =>
        el(
          'li',
          { class: 'card' },
          el('h2', null, question.text),
          el('p', { class: 'quiet' }, question.why),
          el('p', { class: 'quiet small' }, lengthInWords(question.seconds)),
        ),
      ),
    ),
    el(
      'div',
      { class: 'row' },
      el('button', { class: 'primary', on: { click: steps.setup } }, `Set up ${device}`),
      el('button', { class: 'plain', on: { click: () => startOver(context, practice, steps) } },
        'Change my choices'),
    ),
  );
}

/**
 * Back to the choices: the session that was made for them is removed everywhere.
 * @param {Context} context
 * @param {Practice} practice
 * @param {{about: () => void, setup: () => void}} steps
 */
export async function startOver(context, practice, steps) {
  if (!(await practice.lock.take())) {
    steps.setup(); // another tab has begun it, which is told there
    return;
  }
  await context.api.eraseSession(practice.id).catch((problem) => {
    // One that is left over ends by itself, empty.
    if (!(problem instanceof ApiProblem)) throw problem;
  });
  practice.close();
  context.store.running = null;
  steps.about();
}

/** @param {number} seconds */
export function lengthInWords(seconds) {
  const halves = Math.max(1, Math.round(seconds / 30));
  if (halves === 1) return 'Half a minute is a good length.';
  if (halves === 2) return 'About a minute is a good length.';
  const minutes = Math.floor(halves / 2);
  return `About ${minutes}${halves % 2 ? '½' : ''} minutes is a good length.`;
}
