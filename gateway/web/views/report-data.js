/**
 * The report as the page reads it.
 *
 * Protobuf's JSON leaves out what is zero, false or empty and writes 64-bit numbers as
 * strings; here every field is there, and times are numbers of milliseconds from the
 * session's start. Shown they count from `began`, the first question: before it was the set-up.
 * @module
 */

/** @typedef {{start: number, end: number, measure: string, value: number | null,
 *   low: number | null, high: number | null, quote: string}} Evidence */
/** @typedef {{measure: string, value: number | null, low: number | null, high: number | null,
 *   seconds: number, notSeen: string}} Value */
/** @typedef {{score: string, value: number | null, low: number | null, high: number | null,
 *   evidence: Evidence[], notSeen: string, contributions: Record<string, number>}} Score */
/** @typedef {{id: string, text: string, evidence: Evidence[]}} Claim */
/** @typedef {Claim & {drill: string}} Suggestion */
/** @typedef {{text: string, start: number, end: number, filler: boolean}} Word */
/** @typedef {{start: number, end: number, type: string, detail: string, confidence: number}} Moment */
/** @typedef {{quote: string, start: number, end: number}} Span */
/** @typedef {Span & {kind: string}} Marked  a STAR part, a disfluency or an expected point */
/** @typedef {{id: string, text: string, found: boolean, span: Span | null}} Point */
/** @typedef {{id: string, number: number, text: string, attempt: number, start: number, end: number,
 *   share: number, delay: number | null, words: Word[], values: Value[], scores: Score[],
 *   points: Point[], star: Marked[], disfluencies: Marked[], moments: Moment[], strengths: Claim[],
 *   weaknesses: Claim[], suggestions: Suggestion[], followUps: string[]}} Question */
/** @typedef {{measure: string, times: number[], values: number[]}} Series */
/** @typedef {{id: string, startedMs: number, began: number, duration: number, practised: number,
 *   notSeen: string[], questions: Question[], values: Value[], scores: Score[],
 *   strengths: Claim[], weaknesses: Claim[], time: Claim[], suggestions: Suggestion[],
 *   series: Series[], moments: Moment[]}} Report */

/** @typedef {Record<string, any>} Json */

/** Moments of a measure that may be switched off. @type {Record<string, string>} */
const SWITCHED = { smile: 'smile', frown: 'frown', brief_movement: 'brief_movements' };

/**
 * @param {Json} json
 * @param {Record<string, unknown>} measures that may be shown: what was measured before
 *   something was switched off is not shown any more
 * @returns {Report}
 */
export function readReport(json, measures) {
  const startedUs = Number(json.started_us ?? 0);
  const hints = list(json.hints).map((record) => ({
    start: Number(record.time_ms ?? 0),
    end: Number(record.time_ms ?? 0) + Number(record.hint?.show_ms ?? 0),
    type: 'hint',
    detail: String(record.hint?.text ?? ''),
    confidence: Number(record.hint?.confidence ?? 0),
  }));
  const report = {
    id: String(json.session_id ?? ''),
    startedMs: startedUs / 1000,
    began: Number(list(json.questions)[0]?.start_ms ?? 0),
    duration: Number(json.duration_ms ?? 0),
    practised: Number(json.practised_ms ?? json.duration_ms ?? 0),
    notSeen: list(json.coverage).map((each) => String(each.note ?? '')).filter(Boolean),
    questions: numbered(list(json.questions)).map(([number, each]) =>
      question(each, number, startedUs, hints),
    ),
    values: list(json.measures).map(value),
    scores: list(json.scores).map(score),
    strengths: list(json.strengths).map(claim),
    weaknesses: list(json.weaknesses).map(claim),
    time: list(json.time_management).map(claim),
    suggestions: list(json.suggestions).map(suggestion),
    series: list(json.series).map((each) => ({
      measure: String(each.measure),
      times: list(each.time_ms).map(Number),
      values: list(each.value).map(Number),
    })),
    moments: [...list(json.moments).map(moment), ...hints].sort((a, b) => a.start - b.start),
  };
  return { ...shown(report, measures), questions: report.questions.map((each) => shown(each, measures)) };
}

/**
 * @template {{values: Value[], scores: Score[], moments: Moment[], strengths: Claim[],
 *   weaknesses: Claim[], suggestions: Suggestion[], series?: Series[]}} T
 * @param {T} part of a report, or all of it
 * @param {Record<string, unknown>} measures
 * @returns {T}
 */
function shown(part, measures) {
  /** @param {Claim} claim */
  const known = ({ evidence }) => evidence.every(({ measure }) => !measure || measure in measures);
  return {
    ...part,
    values: part.values.filter(({ measure }) => measure in measures),
    scores: part.scores.filter((each) => each.score in measures),
    moments: part.moments.filter(({ type }) => !(type in SWITCHED) || SWITCHED[type] in measures),
    strengths: part.strengths.filter(known),
    weaknesses: part.weaknesses.filter(known),
    suggestions: part.suggestions.filter(known),
    series: part.series?.filter(({ measure }) => measure in measures),
  };
}

