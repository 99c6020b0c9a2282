/** Third step: camera and microphone, the connection, and where the camera is. */

import { LevelMeter } from '../lib/devices.js';
import { el, fill, svg } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { startOver } from './before-questions.js';
import { devicePicker, refusals } from './device-picker.js';
import { attemptInWords, linkInFigures, linkInWords, pictureInWords, soundInWords } from './setup-words.js';

/** @typedef {import('../app.js').Context} Context */
/** @typedef {import('../app.js').Cleanup} Cleanup */
/** @typedef {import('../lib/practice.js').Practice} Practice */
/** @typedef {import('./setup-words.js').Finding} Finding */

const LINK_MS = 1_000;
const CALIBRATION_MS = 10_000; // as the face service takes at most
const CALIBRATION_PATIENCE_MS = 15_000;
const TICK_MS = 100;
const RING = 2 * Math.PI * 20;

/**
 * @param {HTMLElement} root
 * @param {Context} context
 * @param {Practice} practice
 * @param {{about: () => void, setup: () => void}} steps
 * @returns {Promise<Cleanup>}
 */
export async function setup(root, context, practice, steps) {
  const left = new AbortController();
  const { signal } = left;
  const { consent } = practice.running;
  const { devices } = practice;

  const video = el('video', { class: 'mirrored', playsinline: true, autoplay: true,
    'aria-label': 'Your own picture' });
  video.muted = true;
  const preview = el('div', { class: 'preview' }, video, el('div', { class: 'oval' }));
  const level = el('div', { class: 'level-bar' });
  const meter = el(
    'div',
    { class: 'level', role: 'meter', 'aria-label': 'Microphone level', 'aria-valuemin': 0,
      'aria-valuemax': 100, 'aria-valuenow': 0 },
    level,
  );
  const trouble = el('div', { role: 'alert' });
  const pickers = el('div', { class: 'columns' });
  const rows = {
    link: checkRow('link', 'Connection'),
    picture: checkRow('camera', 'Picture'),
    sound: checkRow('microphone', 'Sound'),
    eyes: checkRow('eye', 'Eye contact'),
  };
  const list = el('ul', { class: 'checks' });
  const ring = calibrationRing();
  const check = el('button', { class: 'primary', on: { click: begin } }, 'Start the check');
  const start = el('button', { on: { click: go } }, 'Start the interview');
  const figures = el('p', { class: 'quiet' }, 'Not connected yet.');
  const advice = el('p', { class: 'quiet' });
  /** @type {LevelMeter | null} */
  let ear = null;
  let calibrated = false;

  fill(
    root,
    el('h1', null, 'See and hear yourself first'),
    trouble,
    el(
      'div',
      { class: 'setup' },
      el('section', { class: 'card', 'aria-label': 'Your camera and microphone' },
        preview, meter, pickers),
      el(
        'section',
        { class: 'card', 'aria-label': 'Check' },
        el('h2', null, 'A short check'),
        advice,
        list,
        el('div', { class: 'row' }, check, start),
        el('details', { class: 'small figures' }, el('summary', null, 'The connection in figures'),
          figures),
      ),
    ),
    el('button', { class: 'plain', on: { click: () => startOver(context, practice, steps) } },
      'Change my choices'),
  );

  function draw() {
    const camera = devices.track('camera');
    const microphone = devices.track('microphone');
    fill(trouble, refusals(practice, again));
    preview.hidden = !camera;
    video.srcObject = camera ? new MediaStream([camera]) : null;
    meter.hidden = !microphone;
    ear?.stop();
    ear = microphone ? new LevelMeter(new MediaStream([microphone]), hear) : null;
    fill(list, rows.link.item, camera && rows.picture.item, microphone && rows.sound.item,
      camera && rows.eyes.item);
    const ready = camera !== null || microphone !== null;
    check.disabled = start.disabled = !ready;
    const look = camera ? 'look into the camera’s lens' : '';
    const speak = microphone ? 'say a sentence or two' : '';
    const what = [look, speak].filter(Boolean).join(' and ');
    fill(advice, ready
      ? `It takes about ten seconds: ${what}. Greenroom learns what is usual for you.`
      : 'Greenroom needs a camera or a microphone to go on.');
    devicePicker(pickers, practice, draw);
  }

  /** @param {number} value */
  function hear(value) {
    level.style.setProperty('--level', String(value));
    meter.setAttribute('aria-valuenow', String(Math.round(100 * value)));
  }

  async function again() {
    await practice.open();
    draw();
  }

  // --- the check

  async function begin() {
    check.hidden = true;
    start.classList.add('primary');
    rows.link.show({ good: null, text: 'Connecting …' });
    const camera = devices.track('camera');
    if (camera) {
      rows.picture.show({ good: null, text: 'Looking …' });
      rows.eyes.show({ good: null, text: 'Look into the lens, until the circle is full.' });
      rows.eyes.place.append(ring.drawing);
    }
    if (devices.track('microphone')) {
      rows.sound.show({ good: null, text: 'Say a sentence or two …' });
    }
    await practice.connect();
    const since = Date.now();
    const timer = setInterval(() => {
      const share = calibrated ? 1 : Math.min(0.97, (Date.now() - since) / CALIBRATION_MS);
      ring.fill(share);
      const late = !calibrated && Date.now() - since > CALIBRATION_PATIENCE_MS;
      if (late && camera) {
        rows.eyes.show({
          good: false,
          text: 'Not learned yet. Greenroom goes on learning while you speak.',
        });
      }
      if (calibrated || late) clearInterval(timer);
    }, TICK_MS);
    signal.addEventListener('abort', () => clearInterval(timer));
  }

  async function link() {
    const stats = await practice.link.stats();
    if (stats === null) return;
    fill(figures, linkInFigures(stats));
    if (practice.state === 'connected') rows.link.show(linkInWords(stats));
  }

  practice.on('picture', signal, (detail) => {
    rows.picture.show(pictureInWords(detail));
    if (detail.calibrated && !calibrated) {
      calibrated = true;
      rows.eyes.show({ good: true, text: 'Learned where your camera is.' });
    }
  });
  practice.on('sound', signal, (detail) => {
    const finding = soundInWords(detail, rows.sound.good === true);
    if (finding) rows.sound.show(finding);
  });
  practice.on('level', signal, (detail) => {
    const finding = soundInWords(detail, false);
    if (finding) rows.sound.show(finding);
  });
  practice.on('attempt', signal, ({ attempt, refused }) => {
    if (attempt < 2) return;
    rows.link.show({ good: false, text: attemptInWords(refused) });
  });
  practice.on('lost', signal, draw);
  practice.on('state', signal, (detail) => {
    if (detail === 'over') {
      ear?.stop();
      ear = null;
      fill(root, ended());
      root.querySelector('h1')?.focus();
    } else if (detail === 'moved') context.navigate('#/');
    else if (detail === 'reconnecting') {
      rows.link.show({ good: false, text: 'The connection dropped. Reconnecting …' });
    }
  });
  navigator.mediaDevices?.addEventListener('devicechange', draw, { signal });

  function go() {
    context.navigate('#/interview');
  }

  function ended() {
    const anew = { class: 'primary', on: { click: () => context.navigate('#/') } };
    return el('section', { class: 'card' },
      el('h1', { tabindex: '-1' }, 'This practice has ended'),
      el('p', null, `${practice.problem?.error ?? ''} Nothing was asked yet, so nothing is lost.`),
      el('button', anew, 'Start a new practice'));
  }

  fill(advice, 'Your browser asks whether Greenroom may use ' +
    (consent.camera ? 'the camera' : '') + (consent.camera && consent.microphone ? ' and ' : '') +
    (consent.microphone ? 'the microphone' : '') + '.');
  check.disabled = start.disabled = true;
  const timer = setInterval(link, LINK_MS);
  void practice.open().then(() => {
    if (!signal.aborted) draw();
  });
  return () => {
    left.abort();
    clearInterval(timer);
    ear?.stop();
    // Left for another page than the interview: camera and microphone go off.
    if (location.hash !== '#/interview') practice.close();
  };
}

