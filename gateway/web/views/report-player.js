/**
 * The kept recording, if there is one: plays a stretch of the practice, with captions.
 * @module
 */

import { el } from '../lib/dom.js';

/** @typedef {import('../lib/store.js').RecordingPart} RecordingPart */
/** @typedef {import('./report-data.js').Report} Report */
/** @typedef {import('./report-data.js').Word} Word */

const BEFORE_MS = 500;
/** A moment is understood only with a little around it. */
const LEAST_MS = 3000;
const WORDS_IN_A_CAPTION = 8;

export class Player {
  /**
   * @param {RecordingPart[]} parts
   * @param {Report} report
   */
  constructor(parts, report) {
    this.report = report;
    this.parts = parts.map(({ startedAt, endedAt, blob }) => ({
      blob, start: startedAt - report.startedMs, end: endedAt - report.startedMs,
    }));
    const sound = parts.every((part) => part.blob.type.startsWith('audio'));
    this.element = el(sound ? 'audio' : 'video', {
      class: 'player', controls: true, playsinline: true, 'aria-label': 'Your recording',
      on: { timeupdate: () => this.#stopInTime() },
    });
    this.loaded = -1;
    this.until = Infinity;
    /** @type {string[]} */
    this.urls = [];
  }

  /** Whether any of this stretch was recorded. @param {number} start @param {number} end */
  holds(start, end) {
    return this.#partOf(start, end) >= 0;
  }

  /** @param {number} start @param {number} end milliseconds of the session */
  async play(start, end) {
    const from = Math.max(0, start - BEFORE_MS);
    const index = this.#partOf(start, end);
    if (index < 0) return;
    await this.#load(index);
    const offset = this.parts[index].start;
    this.element.currentTime = Math.max(0, (from - offset) / 1000);
    this.until = (Math.max(end, start + LEAST_MS) - offset) / 1000;
    // A browser may want a click of its own first: then the controls are there.
    await this.element.play().catch(() => undefined);
  }

  stop() {
    this.element.pause();
  }

  close() {
    this.stop();
    this.element.removeAttribute('src');
    for (const url of this.urls) URL.revokeObjectURL(url);
    this.urls = [];
    this.loaded = -1;
  }

  /**
   * An answer begins a moment before its recording does, and a part may be missing.
   * @param {number} start @param {number} end
   */
  #partOf(start, end) {
    return this.parts.findIndex((part) => part.start <= end && start < part.end);
  }

  /** @param {number} index */
  async #load(index) {
    if (this.loaded === index) return;
    this.close();
    this.loaded = index;
    const { blob, start } = this.parts[index];
    const captions = new Blob([webvtt(this.report, start)], { type: 'text/vtt' });
    this.urls = [URL.createObjectURL(blob), URL.createObjectURL(captions)];
    const ready = new Promise((done) => {
      this.element.addEventListener('loadedmetadata', done, { once: true });
      this.element.addEventListener('error', done, { once: true });
    });
    this.element.replaceChildren(
      el('track', { kind: 'captions', label: 'What you said', srclang: 'en', src: this.urls[1] }),
    );
    this.element.src = this.urls[0];
    await ready;
    if (this.element.duration === Infinity) await this.#findEnd();
  }

  /** A browser's recorder writes no length; going to the far end makes the media seekable. */
  async #findEnd() {
    const found = new Promise((done) => {
      this.element.addEventListener('seeked', done, { once: true });
    });
    this.element.currentTime = Number.MAX_SAFE_INTEGER;
    await found;
  }

  #stopInTime() {
    if (this.element.currentTime < this.until) return;
    this.until = Infinity; // going on by hand is allowed
    this.element.pause();
  }
}

/** @param {Report} report @param {number} offset milliseconds @returns {string} */
function webvtt(report, offset) {
  const words = report.questions.flatMap((question) => question.words);
  const cues = ['WEBVTT'];
  for (let i = 0; i < words.length; i += WORDS_IN_A_CAPTION) {
    const some = words.slice(i, i + WORDS_IN_A_CAPTION);
    const start = some[0].start - offset;
    const end = some[some.length - 1].end - offset;
    if (start < 0) continue;
    const text = some.map((word) => word.text).join(' ').replace(/-->|[<&]/g, '');
    cues.push(`${timestamp(start)} --> ${timestamp(Math.max(end, start + 1))}\n${text}`);
  }
  return cues.join('\n\n');
}

/** hh:mm:ss.mmm @param {number} milliseconds */
function timestamp(milliseconds) {
  return new Date(Math.round(milliseconds)).toISOString().slice(11, 23);
}
