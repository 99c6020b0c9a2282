/** One interview, one tab: by a Web Lock, which a closed or crashed tab lets go of by itself. */

import { wait } from './time.js';

const NAME = 'greenroom.interview';
const TRIES = 6; // a page that is being reloaded holds its lock for a moment
const PAUSE_MS = 150;

export class TabLock {
  /** @param {() => void} onStolen another tab took over */
  constructor(onStolen) {
    this.onStolen = onStolen;
    /** @type {(() => void) | null} */
    this.letGo = null;
    this.released = false;
  }

  get held() {
    return this.letGo !== null;
  }

  /**
   * @param {boolean} steal take it from the tab that has it
   * @returns {Promise<boolean>} false: another tab has it
   */
  async take(steal = false) {
    if (this.held || !navigator.locks) return true; // without locks no tab can know of another
    for (let attempt = 0; attempt < TRIES; attempt++) {
      if (await this.#request(steal ? { steal } : { ifAvailable: true })) return true;
      await wait(PAUSE_MS);
    }
    return false;
  }

  /** @param {LockOptions} options */
  #request(options) {
    return new Promise((/** @type {(held: boolean) => void} */ done) => {
      navigator.locks
        .request(NAME, options, (lock) => {
          done(lock !== null);
          if (lock === null || this.released) return undefined;
          return new Promise((/** @type {(value?: unknown) => void} */ release) => {
            this.letGo = release;
          });
        })
        .catch(() => {
          this.letGo = null;
          this.onStolen();
        });
    });
  }

  /** For good: a lock that is still being asked for is let go of as it comes. */
  release() {
    this.released = true;
    this.letGo?.();
    this.letGo = null;
  }
}
