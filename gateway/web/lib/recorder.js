/** Keeps the recording in this browser, if the candidate wants it: nothing is sent. */

/** @typedef {import('./store.js').Store} Store */

/** What a crash or a reload may lose. */
const CHUNK_MS = 2_000;

const TYPES = ['video/webm;codecs=vp8,opus', 'video/webm', 'video/mp4'];
const SOUND_TYPES = ['audio/webm;codecs=opus', 'audio/webm', 'audio/ogg', 'audio/mp4'];

export class Recorder {
  /**
   * @param {Store} store
   * @param {string} sessionId
   * @param {number} aheadMs of the gateway's clock, by which the report's moments are told
   * @param {() => void} onFailure the browser has no room, or can't record
   */
  constructor(store, sessionId, aheadMs, onFailure) {
    this.store = store;
    this.sessionId = sessionId;
    this.aheadMs = aheadMs;
    this.onFailure = onFailure;
    /** @type {MediaRecorder | null} */
    this.recorder = null;
    this.writing = Promise.resolve();
    this.failed = false;
  }

  /**
   * Begins a part, after ending the last one: a MediaRecorder can't change its tracks.
   * @param {MediaStream} stream
   */
  start(stream) {
    void this.stop();
    if (this.failed || stream.getTracks().length === 0) return;
    const types = stream.getVideoTracks().length ? TYPES : SOUND_TYPES;
    const mimeType = types.find((type) => MediaRecorder.isTypeSupported(type));
    try {
      const recorder = new MediaRecorder(new MediaStream(stream.getTracks()), { mimeType });
      const startedAt = this.#now();
      let number = 0;
      recorder.addEventListener('dataavailable', ({ data }) => {
        const mine = number++;
        const endedAt = this.#now();
        if (!data.size) return;
        this.writing = this.writing
          .then(() => this.store.addChunk(this.sessionId, startedAt, mine, endedAt, data))
          .catch(() => this.#fail());
      });
      recorder.addEventListener('error', () => this.#fail());
      recorder.start(CHUNK_MS);
      this.recorder = recorder;
    } catch {
      this.#fail();
    }
  }

  /** By the gateway's clock. */
  #now() {
    return Date.now() - this.aheadMs;
  }

  /** Said once: what can't be kept now can't be kept two seconds later. */
  #fail() {
    if (this.failed) return;
    this.failed = true;
    if (this.recorder?.state !== 'inactive') this.recorder?.stop();
    this.recorder = null;
    this.onFailure();
  }

  /** Resolves when all of it is stored. */
  async stop() {
    const { recorder } = this;
    this.recorder = null;
    if (recorder && recorder.state !== 'inactive') {
      const stopped = new Promise((done) => recorder.addEventListener('stop', done, { once: true }));
      recorder.stop();
      await stopped;
    }
    await this.writing;
  }
}
