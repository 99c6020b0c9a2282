/** What was heard, as it is heard. */

import { el, fill } from '../lib/dom.js';

/** @typedef {import('../lib/practice.js').Practice} Practice */

const KEPT = 3; // utterances: more than fit are cut off at the top

/**
 * @param {Practice} practice
 * @param {AbortSignal} signal
 */
export function captions(practice, signal) {
  const text = el('p', null);
  // Not a live region: a screen reader would talk over the candidate.
  const place = el('div', { class: 'captions', 'aria-label': 'Captions', role: 'group' },
    el('div', { class: 'captions-lines' }, text));
  /** @type {Map<number, string>} */
  let utterances = new Map();

  function draw() {
    const spoken = [...utterances.values()].filter(Boolean).join(' ');
    fill(text, spoken || el('span', { class: 'quiet' }, 'What you say appears here.'));
  }

  practice.on('caption', signal, (detail) => {
    utterances.set(detail.utterance, detail.text);
    utterances = new Map([...utterances].slice(-KEPT));
    draw();
  });
  draw();
  return {
    place,
    clear() {
      utterances.clear();
      draw();
    },
  };
}
