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

/** @typedef {'better' | 'worse' | 'more' | 'less' | 'same' | 'unknown'} Change */

/** Scores, of which more is better, and of which less is. */
const MORE_IS_BETTER = new Set(['confidence', 'fluency', 'answer_quality']);
const LESS_IS_BETTER = new Set(['stress_signs']);

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
    duration: Number(summary.duration_ms ?? 0),
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
 * may be: a difference within the uncertainty is none.
 * @param {Figure | undefined} figure
 * @param {number | null} level
 * @param {{low: number | null, high: number | null} | undefined} usual range
 * @returns {Change}
 */
export function change(figure, level, usual) {
  if (!figure || figure.value === null || level === null) return 'unknown';
  const low = figure.low ?? figure.value;
  const high = figure.high ?? figure.value;
  if ((level >= low && level <= high) || figure.value === level) return 'same';
  const more = figure.value > level;
  if (MORE_IS_BETTER.has(figure.id)) return more ? 'better' : 'worse';
  if (LESS_IS_BETTER.has(figure.id)) return more ? 'worse' : 'better';
  const before = outside(level, usual);
  const now = outside(figure.value, usual);
  if (before !== now) return now < before ? 'better' : 'worse';
  return more ? 'more' : 'less';
}

/**
 * The difference of two practices' figures, by both their uncertainties.
 * @param {Figure | undefined} before
 * @param {Figure | undefined} after
 * @param {{low: number | null, high: number | null} | undefined} usual
 * @returns {Change}
 */
export function difference(before, after, usual) {
  if (!before || before.value === null) return 'unknown';
  const low = before.low ?? before.value;
  const high = before.high ?? before.value;
  const apart = after?.value !== null && after !== undefined
    && ((after.low ?? after.value) > high || (after.high ?? after.value) < low);
  const changed = change(after, before.value, usual);
  return changed === 'unknown' || apart ? changed : 'same';
}

/**
 * How far a value is outside its usual range; 0 within.
 * @param {number} found
 * @param {{low: number | null, high: number | null} | undefined} usual
 */
export function outside(found, usual) {
  if (usual?.low !== null && usual?.low !== undefined && found < usual.low) return usual.low - found;
  if (usual?.high !== null && usual?.high !== undefined && found > usual.high) return found - usual.high;
  return 0;
}

/** @type {Record<Change, string>} */
export const CHANGE_WORDS = {
  better: 'Closer to what is usual',
  worse: 'Further from what is usual',
  more: 'More than before',
  less: 'Less than before',
  same: 'About the same',
  unknown: 'Not known in both',
};
