/** Before the interview: about the candidate, the questions, camera and sound. */

import { el, fill } from '../lib/dom.js';
import { underWay } from '../lib/practice.js';
import { about } from './before-about.js';
import { questions } from './before-questions.js';
import { setup } from './before-setup.js';

/** @typedef {import('../app.js').Context} Context */
/** @typedef {import('../app.js').Cleanup} Cleanup */

/**
 * @param {HTMLElement} root
 * @param {Context} context
 * @returns {Promise<Cleanup>}
 */
export async function show(root, context) {
  const { api, store } = context;
  /** @type {Cleanup | void} */
  let leave;

  /**
   * @param {(root: HTMLElement) => Promise<Cleanup | void>} step
   * @param {boolean} [arriving] the router looks after the focus then
   */
  async function to(step, arriving = false) {
    leave?.();
    const place = el('div');
    fill(root, place);
    leave = await step(place);
    if (arriving) return;
    const heading = place.querySelector('h1');
    heading?.setAttribute('tabindex', '-1');
    heading?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }

  const steps = {
    about: () => to((place) => about(place, context, steps.questions)),
    questions: () =>
      to((place) => {
        const practice = underWay(api, store);
        if (practice === null) return about(place, context, steps.questions);
        return questions(place, context, practice, steps);
      }),
    setup: () =>
      to(async (place) => {
        const practice = underWay(api, store);
        if (practice === null) return about(place, context, steps.questions);
        if (!(await practice.lock.take())) return elsewhere(place);
        return setup(place, context, practice, steps);
      }),
  };

  /** @param {HTMLElement} place */
  async function elsewhere(place) {
    fill(
      place,
      el(
        'section',
        { class: 'card' },
        el('h1', null, 'Your interview is open in another tab'),
        el('p', null, 'Go on in that tab, or take it over here: the other one then stops.'),
        el(
          'div',
          { class: 'row' },
          el('button', { class: 'primary', on: { click: takeOver } }, 'Take over here'),
        ),
      ),
    );
  }

  async function takeOver() {
    await underWay(api, store)?.lock.take(true);
    await steps.setup();
  }

  const practice = underWay(api, store);
  if (practice?.question) {
    fill(root, unfinished(context, practice, steps.about));
  } else if (practice) {
    await steps.setup();
  } else {
    await to((place) => about(place, context, steps.questions), true);
  }
  return () => leave?.();
}

/**
 * @param {Context} context
 * @param {import('../lib/practice.js').Practice} practice
 * @param {() => void} anew
 */
function unfinished(context, practice, anew) {
  const asked = `question ${practice.running.index + 1} of ${practice.questions.length}`;

  async function end() {
    const { id } = practice;
    await practice.end();
    context.navigate(`#/report/${id}`);
  }

  return el(
    'section',
    { class: 'card' },
    el('h1', null, 'Your interview is not finished'),
    el('p', null, `You were at ${asked}. Nothing is lost: go on where you were.`),
    el(
      'div',
      { class: 'row' },
      el('a', { class: 'button primary', href: '#/interview' }, 'Go on with the interview'),
      el('button', { on: { click: end } }, 'End it and see the report'),
      el(
        'button',
        {
          class: 'plain',
          on: {
            click: async () => {
              await practice.end();
              anew();
            },
          },
        },
        'Start a new practice',
      ),
    ),
  );
}
