/** A practice while it goes on: devices, connection, questions; over all reconnections. */

import { ApiProblem } from './api.js';
import { Devices } from './devices.js';
import { EventStream } from './events.js';
import { Recorder } from './recorder.js';
import { TabLock } from './tabs.js';
import { wait } from './time.js';
import { WhipConnection } from './whip.js';

/** @typedef {import('./api.js').Api} Api */
/** @typedef {import('./devices.js').Device} Device */
/** @typedef {import('./events.js').Message} Message */
/** @typedef {import('./store.js').Running} Running */
/** @typedef {import('./store.js').Store} Store */
/** @typedef {'idle' | 'connecting' | 'connected' | 'reconnecting' | 'moved' | 'over'} State */

const WATCH_MS = 500;
const SILENT_MS = 2_000;
/** The gateway reports at least every 1.5 s: nothing for this long means a dead path. */

const OFFER_MS = 2_500;
/** For the gateway's answer; longer with each attempt, for a gateway that is slow. */

const CONNECT_MS = 6_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 1_500;
const OVER = [401, 403, 404, 410];
const PASSING = [0, 429, 502, 503, 504];

/**
 * Events, each a CustomEvent: 'state' (State), 'picture', 'sound', 'level', 'caption' (Message),
 * 'hint' ({message, arrivedAt}), 'lost' (Device), 'devices' (other ones are used), 'attempt'
 * ({attempt: how many failed, refused: ApiProblem | null}), 'recording' (it can't be kept).
 */
export class Practice extends EventTarget {
  /**
   * @param {Api} api
   * @param {Store} store
   * @param {Running} running
   */
  constructor(api, store, running) {
    super();
    this.api = api;
    this.store = store;
    this.running = running;
    this.id = running.created.session_id;
    /** @type {State} */
    this.state = 'idle';
    /** @type {ApiProblem | null} why it is over, when nobody here ended it */
    this.problem = null;
    this.devices = new Devices();
    this.devices.onLost = (device) => this.#lost(device);
    this.lock = new TabLock(() => this.#moved());
    this.recorder = running.consent.keep_recording
      ? new Recorder(store, this.id, () => this.#emit('recording', null))
      : null;
    /** @type {WhipConnection | null} */
    this.connection = null;
    /** @type {EventStream | null} */
    this.events = null;
    /** @type {Set<string>} */
    this.hints = new Set();
    this.closed = new AbortController();
    this.wake = new AbortController();
    this.connecting = false;
    this.ending = false;
    this.heardAt = 0;
    this.timer = 0;
    const { signal } = this.closed;
    window.addEventListener('online', () => this.wake.abort(), { signal });
    window.addEventListener('offline', () => void this.#reconnect(), { signal });
  }

  get questions() {
    return this.running.created.questions;
  }

  /** The question that is asked; null before the first. */
  get question() {
    return this.questions[this.running.index] ?? null;
  }

  get paused() {
    return this.running.pausedAt !== null;
  }

  /** Time on the present question, without the pauses. */
  get answeringMs() {
    const { askedAt, pausedMs, pausedAt } = this.running;
    return (pausedAt ?? Date.now()) - askedAt - pausedMs;
  }

  /**
   * @param {string} type
   * @param {AbortSignal} signal until then
   * @param {(detail: any) => void} listener
   */
  on(type, signal, listener) {
    const heard = (/** @type {Event} */ event) =>
      listener(/** @type {CustomEvent} */ (event).detail);
    this.addEventListener(type, heard, { signal });
  }

  // --- devices

  /** @param {{camera: boolean, microphone: boolean}} [wanted] */
  async open(wanted = this.running.consent) {
    await this.devices.open(wanted, this.store.preferences);
    if (this.paused) this.devices.enable(false);
  }

  /**
   * @param {Device} device
   * @param {string} deviceId
   */
  async choose(device, deviceId) {
    const track = await this.devices.choose(device, deviceId);
    if (track === null) return;
    this.store.prefer({ [device]: deviceId });
    await this.#send(track);
  }

  /** Opens again what was lost or refused. */
  async reopen() {
    const before = new Set(this.devices.stream.getTracks());
    await this.open();
    for (const track of this.devices.stream.getTracks()) {
      if (!before.has(track)) await this.#send(track);
    }
  }

  /** @param {MediaStreamTrack} track */
  async #send(track) {
    track.enabled = !this.paused;
    if (this.connection && !(await this.connection.replace(track))) void this.#reconnect();
    this.#record();
    this.#emit('devices', null);
  }

  /** @param {Device} device */
  #lost(device) {
    this.#record();
    this.#emit('lost', device);
  }

  #record() {
    if (this.question && !this.paused) this.recorder?.start(this.devices.stream);
  }

