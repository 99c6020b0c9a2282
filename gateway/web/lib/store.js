/** What this browser keeps: who the candidate is, the running session, recordings. */

/** @typedef {import('./api.js').SessionCreated} SessionCreated */

/**
 * The session that goes on, enough to carry on after a reload.
 * @typedef {object} Running
 * @property {SessionCreated} created
 * @property {{camera: boolean, microphone: boolean, keep_recording: boolean}} consent
 * @property {boolean} liveHints
 * @property {boolean} readAloud
 * @property {number} index of the question that is asked; -1 before the first
 * @property {number} attempt
 * @property {number} askedAt when the question was asked, Unix milliseconds
 * @property {number} pausedMs time paused since then
 * @property {number | null} pausedAt when the pause began that goes on
 */

/**
 * One stretch of a recording: a practice has several when it was paused or reloaded.
 * @typedef {object} RecordingPart
 * @property {number} startedAt Unix milliseconds by the gateway's clock
 * @property {number} endedAt
 * @property {Blob} blob
 */

const CANDIDATE = 'greenroom.candidate';
const RUNNING = 'greenroom.running';
const PREFERENCES = 'greenroom.preferences';
const TOKENS = 'greenroom.tokens';
const DATABASE = 'greenroom';
const CHUNKS = 'chunks';

const TOKENS_KEPT = 5; // the running session's and the last ones': another tab may need one

export class Store {
  /** @returns {string | null} who holds it is the candidate: no account, no name */
  get candidateToken() {
    return localStorage.getItem(CANDIDATE);
  }

  set candidateToken(token) {
    if (token === null) localStorage.removeItem(CANDIDATE);
    else localStorage.setItem(CANDIDATE, token);
  }

  /** @returns {Running | null} */
  get running() {
    return parsed(localStorage.getItem(RUNNING));
  }

  set running(running) {
    if (running === null) {
      localStorage.removeItem(RUNNING);
      return;
    }
    localStorage.setItem(RUNNING, JSON.stringify(running));
    const { session_id, token } = running.created;
    const others = this.#tokens.filter((kept) => kept.session_id !== session_id);
    const tokens = [{ session_id, token }, ...others].slice(0, TOKENS_KEPT);
    localStorage.setItem(TOKENS, JSON.stringify(tokens));
  }

  /** @returns {{session_id: string, token: string}[]} the newest first */
  get #tokens() {
    return parsed(localStorage.getItem(TOKENS)) ?? [];
  }

  /**
   * The token of one of the last sessions; null for older ones, whose reports the
   * candidate's own token opens.
   * @param {string} sessionId
   * @returns {string | null}
   */
  tokenOf(sessionId) {
    return this.#tokens.find(({ session_id }) => session_id === sessionId)?.token ?? null;
  }

  /**
   * Small choices to offer again: name, role, hidden picture, devices.
   * @returns {Record<string, any>}
   */
  get preferences() {
    return parsed(localStorage.getItem(PREFERENCES)) ?? {};
  }

  /** @param {Record<string, any>} changes */
  prefer(changes) {
    localStorage.setItem(PREFERENCES, JSON.stringify({ ...this.preferences, ...changes }));
  }

  // --- recordings: on this browser only

  /**
   * @param {string} sessionId
   * @param {number} startedAt of the part that the chunk belongs to, Unix milliseconds
   * @param {number} number of the chunk in its part
   * @param {number} endedAt of the chunk
   * @param {Blob} blob
   */
  async addChunk(sessionId, startedAt, number, endedAt, blob) {
    await this.#do('readwrite', (chunks) =>
      chunks.put({ sessionId, startedAt, number, endedAt, blob }),
    );
  }

  /**
   * The parts of a practice's recording in order; empty when none was kept.
   * @param {string} sessionId
   * @returns {Promise<RecordingPart[]>}
   */
  async recording(sessionId) {
    const range = IDBKeyRange.bound([sessionId], [sessionId, []]);
    const chunks = await this.#do('readonly', (store) => store.getAll(range));
    /** @type {Map<number, {endedAt: number, blob: Blob}[]>} */
    const parts = new Map();
    for (const { startedAt, endedAt, blob } of chunks) {
      parts.set(startedAt, [...(parts.get(startedAt) ?? []), { endedAt, blob }]);
    }
    return [...parts].map(([startedAt, some]) => ({
      startedAt,
      endedAt: some[some.length - 1].endedAt,
      blob: new Blob(some.map(({ blob }) => blob), { type: some[0].blob.type }),
    }));
  }

  /** @returns {Promise<string[]>} the sessions whose recordings are kept */
  async recordedSessions() {
    const keys = await this.#do('readonly', (chunks) => chunks.getAllKeys());
    return [...new Set(keys.map((key) => /** @type {any[]} */ (key)[0]))];
  }

  /** @param {string} sessionId */
  async eraseRecording(sessionId) {
    const range = IDBKeyRange.bound([sessionId], [sessionId, []]);
    await this.#do('readwrite', (chunks) => chunks.delete(range));
  }

  /** Everything that this browser keeps of Greenroom. */
  async eraseAll() {
    await this.#do('readwrite', (chunks) => chunks.clear());
    for (const key of [CANDIDATE, RUNNING, PREFERENCES, TOKENS]) localStorage.removeItem(key);
  }

  /**
   * @template T
   * @param {IDBTransactionMode} mode
   * @param {(chunks: IDBObjectStore) => IDBRequest<T>} use
   * @returns {Promise<T>}
   */
  async #do(mode, use) {
    const database = await opened();
    try {
      const transaction = database.transaction(CHUNKS, mode);
      const request = use(transaction.objectStore(CHUNKS));
      await new Promise((done, failed) => {
        transaction.oncomplete = done;
        transaction.onabort = () => failed(transaction.error);
      });
      return request.result;
    } finally {
      database.close();
    }
  }
}

/** @returns {Promise<IDBDatabase>} */
function opened() {
  return new Promise((done, failed) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(CHUNKS, { keyPath: ['sessionId', 'startedAt', 'number'] });
    };
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
}

/** @param {string | null} text */
function parsed(text) {
  try {
    return text === null ? null : JSON.parse(text);
  } catch {
    return null; // another version's, or damaged: as if it weren't there
  }
}
