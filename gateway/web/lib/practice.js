/** A practice while it goes on: devices, connection, questions; over all reconnections. */

import { ApiProblem } from './api.js';
import { Devices } from './devices.js';
import { EventStream } from './events.js';
import { Link } from './link.js';
import { Recorder } from './recorder.js';
import { TabLock } from './tabs.js';
import { wait } from './time.js';

/** @typedef {import('./api.js').Api} Api */
/** @typedef {import('./devices.js').Device} Device */
/** @typedef {import('./events.js').Message} Message */
/** @typedef {import('./store.js').Running} Running */
/** @typedef {import('./store.js').Store} Store */
/** @typedef {'idle' | 'connecting' | 'connected' | 'reconnecting' | 'moved' | 'over'} State */

/** Why a gateway lets go of a session that goes on elsewhere. */
const GOES_ON = ['gateway stopped', 'at another gateway'];

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 1_500;

/**
 * Events, each a CustomEvent: 'state' (State), 'picture', 'sound', 'level', 'caption' (Message),
 * 'hint' ({message, arrivedAt}), 'lost' (Device), 'devices' (other ones are used), 'attempt'
 * ({attempt: how many failed, refused: ApiProblem | null}), 'waiting' (ApiProblem: a request will
 * be sent again), 'recording' (it can't be kept).
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
      ? new Recorder(store, this.id, running.created.ahead_ms, () => this.#emit('recording', null))
      : null;
    this.events = new EventStream(
      api,
      this.id,
      (message) => this.#hear(message),
      (problem) => this.#over(problem),
    );
    this.link = new Link(api, this.id, running.created.ice_servers, this.devices.stream, {
      onState: (state) => {
        if (state === 'reconnecting') this.events.restart();
        this.#to(state);
      },
      onMessage: (message) => this.#hear(message),
      onAttempt: (attempt, refused) => this.#emit('attempt', { attempt, refused }),
      onOver: (problem) => this.#over(problem),
    });
    /** @type {Set<string>} */
    this.hints = new Set();
    /** @type {Promise<void> | null} until the first connection */
    this.connecting = null;
    /** @type {Promise<void>} the last of what was sent in order */
    this.sent = Promise.resolve();
    this.asking = false;
    this.ending = false;
    this.closed = new AbortController();
  }

  get questions() {
    return this.running.created.questions;
  }

  /** The question that is asked; null before the first. */
  get question() {
    return this.questions[this.running.index] ?? null;
  }

  /** By the candidate: while the next question is read aloud, the present one only rests. */
  get paused() {
    return this.running.pausedAt !== null && !this.asking;
  }

  /** Time on the present question, without the pauses. */
  get answeringMs() {
    if (this.asking) return 0;
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
    await this.link.replace(track);
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

  /** Connects, and stays connected until `close`; once, however often it is called. */
  connect() {
    this.connecting ??= this.#connect();
    return this.connecting;
  }

  async #connect() {
    void this.events.run();
    this.#record();
    await this.link.connect();
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
      if (message.state === 'closed' && !GOES_ON.includes(message.reason)) {
        this.#over(new ApiProblem(410, overText(message.reason), 'Your report covers what you did.'));
      }
    } else {
      this.#emit(message.type, message);
    }
  }

  // --- the interview

  /**
   * Asks a question, for the first time or once more. Reading it aloud belongs to no answer:
   * the one before rests meanwhile, and is paused for whoever leaves and comes back.
   * @param {number} index
   * @param {number} attempt
   * @param {(() => Promise<void>) | null} read it aloud
   */
  async ask(index, attempt, read = null) {
    const { id } = this.questions[index];
    // However often it is sent, it is asked once.
    const ask = crypto.randomUUID();
    this.asking = true;
    try {
      if (read && this.question) await this.#rest();
      await read?.();
      if (this.closed.signal.aborted || this.ending) return;
      await this.#inOrder(() => this.api.question(this.id, id, attempt, ask));
      const { pausedAt } = this.running;
      const askedAt = Date.now();
      this.#remember({ index, attempt, askedAt, pausedMs: 0, pausedAt: pausedAt && askedAt });
      if (!this.recorder?.recorder) this.#record();
    } finally {
      this.asking = false;
      if (this.paused && !this.closed.signal.aborted && !this.ending) await this.resume();
    }
  }

  /** Only black and silence are sent until `resume`. */
  async pause() {
    this.devices.enable(false);
    void this.recorder?.stop();
    await this.#rest();
  }

  async resume() {
    try {
      await this.#inOrder(() => this.api.resume(this.id));
      const { pausedAt, pausedMs } = this.running;
      this.#remember({ pausedAt: null, pausedMs: pausedMs + Date.now() - (pausedAt ?? Date.now()) });
    } finally {
      this.devices.enable(!this.paused);
    }
    if (!this.recorder?.recorder) this.#record();
  }

  /** The present answer's time stands still until `resume`. */
  async #rest() {
    this.#remember({ pausedAt: Date.now() });
    await this.#inOrder(() => this.api.pause(this.id));
  }

  /** The report follows within seconds. */
  async end() {
    this.ending = true;
    try {
      await this.#surely(() => this.api.end(this.id));
    } catch (problem) {
      this.ending = problem instanceof ApiProblem && problem.over;
      if (!this.ending) {
        // The answer may rest since the next question was read aloud.
        this.devices.enable(!this.paused);
        throw problem;
      }
    }
    await this.recorder?.stop();
    this.#finish('over');
  }

  /**
   * After what was sent before: a pause that waits for the network must not come after its end.
   * @param {() => Promise<void>} request
   */
  #inOrder(request) {
    const done = this.sent.then(() => this.#surely(request));
    this.sent = done.catch(() => {}); // whoever sent it is told
    return done;
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
        if (problem.over) this.#over(problem);
        if (!problem.passing) throw problem;
        this.#emit('waiting', problem);
        await wait(pause, this.closed.signal);
        if (this.closed.signal.aborted) throw problem;
        pause = Math.min(LONGEST_PAUSE_MS, pause * 2);
      }
    }
  }

  /** @param {Partial<Running>} changes */
  #remember(changes) {
    this.running = { ...this.running, ...changes };
    // Over, or erased by another tab: then it shall not come back.
    if (this.store.running?.created.session_id === this.id) this.store.running = this.running;
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
    this.events.stop();
    this.link.close();
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
  } else if (current.state === 'idle') {
    current.running = running; // another tab may have gone on with it
  }
  return current;
}