/**
 * One line of the check: an icon, what it is about, how it looks.
 * @param {string} name of the icon
 * @param {string} title
 */
function checkRow(name, title) {
  // Said to a screen reader too when it changes.
  const text = el('p', { role: 'status' }, 'Not checked yet');
  const place = el('div', { class: 'mark' }, icon(name));
  const item = el('li', null, place, el('div', null, el('h3', null, title), text));
  /** @type {{item: HTMLElement, place: HTMLElement, good: boolean | null,
   *   show: (finding: Finding) => void}} */
  const row = {
    item,
    place,
    good: null,
    show(finding) {
      if (text.textContent !== finding.text) fill(text, finding.text);
      row.good = finding.good;
      item.className = finding.good === null ? '' : finding.good ? 'good' : 'warn';
    },
  };
  return row;
}

function calibrationRing() {
  const full = svg('circle', { class: 'ring-full', cx: 24, cy: 24, r: 20,
    'stroke-dasharray': RING, 'stroke-dashoffset': RING });
  const drawing = svg('svg', { class: 'ring', viewBox: '0 0 48 48', 'aria-hidden': 'true' },
    svg('circle', { class: 'ring-track', cx: 24, cy: 24, r: 20 }), full);
  return {
    drawing,
    /** @param {number} share */
    fill: (share) => full.setAttribute('stroke-dashoffset', String(RING * (1 - share))),
  };
}
