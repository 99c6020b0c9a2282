/** A session's server-sent events, read by fetch: EventSource can't send a token. */

import { ApiProblem } from './api.js';
import { wait } from './time.js';

/** @typedef {import('./api.js').Api} Api */
/** @typedef {{type: string, [name: string]: any}} Message */

const SILENCE_MS = 35_000; // the gateway pings every 15 s
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 2_000;

export class EventStream {
  /**
   * @param {Api} api
   * @param {string} sessionId
   * @param {(message: Message) => void} onMessage
   * @param {(problem: ApiProblem) => void} onOver the session will say nothing more
   */
  constructor(api, sessionId, onMessage, onOver) {
    this.api = api;
    this.sessionId = sessionId;
    this.onMessage = onMessage;
    this.onOver = onOver;
    this.stopped = new AbortController();
    this.attempt = new AbortController();
  }

  /** Until `stop`: opens the stream again whenever it breaks. */
  async run() {
    let pause = FIRST_PAUSE_MS;
    while (!this.stopped.signal.aborted) {
      try {
        this.attempt = new AbortController();
        const signal = AbortSignal.any([this.stopped.signal, this.attempt.signal]);
        const response = await this.api.events(this.sessionId, signal);
        pause = FIRST_PAUSE_MS;
        await this.#read(/** @type {ReadableStream<Uint8Array>} */ (response.body));
      } catch (problem) {
        if (this.stopped.signal.aborted) return;
        if (problem instanceof ApiProblem && problem.over) {
          this.onOver(problem);
          return;
        }
      }
      await wait(pause, this.stopped.signal);
      pause = Math.min(LONGEST_PAUSE_MS, pause * 2);
    }
  }

  /** Drops a stream that may hang on a dead path. */
  restart() {
    this.attempt.abort();
  }

  stop() {
    this.stopped.abort();
  }

  /** @param {ReadableStream<Uint8Array>} body */
  async #read(body) {
    const reader = body.getReader();
    const decoder = new TextDecoder();
    let rest = '';
    for (;;) {
      const silence = setTimeout(() => this.restart(), SILENCE_MS);
      const { done, value } = await reader.read().finally(() => clearTimeout(silence));
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split(/\r?\n/);
      rest = lines.pop() ?? '';
      for (const line of lines) {
        // Each message is one line of JSON; its type stands in it too.
        if (line.startsWith('data:')) this.onMessage(JSON.parse(line.slice('data:'.length)));
      }
    }
  }
}