/** @param {unknown} found @returns {any[]} */
function list(found) {
  return Array.isArray(found) ? found : [];
}

/** @param {unknown} found @returns {number | null} */
function optional(found) {
  return found === undefined || found === null ? null : Number(found);
}

/** @param {Json} json @returns {Evidence} */
function evidence(json) {
  return {
    start: Number(json.start_ms ?? 0),
    end: Number(json.end_ms ?? 0),
    measure: String(json.measure ?? ''),
    value: optional(json.value),
    low: optional(json.low),
    high: optional(json.high),
    quote: String(json.quote ?? ''),
  };
}

/** @param {Json} json @returns {Value} */
export function value(json) {
  return {
    measure: String(json.measure),
    value: optional(json.value),
    low: optional(json.low),
    high: optional(json.high),
    seconds: Number(json.seconds_observed ?? 0),
    notSeen: String(json.not_seen ?? ''),
  };
}

/** @param {Json} json @returns {Score} */
export function score(json) {
  return {
    score: String(json.score),
    value: optional(json.value),
    low: optional(json.low),
    high: optional(json.high),
    evidence: list(json.evidence).map(evidence),
    notSeen: String(json.not_seen ?? ''),
    contributions: json.contributions ?? {},
  };
}

/** @param {Json} json @returns {Claim} */
function claim(json) {
  return {
    id: String(json.id ?? ''),
    text: String(json.text ?? ''),
    evidence: list(json.evidence).map(evidence),
  };
}

/** @param {Json} json @returns {Suggestion} */
function suggestion(json) {
  return { ...claim(json), drill: String(json.drill ?? '') };
}

/** @param {Json} json @returns {Moment} */
function moment(json) {
  return {
    start: Number(json.start_ms ?? 0),
    end: Number(json.end_ms ?? 0),
    type: String(json.type ?? ''),
    detail: String(json.detail ?? ''),
    confidence: Number(json.confidence ?? 0),
  };
}

/** @param {Json} json @param {number} startedUs @returns {Span} */
function span(json, startedUs) {
  return {
    quote: String(json.quote ?? ''),
    start: (Number(json.start_us ?? 0) - startedUs) / 1000,
    end: (Number(json.end_us ?? 0) - startedUs) / 1000,
  };
}

/**
 * Each question with its number: its place among those asked for the first time, as the interview
 * counts. Asked again, it keeps its own.
 * @param {Json[]} questions
 * @returns {[number, Json][]}
 */
function numbered(questions) {
  const ids = [...new Set(questions.map((each) => each.question_id))];
  return questions.map((each) => [ids.indexOf(each.question_id) + 1, each]);
}

/**
 * @param {Json} json
 * @param {number} number
 * @param {number} startedUs
 * @param {Moment[]} hints
 * @returns {Question}
 */
function question(json, number, startedUs, hints) {
  const answer = json.answer ?? {};
  const start = Number(json.start_ms ?? 0);
  const end = Number(json.end_ms ?? 0);
  const own = hints.filter((hint) => hint.start >= start && hint.start < end);
  return {
    id: String(json.question_id ?? ''),
    number,
    text: String(json.text ?? ''),
    attempt: Number(json.attempt ?? 0),
    start,
    end,
    share: Number(json.share_of_interview ?? 0),
    delay: optional(json.response_delay_ms),
    words: list(json.words).map((each) => ({
      text: String(each.text ?? ''),
      start: Number(each.start_ms ?? 0),
      end: Number(each.end_ms ?? 0),
      filler: Boolean(each.filler),
    })),
    values: list(json.measures).map(value),
    scores: list(json.scores).map(score),
    points: list(answer.points).map((each) => ({
      id: String(each.point_id ?? ''),
      text: String(each.text ?? ''),
      found: Boolean(each.found),
      span: each.found && each.evidence ? span(each.evidence, startedUs) : null,
    })),
    star: list(answer.star).map((each) => ({
      ...span(each.span ?? {}, startedUs),
      kind: String(each.part ?? '').toLowerCase(),
    })),
    disfluencies: list(answer.disfluencies).map((each) => ({
      ...span(each.span ?? {}, startedUs),
      kind: String(each.type ?? '').toLowerCase(),
    })),
    moments: [...list(json.moments).map(moment), ...own].sort((a, b) => a.start - b.start),
    strengths: list(json.strengths).map(claim),
    weaknesses: list(json.weaknesses).map(claim),
    suggestions: list(json.suggestions).map(suggestion),
    followUps: list(json.follow_ups).map(String),
  };
}
