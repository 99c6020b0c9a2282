import { el } from '../lib/dom.js';

/** How long a browser may take to begin reading what it saves. */
const READ_WITHIN_MS = 10_000;

/**
 * Saves a file as a download.
 * @param {string} name
 * @param {Blob} blob
 */
export function save(name, blob) {
  const url = URL.createObjectURL(blob);
  el('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), READ_WITHIN_MS);
}
