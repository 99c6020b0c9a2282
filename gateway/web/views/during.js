/** The interview itself: one question at a time, and little else. */

import { ApiProblem } from '../lib/api.js';
import { el, fill } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { underWay } from '../lib/practice.js';
import { speak } from '../lib/speech.js';
import { clock } from '../lib/time.js';
import { lengthInWords } from './before-questions.js';
import { captions } from './during-captions.js';
import { hintPlace } from './during-hint.js';
import { notices } from './during-notices.js';
import { elsewhere } from './elsewhere.js';

/** @typedef {import('../app.js').Context} Context */
/** @typedef {import('../app.js').Cleanup} Cleanup */
/** @typedef {import('../lib/practice.js').Practice} Practice */

const TICK_MS = 1_000;

/**
 * @param {HTMLElement} root
 * @param {Context} context
 * @returns {Promise<Cleanup | void>}
 */
export async function show(root, context) {
  const practice = underWay(context.api, context.store);
  if (practice === null) {
    location.replace('#/'); // who came back from the report gets back further
    return undefined;
  }
  if (!(await practice.lock.take())) {
    takenElsewhere(root, context);
    return undefined;
  }
  return interview(root, context, practice);
}

/**
 * @param {HTMLElement} root
 * @param {Context} context
 * @param {Practice} practice
 * @returns {Promise<Cleanup>}
 */
