/**
 * From practice to practice: what changed, and whether that is more than chance.
 * @module
 */

import { score, value } from './report-data.js';

/** @typedef {import('./report-data.js').Score} Score */
/** @typedef {import('./report-data.js').Value} Value */

/**
 * A number of a practice, be it a measure or a score.
 * @typedef {{id: string, value: number | null, low: number | null, high: number | null, notSeen: string}} Figure
 */

/** @typedef {{id: string, startedMs: number, duration: number, figures: Map<string, Figure>}} Practice */

/** @typedef {{low: number | null, high: number | null} | undefined} Usual  the usual range */
/** @typedef {'closer' | 'further' | 'more' | 'less' | 'same' | 'unsure' | 'unknown'} Change */

/** @param {any} summary ReportSummary of report.proto @returns {Practice} */
export function readPractice(summary) {
  /** @type {Map<string, Figure>} */
  const figures = new Map();
  for (const found of (summary.scores ?? []).map(score)) {
    figures.set(found.score, { ...found, id: found.score });
  }
  for (const found of (summary.measures ?? []).map(value)) {
    figures.set(found.measure, { ...found, id: found.measure });
  }
  return {
    id: String(summary.session_id),
    startedMs: Number(summary.started_us ?? 0) / 1000,
    duration: Number(summary.practised_ms ?? summary.duration_ms ?? 0),
    figures,
  };
}

/**
 * The person's own level: the median of the practices before the last one; null before the
 * second practice.
 * @param {Practice[]} practices oldest first
 * @param {string} id
 * @returns {{level: number, practices: number} | null}
 */
export function ownLevel(practices, id) {
  const before = practices
    .slice(0, -1)
    .map((practice) => practice.figures.get(id)?.value ?? null)
    .filter((found) => found !== null)
    .sort((a, b) => a - b);
  if (!before.length) return null;
  const middle = before.length >> 1;
  const level = before.length % 2 ? before[middle] : (before[middle - 1] + before[middle]) / 2;
  return { level, practices: before.length };
}

/**
 * How a figure differs from a level. `same` unless the level lies outside of what the figure
 * may be: a difference within the uncertainty is none. `unsure` when that is not known.
 * @param {Figure | undefined} figure
 * @param {number | null} level
 * @param {Usual} usual
 * @returns {Change}
 */
export function change(figure, level, usual) {
  if (!figure || figure.value === null || level === null) return 'unknown';
  if (figure.low === null || figure.high === null) return 'unsure';
  if (level >= figure.low && level <= figure.high) return 'same';
  const before = outside(level, usual);
  const now = outside(figure.value, usual);
  if (before !== now) return now < before ? 'closer' : 'further';
  return figure.value > level ? 'more' : 'less';
}

/**
 * The difference of two practices' figures, by both their uncertainties.
 * @param {Figure | undefined} before
 * @param {Figure | undefined} after
 * @param {Usual} usual
 * @returns {Change}
 */
export function difference(before, after, usual) {
  const changed = change(after, before?.value ?? null, usual);
  if (changed === 'unknown' || !before || !after) return 'unknown';
  if (before.low === null || before.high === null || after.low === null || after.high === null) {
    return 'unsure';
  }
  return after.low > before.high || after.high < before.low ? changed : 'same';
}

/**
 * How far a value is outside its usual range; 0 within.
 * @param {number} found
 * @param {Usual} usual
 */
export function outside(found, usual) {
  if (usual?.low !== null && usual?.low !== undefined && found < usual.low) return usual.low - found;
  if (usual?.high !== null && usual?.high !== undefined && found > usual.high) return found - usual.high;
  return 0;
}

/** @type {Record<Change, string>} */
export const CHANGE_WORDS = {
  closer: 'Closer to what is usual',
  further: 'Further from what is usual',
  more: 'More than before',
  less: 'Less than before',
  same: 'About the same',
  unsure: 'Can’t be told: its range is not known',
  unknown: 'Not known in both',
};