  // --- the connection

  /** Connects, and stays connected until `close`. */
  async connect() {
    this.events ??= new EventStream(
      this.api,
      this.id,
      (message) => this.#hear(message),
      (problem) => this.#over(problem),
    );
    void this.events.run();
    this.#record();
    this.#to('connecting');
    await this.#reach();
    this.#watch();
  }

  /** A fresh offer, again and again, until it is answered: aiortc has no ICE restart. */
  async #reach() {
    if (this.connecting) return;
    this.connecting = true;
    let pause = FIRST_PAUSE_MS;
    for (let attempt = 1; !this.closed.signal.aborted; attempt++) {
      try {
        await this.#offer(OFFER_MS * attempt);
        this.#to('connected');
        break;
      } catch (problem) {
        if (this.closed.signal.aborted) break;
        if (problem instanceof ApiProblem && OVER.includes(problem.status)) {
          this.#over(problem);
          break;
        }
        const refused = problem instanceof ApiProblem ? problem : null;
        this.#emit('attempt', { attempt, refused });
      }
      this.wake = new AbortController();
      await wait(pause, AbortSignal.any([this.wake.signal, this.closed.signal]));
      pause = Math.min(LONGEST_PAUSE_MS, pause * 2);
    }
    this.connecting = false;
  }

  /** @param {number} patienceMs */
  async #offer(patienceMs) {
    this.connection?.close();
    const signal = AbortSignal.any([AbortSignal.timeout(patienceMs), this.closed.signal]);
    const failed = new AbortController();
    /** @type {(value?: unknown) => void} */
    let done = () => {};
    const connected = new Promise((resolve) => (done = resolve));
    const connection = new WhipConnection(
      this.api,
      this.id,
      this.running.created.ice_servers,
      (state) => {
        if (state === 'connected') done();
        else if (state === 'failed') failed.abort();
        if (connection === this.connection) this.#onLink(state);
      },
      (message) => this.#hear(message),
    );
    this.connection = connection;
    await connection.open(this.devices.stream, signal);
    const over = AbortSignal.any([failed.signal, this.closed.signal]);
    await Promise.race([connected, wait(CONNECT_MS, over)]);
    if (connection.pc.connectionState !== 'connected') {
      connection.close();
      throw new Error('the media could not get through');
    }
    this.heardAt = Date.now();
  }

  async #reconnect() {
    if (this.connecting || this.closed.signal.aborted || !this.events) return;
    if (this.devices.stream.getTracks().length === 0) return; // nothing to offer
    this.#to('reconnecting');
    this.events.restart();
    await this.#reach();
  }

  /** @param {RTCPeerConnectionState} state */
  #onLink(state) {
    if (state === 'disconnected' || state === 'failed') void this.#reconnect();
  }

  /** Notices a dead path long before ICE does, which takes 5 to 30 s. */
  #watch() {
    let heard = 0;
    this.heardAt = Date.now();
    clearInterval(this.timer);
    this.timer = window.setInterval(async () => {
      if (this.state !== 'connected' || !this.connection) return;
      const link = await this.connection.stats();
      if (link.heard !== heard) {
        heard = link.heard;
        this.heardAt = Date.now();
      } else if (Date.now() - this.heardAt > SILENT_MS) {
        void this.#reconnect();
      }
    }, WATCH_MS);
  }

  // --- what the gateway says

  /** @param {Message} message */
  #hear(message) {
    if (message.type === 'hint') {
      // By the data channel and by server-sent events: whichever comes first.
      if (this.hints.has(message.id)) return;
      this.hints.add(message.id);
      this.#emit('hint', { message, arrivedAt: performance.now() });
    } else if (message.type === 'state') {
      if (message.state === 'closed' && message.reason !== 'gateway stopped') {
        this.#over(new ApiProblem(410, overText(message.reason), 'Your report covers what you did.'));
      }
    } else {
      this.#emit(message.type, message);
    }
  }

  // --- the interview

  /**
   * Asks a question, for the first time or once more.
   * @param {number} index
   * @param {number} attempt
   */
  async ask(index, attempt) {
    const { id } = this.questions[index];
    await this.#surely(() => this.api.question(this.id, id, attempt));
    this.#remember({ index, attempt, askedAt: Date.now(), pausedMs: 0, pausedAt: null });
    if (!this.recorder?.recorder) this.#record();
  }

  /** Only black and silence are sent until `resume`. */
  async pause() {
    this.devices.enable(false);
    this.#remember({ pausedAt: Date.now() });
    void this.recorder?.stop();
    await this.#surely(() => this.api.pause(this.id));
  }

  async resume() {
    await this.#surely(() => this.api.resume(this.id));
    const { pausedAt, pausedMs } = this.running;
    this.#remember({ pausedAt: null, pausedMs: pausedMs + Date.now() - (pausedAt ?? Date.now()) });
    this.devices.enable(true);
    this.#record();
  }

  /** The report follows within seconds. */
  async end() {
    this.ending = true;
    try {
      await this.#surely(() => this.api.end(this.id));
    } catch (problem) {
      this.ending = problem instanceof ApiProblem && OVER.includes(problem.status);
      if (!this.ending) throw problem;
    }
    await this.recorder?.stop();
    this.#finish('over');
  }

  /**
   * Again while the network is away: the candidate need not press twice.
   * @param {() => Promise<void>} request
   */
  async #surely(request) {
    let pause = FIRST_PAUSE_MS;
    for (;;) {
      try {
        await request();
        return;
      } catch (problem) {
        if (!(problem instanceof ApiProblem) || this.closed.signal.aborted) throw problem;
        if (OVER.includes(problem.status)) this.#over(problem);
        if (!PASSING.includes(problem.status)) throw problem;
      }
      await wait(pause, this.closed.signal);
      pause = Math.min(LONGEST_PAUSE_MS, pause * 2);
    }
  }

  /** @param {Partial<Running>} changes */
  #remember(changes) {
    this.running = { ...this.running, ...changes };
    this.store.running = this.running;
  }

  // --- the end

  /** @param {ApiProblem} problem */
  #over(problem) {
    if (this.closed.signal.aborted || this.ending) return;
    this.problem = problem;
    void this.recorder?.stop();
    this.#finish('over');
  }

  #moved() {
    if (this.closed.signal.aborted) return;
    void this.recorder?.stop();
    this.close();
    this.#to('moved');
  }

  /** @param {State} state */
  #finish(state) {
    if (this.store.running?.created.session_id === this.id) this.store.running = null;
    this.close();
    this.#to(state);
  }

  /** Lets go of devices and connection; the session itself may go on. */
  close() {
    this.closed.abort();
    clearInterval(this.timer);
    this.events?.stop();
    this.connection?.close();
    this.devices.close();
    this.lock.release();
  }

  /** @param {State} state */
  #to(state) {
    this.state = state;
    this.#emit('state', state);
  }

  /**
   * @param {string} type
   * @param {any} detail
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** @param {string} reason */
function overText(reason) {
  return (
    {
      expired: 'The time of this interview is over.',
      'connection lost': 'The connection was away for too long, so the interview has ended.',
      erased: 'This interview was erased.',
    }[reason] ?? 'This interview has ended.'
  );
}

/** @type {Practice | null} */
let current = null;

/**
 * The practice that this browser has under way, carried from view to view and over reloads.
 * @param {Api} api
 * @param {Store} store
 * @returns {Practice | null}
 */
export function underWay(api, store) {
  const { running } = store;
  if (running === null) {
    current = null;
  } else if (current?.id !== running.created.session_id || current.closed.signal.aborted) {
    current?.close();
    current = new Practice(api, store, running);
  }
  return current;
}
