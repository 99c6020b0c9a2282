/** Questions read aloud by the browser's own voices. */

const SLOWEST_WORDS_A_SECOND = 1.5;
const HEAD_START_S = 4;

/** @returns {boolean} */
export function canSpeak() {
  return 'speechSynthesis' in window;
}

/**
 * Reads a text; resolves when it has been read, or could not be. Some systems have no voice
 * and never say so: no wait is longer than the slowest reader's.
 * @param {string} text
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export function speak(text, signal) {
  if (!canSpeak() || signal.aborted) return Promise.resolve();
  return new Promise((done) => {
    const utterance = new SpeechSynthesisUtterance(text);
    utterance.lang = 'en';
    const words = text.split(/\s+/).length;
    const longest = setTimeout(stop, 1000 * (HEAD_START_S + words / SLOWEST_WORDS_A_SECOND));
    function finish() {
      clearTimeout(longest);
      signal.removeEventListener('abort', stop);
      done();
    }
    function stop() {
      speechSynthesis.cancel();
      finish();
    }
    utterance.addEventListener('end', finish);
    utterance.addEventListener('error', finish);
    signal.addEventListener('abort', stop);
    speechSynthesis.cancel();
    speechSynthesis.speak(utterance);
  });
}