async function interview(root, context, practice) {
  const left = new AbortController();
  const { signal } = left;
  const { store } = context;
  let reading = new AbortController();
  let resting = false;

  const count = el('p', { class: 'quiet count' });
  const question = el('h1', { tabindex: '-1', class: 'question' });
  const length = el('p', { class: 'quiet small' });
  const time = el('span', { class: 'time', role: 'timer', 'aria-label': 'Time on this question' });
  const hint = hintPlace(practice, signal);
  const words = captions(practice, signal);
  const message = notices(context, practice, signal);
  const video = el('video', { class: 'mirrored', playsinline: true, autoplay: true,
    'aria-label': 'Your own picture' });
  video.muted = true;
  const self = el('div', { class: 'self' }, video);
  const next = el('button', { class: 'primary', on: { click: onNext } });
  const redo = el('button', { on: { click: onRedo } }, icon('again'), 'Answer again');
  const pause = el('button', { on: { click: onPause } });
  const end = el('button', { class: 'plain', on: { click: () => dialog.showModal() } }, 'End now');
  const dialog = endDialog(finish);
  const controls = [next, redo, pause];

  fill(
    root,
    el(
      'div',
      { class: 'interview' },
      message.place,
      el(
        'section',
        { class: 'card asked', 'aria-label': 'The question' },
        el('div', { class: 'row between' }, count, time),
        question,
        length,
      ),
      hint.place,
      el('div', { class: 'aside' }, self, words.place),
      el('div', { class: 'controls', role: 'group', 'aria-label': 'Interview' },
        next, redo, pause, end),
      el(
        'div',
        { class: 'switches', role: 'group', 'aria-label': 'Show' },
        toggle('My picture', 'showSelf', true, (on) => (self.hidden = !on)),
        toggle('Captions', 'showCaptions', true, (on) => (words.place.hidden = !on)),
        practice.running.liveHints && toggle('Hints', 'showHints', true, hint.show),
        toggle('Read aloud', 'readAloud', practice.running.readAloud, (on) => {
          if (!on) reading.abort();
        }),
      ),
      dialog,
    ),
  );

  // --- what is asked

  /**
   * @param {number} index
   * @param {number} attempt
   */
  async function ask(index, attempt) {
    busy(true);
    const asked = practice.questions[index];
    draw(index);
    question.focus({ preventScroll: true });
    reading = new AbortController();
    const heard = AbortSignal.any([reading.signal, signal]);
    // The answer's time begins when the question has been heard.
    const read = store.preferences.readAloud ? () => speak(asked.text, heard) : null;
    await tried(() => practice.ask(index, attempt, read));
    if (signal.aborted) return;
    if (practice.running.index !== index) draw(Math.max(0, practice.running.index)); // refused
    words.clear();
    busy(false);
  }

  /**
   * What the gateway refuses is said; that the interview is over is shown already.
   * @param {() => Promise<void>} request
   */
  async function tried(request) {
    try {
      await request();
    } catch (problem) {
      if (!(problem instanceof ApiProblem)) throw problem;
      if (practice.state !== 'over') message.refused(problem);
    }
  }

  /** @param {number} index */
  function draw(index) {
    const asked = practice.questions[index];
    const last = index === practice.questions.length - 1;
    fill(count, `Question ${index + 1} of ${practice.questions.length}`);
    fill(question, asked.text);
    fill(length, lengthInWords(asked.seconds));
    fill(next, last ? 'Finish and see my report' : 'Next question', icon('next'));
    drawPause();
  }

  function drawPause() {
    const { paused } = practice;
    fill(pause, icon(paused ? 'play' : 'pause'), paused ? 'Go on' : 'Pause');
    root.classList.toggle('paused', paused);
    next.disabled = redo.disabled = paused;
    if (paused !== resting) hint.paused(paused);
    resting = paused;
  }

  /** @param {boolean} on */
  function busy(on) {
    for (const control of controls) control.disabled = on;
    if (!on) drawPause();
  }

  async function onNext() {
    const index = practice.running.index + 1;
    if (index < practice.questions.length) await ask(index, 0);
    else await finish();
  }

  async function onRedo() {
    const { index, attempt } = practice.running;
    await ask(index, attempt + 1);
  }

  async function onPause() {
    pause.disabled = true;
    reading.abort();
    const done = tried(() => (practice.paused ? practice.resume() : practice.pause()));
    drawPause(); // a pause begins here, also while the network is away
    await done;
    pause.disabled = false;
    drawPause();
    pause.focus();
  }

  async function finish() {
    busy(true);
    end.disabled = true;
    fill(next, 'Finishing …');
    await tried(() => practice.end());
    if (practice.state === 'over') return;
    draw(Math.max(0, practice.running.index));
    busy(false);
    end.disabled = false;
  }

  // --- what happens meanwhile

  function look() {
    const camera = practice.devices.track('camera');
    video.srcObject = camera ? new MediaStream([camera]) : null;
    self.classList.toggle('none', !camera);
  }

  practice.on('state', signal, (state) => {
    if (state === 'over' && practice.problem) fill(root, ended(practice));
    else if (state === 'over') context.navigate(`#/report/${practice.id}`);
    else if (state === 'moved') takenElsewhere(root, context);
    if (state === 'over' || state === 'moved') root.querySelector('h1')?.focus();
  });
  practice.on('devices', signal, look);
  practice.on('lost', signal, look);
  const timer = setInterval(tick, TICK_MS);
  function tick() {
    if (practice.question) fill(time, clock(practice.answeringMs));
    message.lookForMuted();
  }

  void begin();
  async function begin() {
    const { index } = practice.running;
    draw(Math.max(0, index));
    tick();
    busy(true);
    if (practice.state === 'idle') {
      const told = practice.devices.refused.size > 0; // at the set-up
      await practice.open();
      if (signal.aborted) return;
      look();
      const nothing = practice.devices.stream.getTracks().length === 0;
      if (nothing || !told) message.notBack();
      if (nothing) return;
    }
    look();
    // Nothing is asked before somebody can hear the answer.
    await practice.connect();
    if (signal.aborted || practice.state === 'over') return;
    if (index < 0) await ask(0, 0);
    else busy(false);
  }

  return () => {
    left.abort();
    reading.abort();
    clearInterval(timer);
    practice.close();
  };

  /**
   * A switch that is remembered.
   * @param {string} label
   * @param {string} name of the preference
   * @param {boolean} usual
   * @param {(on: boolean) => void} apply
   */
  function toggle(label, name, usual, apply) {
    let on = store.preferences[name] ?? usual;
    const button = el('button', { class: 'switch', 'aria-pressed': String(on), on: { click } }, label);
    function click() {
      on = !on;
      button.setAttribute('aria-pressed', String(on));
      store.prefer({ [name]: on });
      apply(on);
    }
    apply(on);
    return button;
  }
}

/** @param {() => void} end */
function endDialog(end) {
  const dialog = el(
    'dialog',
    { 'aria-labelledby': 'end-title' },
    el('h2', { id: 'end-title' }, 'End the interview now?'),
    el('p', null, 'Your report will cover what you have answered so far.'),
    el(
      'form',
      { method: 'dialog', class: 'row' },
      el('button', { class: 'primary' }, 'Keep going'),
      el('button', { value: 'end' }, 'End and see the report'),
    ),
  );
  dialog.addEventListener('close', () => {
    if (dialog.returnValue === 'end') end();
  });
  return dialog;
}

/** @param {HTMLElement} root @param {Context} context */
function takenElsewhere(root, context) {
  fill(root, elsewhere(context, 'Your interview runs in another tab', '#/interview'));
}

/** @param {Practice} practice */
function ended(practice) {
  return el(
    'section',
    { class: 'card' },
    el('h1', { tabindex: '-1' }, 'The interview has ended'),
    el('p', null, `${practice.problem?.error} Your report covers what you answered until then.`),
    el(
      'div',
      { class: 'row' },
      el('a', { class: 'button primary', href: `#/report/${practice.id}` }, 'See the report'),
      el('a', { class: 'button', href: '#/' }, 'Start a new practice'),
    ),
  );
}
