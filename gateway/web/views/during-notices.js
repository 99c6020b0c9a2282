/** What goes wrong meanwhile, said once, with the way on; over the page, so nothing moves. */

import { el, fill } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { devicePicker, nameOf, refusals } from './device-picker.js';
import { attemptInWords } from './setup-words.js';

/** @typedef {import('../app.js').Context} Context */
/** @typedef {import('../lib/devices.js').Device} Device */
/** @typedef {import('../lib/practice.js').Practice} Practice */

const BACK_MS = 4_000; // "connected again" need not stay

const DEVICES = /** @type {const} */ (['microphone', 'camera']);

/** @type {Record<Device, [string, string]>} */
const MUTED = {
  microphone: ['The microphone is muted.',
    'Unmute it at the headset or in the system’s settings: nothing can be heard now.'],
  camera: ['The camera shows nothing.',
    'A switch at the camera, or the system, has turned it off: nothing can be seen now.'],
};

/**
 * @param {Context} context
 * @param {Practice} practice
 * @param {AbortSignal} signal
 */
export function notices(context, practice, signal) {
  const link = el('div', { role: 'status' });
  const device = el('div', { role: 'alert' });
  const muted = el('div', { role: 'alert' });
  const recording = el('div', { role: 'alert' });
  const place = el('div', { class: 'notices' }, link, device, muted, recording);
  const dialog = el('dialog', { 'aria-labelledby': 'devices-title' });
  place.append(dialog);
  let timer = 0;
  let away = false;
  /** @type {Device | null} */
  let missing = null;
  /** @type {Device | null} at the last look */
  let silent = null;
  /** @type {Device | null} */
  let silentTold = null;

  practice.on('state', signal, tell);
  if (practice.state !== 'connected') tell(practice.state);

  /** @param {import('../lib/practice.js').State} state */
  function tell(state) {
    clearTimeout(timer);
    if (state === 'reconnecting') {
      away = true;
      fill(link, notice('link', 'warn', 'The connection dropped. Reconnecting …',
        'Keep this page open: your interview goes on by itself if that takes less than half ' +
        'a minute.'));
    } else if (state === 'connecting') {
      fill(link, notice('link', '', 'Connecting …', ''));
    } else if (state === 'connected') {
      fill(link, away && notice('check', '', 'Connected again.', 'Go on where you were.'));
      if (away) timer = window.setTimeout(() => fill(link), BACK_MS);
      away = false;
    }
  }

  practice.on('attempt', signal, ({ attempt, refused }) => {
    // Who was connected knows the way to be open: only what the gateway itself says is news.
    if (attempt < 2 || (away && !refused?.status)) return;
    fill(link, notice('link', 'warn', 'Not connected yet.', attemptInWords(refused)));
  });

  practice.on('lost', signal, (detail) => {
    missing = detail;
    const lost = nameOf(detail).toLowerCase();
    const other = detail === 'camera' ? 'microphone' : 'camera';
    const goesOn = practice.devices.track(other)
      ? `Your interview goes on with the ${other} alone.`
      : 'Nothing can be seen or heard now.';
    fill(device, notice(detail, 'warn', `The ${lost} is gone.`, goesOn,
      el('button', { on: { click: choose } }, `Choose another ${lost}`),
      el('button', { class: 'plain', on: { click: () => fill(device) } }, 'Not now')));
  });

  practice.on('recording', signal, () => {
    fill(recording, notice('warn', 'warn', 'The recording can’t be kept.',
      'This browser has no room for it, or can’t record. The interview itself goes on.',
      el('button', { class: 'plain', on: { click: () => fill(recording) } }, 'All right')));
  });
  signal.addEventListener('abort', () => clearTimeout(timer));

  async function choose() {
    const pickers = el('div');
    const close = el('button', { class: 'primary', on: { click: () => dialog.close() } }, 'Done');
    const trouble = el('div', { role: 'alert' });
    fill(dialog, el('h2', { id: 'devices-title' }, 'Choose a camera or microphone'),
      trouble, pickers, close);
    await draw();
    dialog.showModal();
    const shut = new AbortController();
    dialog.addEventListener('close', () => shut.abort(), { signal: shut.signal });
    const shown = { signal: AbortSignal.any([shut.signal, signal]) };
    navigator.mediaDevices?.addEventListener('devicechange', draw, shown);

    async function draw() {
      fill(trouble, refusals(practice, again));
      await devicePicker(pickers, practice, draw);
      const back = missing === null || practice.devices.track(missing) !== null;
      if (back && practice.devices.refused.size === 0) fill(device);
    }
    async function again() {
      await practice.reopen();
      await draw();
    }
  }

  return {
    place,
    /** @param {import('../lib/api.js').ApiProblem} problem */
    refused(problem) {
      fill(device, notice('warn', 'warn', problem.error, problem.whatToDo,
        el('button', { class: 'plain', on: { click: () => fill(device) } }, 'All right')));
    },
    notBack,
    lookForMuted,
  };

  /** After a reload: camera or microphone does not come back. */
  function notBack() {
    const nothing = practice.devices.stream.getTracks().length === 0;
    fill(device, nothing
      ? refusals(practice, () => context.navigate('#/interview'))
      : refusals(practice, again, () => fill(device)));

    async function again() {
      await practice.reopen();
      notBack();
    }
  }

  /**
   * Now and then: the system, or a switch at the device, may mute what is open. Told when it
   * stays so for two looks, for a slow machine's camera may stand still for one.
   */
  function lookForMuted() {
    const before = silent;
    silent = practice.paused || practice.asking
      ? null
      : DEVICES.find((name) => practice.devices.track(name)?.muted) ?? null;
    if (silent !== before || silent === silentTold) return;
    silentTold = silent;
    fill(muted, silent && notice(silent, 'warn', ...MUTED[silent],
      el('button', { class: 'plain', on: { click: () => fill(muted) } }, 'All right')));
  }
}

/**
 * @param {string} name of the icon
 * @param {string} tone
 * @param {string} what
 * @param {string} then
 * @param {...HTMLElement} buttons
 */
function notice(name, tone, what, then, ...buttons) {
  return el('div', { class: `notice ${tone}` }, icon(name),
    el('p', null, el('strong', null, what), ' ', then), buttons);
}
