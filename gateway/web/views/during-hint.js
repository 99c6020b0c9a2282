/** The place of the one hint: always there, so that nothing moves when a hint comes. */

import { ApiProblem } from '../lib/api.js';
import { el, fill } from '../lib/dom.js';
import { icon } from '../lib/icons.js';

/** @typedef {import('../lib/practice.js').Practice} Practice */

/**
 * @param {Practice} practice
 * @param {AbortSignal} signal
 */
export function hintPlace(practice, signal) {
  // A polite live region: a screen reader says the hint when the candidate draws breath.
  const region = el('div', { role: 'status', 'aria-live': 'polite' });
  const place = el('div', { class: 'hint-place' }, region);
  let timer = 0;
  let wanted = practice.running.liveHints;

  practice.on('hint', signal, ({ message, arrivedAt }) => {
    if (!wanted) return;
    const kind = message.positive ? 'hint positive' : 'hint';
    fill(region, el('p', { class: kind }, icon(message.icon), message.text));
    clearTimeout(timer);
    timer = window.setTimeout(() => fill(region), message.show_ms);
    afterPaint(() => {
      const latencyMs = performance.now() - arrivedAt;
      place.dataset.latency = latencyMs.toFixed(1);
      practice.api.hintShown(practice.id, message.id, latencyMs).catch((problem) => {
        // It was shown all the same; the network will be back.
        if (!(problem instanceof ApiProblem)) throw problem;
      });
    });
  });
  signal.addEventListener('abort', () => clearTimeout(timer));

  return {
    place,
    /** @param {boolean} on */
    show(on) {
      wanted = on;
      if (!on) fill(region);
    },
    /** @param {boolean} paused */
    paused(paused) {
      clearTimeout(timer);
      fill(region, paused && el('p', { class: 'resting' }, icon('pause'),
        'Paused. Nothing is seen or heard until you go on.'));
    },
  };
}

/**
 * When the next frame is on its way to the screen.
 * @param {() => void} then
 */
function afterPaint(then) {
  requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      then();
    };
    port2.postMessage(null);
  });
}
