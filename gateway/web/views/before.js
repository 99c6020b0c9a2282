/** Before the interview: about the candidate, the questions, camera and sound. */

import { ApiProblem } from '../lib/api.js';
import { el, fill } from '../lib/dom.js';
import { underWay } from '../lib/practice.js';
import { about, problemNotice } from './before-about.js';
import { questions } from './before-questions.js';
import { setup } from './before-setup.js';
import { elsewhere } from './elsewhere.js';

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
        if (!(await practice.lock.take())) return takenElsewhere(place, context);
        return setup(place, context, practice, steps);
      }),
  };

  const practice = underWay(api, store);
  if (practice?.question) {
    await to(async (place) => unfinished(place, context, practice, steps.about), true);
  } else if (practice) {
    await steps.setup();
  } else {
    await to((place) => about(place, context, steps.questions), true);
  }
  return () => leave?.();
}

/** @param {HTMLElement} root @param {Context} context */
function takenElsewhere(root, context) {
  fill(root, elsewhere(context, 'Your interview is open in another tab', '#/'));
}

/**
 * @param {HTMLElement} root
 * @param {Context} context
 * @param {import('../lib/practice.js').Practice} practice
 * @param {() => void} anew
 * @returns {Cleanup}
 */
function unfinished(root, context, practice, anew) {
  const left = new AbortController();
  const { signal } = left;
  const asked = `question ${practice.running.index + 1} of ${practice.questions.length}`;
  const trouble = el('div', { role: 'alert' });
  const place = el('div', { class: 'row' });
  const choices = [
    el('a', { class: 'button primary', href: '#/interview' }, 'Go on with the interview'),
    el('button', { on: { click: () => end(() => context.navigate(`#/report/${practice.id}`)) } },
      'End it and see the report'),
    el('button', { class: 'plain', on: { click: () => end(anew) } }, 'Start a new practice'),
  ];
  fill(place, choices);
  fill(
    root,
    el(
      'section',
      { class: 'card' },
      el('h1', null, 'Your interview is not finished'),
      el('p', null, `You were at ${asked}. If it is open in no other tab, Greenroom waits a ` +
        'while for you, mostly half a minute, and then ends the interview. Your report keeps what ' +
        'you said until you left.'),
      trouble,
      place,
    ),
  );
  practice.on('waiting', signal, (problem) => fill(trouble, problemNotice(
    problem.error, 'Greenroom keeps trying, as long as this page is shown.')));

  /** @param {() => void} then */
  async function end(then) {
    fill(trouble);
    fill(place, el('p', { role: 'status' }, 'Finishing …'));
    // It may go on in another tab, where nobody has asked for its end.
    if (!(await practice.lock.take())) {
      takenElsewhere(root, context);
      return;
    }
    try {
      await practice.end();
      if (!signal.aborted) then();
    } catch (problem) {
      if (!(problem instanceof ApiProblem)) throw problem;
      fill(trouble, problemNotice(problem.error, problem.whatToDo));
      fill(place, choices);
    }
  }

  return () => {
    left.abort();
    practice.close();
  };
}
