/** Choosing a camera and a microphone, and what to do when there is none. */

import { el, fill } from '../lib/dom.js';
import { icon } from '../lib/icons.js';

/** @typedef {import('../lib/devices.js').Device} Device */
/** @typedef {import('../lib/practice.js').Practice} Practice */

/**
 * Fills `place` with one list for each device that was agreed to.
 * @param {HTMLElement} place
 * @param {Practice} practice
 * @param {() => void} changed
 */
export async function devicePicker(place, practice, changed) {
  const fields = [];
  for (const device of /** @type {Device[]} */ (['camera', 'microphone'])) {
    if (!practice.running.consent[device]) continue;
    const infos = await practice.devices.list(device);
    if (infos.length === 0) continue;
    const used = practice.devices.track(device)?.getSettings().deviceId;
    const select = el(
      'select',
      {
        id: `pick-${device}`,
        on: {
          change: async () => {
            await practice.choose(device, select.value);
            changed();
          },
        },
      },
      used === undefined && el('option', { value: '', selected: true }, 'Choose …'),
      infos.map((info, index) =>
        el('option', { value: info.deviceId, selected: info.deviceId === used },
          info.label || `${nameOf(device)} ${index + 1}`)),
    );
    fields.push(
      el('div', { class: 'field' }, el('label', { for: select.id }, nameOf(device)), select),
    );
  }
  const focused = document.activeElement?.id;
  fill(place, fields);
  // Who chose by keyboard is where they were.
  const again = fields.map((field) => field.querySelector('select'));
  again.find((select) => select?.id === focused)?.focus();
}

/**
 * What could not be opened, in words, with the way on.
 * @param {Practice} practice
 * @param {() => void} again
 * @param {(() => void) | null} [later] where it can be put off
 */
export function refusals(practice, again, later = null) {
  return [...practice.devices.refused.values()].map((refusal) =>
    el(
      'div',
      { class: 'notice warn' },
      icon(refusal.device),
      el('p', null, el('strong', null, refusal.text), ' ', refusal.whatToDo),
      el('button', { on: { click: again } }, 'Try again'),
      later && el('button', { class: 'plain', on: { click: later } }, 'Not now'),
    ),
  );
}

/** @param {Device} device */
export function nameOf(device) {
  return device === 'camera' ? 'Camera' : 'Microphone';
}
