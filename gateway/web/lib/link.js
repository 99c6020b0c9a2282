/** A session's connection that stays: over lost networks and gateways that start again. */

import { ApiProblem } from './api.js';
import { wait } from './time.js';
import { WhipConnection } from './whip.js';

/** @typedef {import('./api.js').Api} Api */
/** @typedef {import('./whip.js').LinkStats} LinkStats */
/** @typedef {'connecting' | 'connected' | 'reconnecting'} LinkState */

/**
 * @typedef {object} LinkListener
 * @property {(state: LinkState) => void} onState
 * @property {(message: any) => void} onMessage what comes on the data channel
 * @property {(attempt: number, refused: ApiProblem | null) => void} onAttempt one failed
 * @property {(problem: ApiProblem) => void} onOver the session takes no connection any more
 */

const WATCH_MS = 500;

/** The gateway reports at least every 1.5 s: nothing for this long means a dead path. */
const SILENT_MS = 2_000;

/** For the gateway's answer; longer with each attempt, for a gateway that is slow. */
const OFFER_MS = 2_500;

const CONNECT_MS = 6_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 1_500;

export class Link {
  /**
   * @param {Api} api
   * @param {string} sessionId
   * @param {RTCIceServer[]} iceServers
   * @param {MediaStream} stream its tracks may change
   * @param {LinkListener} listener
   */
  constructor(api, sessionId, iceServers, stream, listener) {
    this.api = api;
    this.sessionId = sessionId;
    this.iceServers = iceServers;
    this.stream = stream;
    this.listener = listener;
    /** @type {WhipConnection | null} */
    this.connection = null;
    this.up = false;
    this.reaching = false;
    this.heard = 0;
    this.heardAt = 0;
    this.closed = new AbortController();
    this.wake = new AbortController();
    const { signal } = this.closed;
    window.addEventListener('online', () => this.wake.abort(), { signal });
    window.addEventListener('offline', () => void this.reconnect(), { signal });
  }

  /** Resolves when connected for the first time, or closed. */
  async connect() {
    this.listener.onState('connecting');
    await this.#reach();
    if (this.closed.signal.aborted) return;
    const timer = setInterval(() => void this.#watch(), WATCH_MS);
    this.closed.signal.addEventListener('abort', () => clearInterval(timer));
  }

  async reconnect() {
    if (this.reaching || this.closed.signal.aborted || this.connection === null) return;
    if (this.stream.getTracks().length === 0) return; // nothing to offer
    this.listener.onState('reconnecting');
    await this.#reach();
  }

  /**
   * Sends another track in the place of one of its kind.
   * @param {MediaStreamTrack} track
   */
  async replace(track) {
    if (this.connection && !(await this.connection.replace(track))) void this.reconnect();
  }

  /** @returns {Promise<LinkStats | null>} null before the first offer */
  async stats() {
    return this.connection ? this.connection.stats() : null;
  }

  close() {
    this.closed.abort();
    this.connection?.close();
  }

  /** A fresh offer, again and again, until it is answered: aiortc has no ICE restart. */
  async #reach() {
    this.reaching = true;
    this.up = false;
    const { signal } = this.closed;
    let pause = FIRST_PAUSE_MS;
    for (let attempt = 1; !this.up && !signal.aborted; attempt++) {
      try {
        await this.#offer(OFFER_MS * attempt);
        this.up = true;
      } catch (problem) {
        if (signal.aborted) break;
        const refused = problem instanceof ApiProblem ? problem : null;
        if (refused?.over) {
          this.listener.onOver(refused);
          break;
        }
        this.listener.onAttempt(attempt, refused);
        this.wake = new AbortController();
        await wait(pause, AbortSignal.any([this.wake.signal, signal]));
        pause = Math.min(LONGEST_PAUSE_MS, pause * 2);
      }
    }
    this.reaching = false;
    if (!this.up) return;
    this.listener.onState('connected');
    // Another device may have been chosen while the offer was under way.
    for (const track of this.stream.getTracks()) {
      if (!this.connection?.sends(track)) void this.replace(track);
    }
  }

  /** @param {number} patienceMs */
  async #offer(patienceMs) {
    this.connection?.close();
    const failed = new AbortController();
    /** @type {(value?: unknown) => void} */
    let done = () => {};
    const connected = new Promise((resolve) => (done = resolve));
    const connection = new WhipConnection(
      this.api,
      this.sessionId,
      this.iceServers,
      (state) => {
        if (state === 'connected') done();
        else if (state === 'failed') failed.abort();
        if (connection !== this.connection) return;
        if (state === 'disconnected' || state === 'failed') void this.reconnect();
      },
      this.listener.onMessage,
    );
    this.connection = connection;
    const { signal } = this.closed;
    const patience = AbortSignal.any([AbortSignal.timeout(patienceMs), signal]);
    await connection.open(this.stream, patience);
    await Promise.race([connected, wait(CONNECT_MS, AbortSignal.any([failed.signal, signal]))]);
    if (connection.pc.connectionState !== 'connected') {
      connection.close();
      throw new Error('the media could not get through');
    }
    this.heardAt = Date.now();
  }

  /** Notices a dead path long before ICE does, which takes 5 to 30 s. */
  async #watch() {
    if (!this.up || !this.connection) return;
    const { heard } = await this.connection.stats();
    if (heard !== this.heard) {
      this.heard = heard;
      this.heardAt = Date.now();
    } else if (Date.now() - this.heardAt > SILENT_MS) {
      await this.reconnect();
    }
  }
}
