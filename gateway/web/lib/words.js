/**
 * Measures, scores and moments in plain words.
 *
 * Names, units, formulas, sources and usual ranges come from the server
 * (GET /api/measures); what stands here is what they mean to a candidate.
 * @module
 */

/**
 * @typedef {object} Measure
 * @property {string} name
 * @property {string} unit
 * @property {string} formula
 * @property {string} source
 * @property {number | null} low    the usual range, where there is one
 * @property {number | null} high
 */

/** @typedef {Record<string, Measure>} Measures */

/** @type {Record<string, string>} */
const PLAIN = {
  eye_contact: 'How much of the time you looked towards the camera while you spoke.',
  smile: 'How much your mouth smiled, on average.',
  frown: 'How much the corners of your mouth and your brows were drawn down, on average.',
  blink_rate: 'How often you blinked. Dry air, a lamp or a screen change it too.',
  looking_away: 'How often you looked away from the camera for longer than a glance.',
  nods: 'How often you nodded.',
  brief_movements: 'Short movements of the face, half a second at most.',
  face_in_view: 'How much of the time your face was in the picture.',
  hands_in_view: 'How much of the time a hand was in the picture.',
  movement: 'How fast your hands moved, in hand lengths a second.',
  gesture_rate: 'How often your hands made a gesture that went with your words.',
  fidgeting: 'How much of the time your hands made small repeated movements.',
  self_touch: 'How much of the time a hand was at your face or hair.',
  pointing: 'How often you pointed at something.',
  speech_rate: 'How many words you spoke a minute. Pauses over two seconds are left out.',
  articulation_rate: 'How fast you spoke between your pauses.',
  pause_rate: 'How often you paused for a quarter of a second or more.',
  pause_mean: 'How long your pauses were, on average.',
  filled_pauses: 'How often you said ‘um’ or ‘uh’, heard in the sound itself.',
  filler_words: 'Words such as ‘like’ or ‘you know’ that carry no meaning of their own.',
  pitch_variation: 'How much your voice went up and down.',
  pitch_median: 'How high your voice lay. There is no better or worse.',
  loudness_variation: 'How much louder and softer your voice became.',
  loudness: 'How loud your microphone heard you: the nearer to 0, the louder.',
  breaths: 'How often a breath could be heard.',
  phonation_ratio: 'How much of the answer’s time you were speaking.',
  mean_run: 'How many words you said between two pauses, on average.',
  response_delay: 'How long it took from the question to your first word.',
  answer_time: 'How long the answer took.',
  words: 'How many words were understood.',
  relevance: 'How close your words were to the question and to what a good answer holds.',
  completeness: 'How much of what a good answer holds was found in yours.',
  specificity: 'How many numbers and names there were.',
  star_parts: 'How many parts of a story were found: situation, task, action, result.',
  ownership: 'How often you said ‘I’ rather than ‘we’.',
  vagueness: 'Words such as ‘thing’ or ‘stuff’ that could mean anything.',
  disfluencies: 'How often you repeated a word or started a sentence over.',
  stress_signs:
    'Behaviour that others may read as stress, such as fillers, fidgeting or blinking. ' +
    'It can’t tell how you felt.',
  confidence:
    'Behaviour that others may read as confidence, such as eye contact and a lively voice. ' +
    'It can’t tell how you felt.',
  fluency: 'How steadily your words flowed.',
  answer_quality: 'How close and complete the answer was, and how concrete.',
};

const SCORES = new Set(['stress_signs', 'confidence', 'fluency', 'answer_quality']);

const SCORE_FORMULA =
  'A score starts at 50, the middle. Each of its measures adds or takes points by where it lies ' +
  'in its usual range. The less was seen and heard, the wider the range that the score may lie in.';

/** How much the person's own figures count: OWN_SHARE of training/fusion/weights.py. */
const OWN_SHARE = /** @type {Record<string, string>} */ ({
  stress_signs: 'as much as the usual range',
  confidence: 'as much as the usual range',
  fluency: 'for a quarter, the usual range for three',
});

/** Said where practices are compared. */
export const USUAL_ALONE =
  'Scores go by the usual range alone here, so that practices can be compared. In a report they ' +
  'may differ: there your own first minute and your earlier practices count too.';

/** Moments that a candidate can look at, and what they are called. */
export const MOMENTS = /** @type {Record<string, string>} */ ({
  hint: 'Hint shown',
  pause: 'Pause',
  filled_pause: 'Um or uh',
  look_away: 'Looked away',
  face_lost: 'Face out of view',
  fidget: 'Small repeated hand movement',
  self_touch: 'Hand at face or hair',
  stroke: 'Gesture',
  pointing: 'Pointing',
  nod: 'Nod',
  shake: 'Head shake',
  smile: 'Smile',
  frown: 'Frown',
  blink: 'Blink',
  brief_movement: 'Brief facial movement',
  breath: 'Audible breath',
  speech: 'Speaking',
});

/** The moments that a measure is made of. */
const MADE_OF = /** @type {Record<string, string[]>} */ ({
  eye_contact: ['look_away'],
  looking_away: ['look_away'],
  smile: ['smile'],
  frown: ['frown'],
  blink_rate: ['blink'],
  nods: ['nod'],
  brief_movements: ['brief_movement'],
  face_in_view: ['face_lost'],
  gesture_rate: ['stroke'],
  fidgeting: ['fidget'],
  self_touch: ['self_touch'],
  pointing: ['pointing'],
  pause_rate: ['pause'],
  pause_mean: ['pause'],
  mean_run: ['pause'],
  filled_pauses: ['filled_pause'],
  breaths: ['breath'],
  phonation_ratio: ['pause'],
});

/** Units as they follow a number. */
const UNITS = /** @type {Record<string, string>} */ ({
  '%': '%',
  '/min': ' a minute',
  '/100 words': ' in 100 words',
  'of 4': ' of 4',
  '0-100': '',
  'words/min': ' words a minute',
  'syllables/s': ' syllables a second',
  'hands/s': ' hand lengths a second',
  dBFS: ' dB',
  s: ' seconds',
});

/** Units whose numbers are said without decimals. */
const WHOLE = new Set(['%', '/100 words', '0-100', 'words/min', '']);

export class Words {
  /** @param {Measures} measures */
  constructor(measures) {
    this.measures = measures;
  }

  /** @param {string} id */
  name(id) {
    return this.measures[id]?.name ?? id.replaceAll('_', ' ');
  }

  /** What it is, in a sentence. @param {string} id */
  plain(id) {
    return PLAIN[id] ?? '';
  }

  /** How it is made. @param {string} id @param {boolean} own  in a report: by one's own figures too */
  formula(id, own = true) {
    if (SCORES.has(id)) {
      const share = own && OWN_SHARE[id];
      return share
        ? `${SCORE_FORMULA} Your own first minute, in a practice of two minutes or more, and your earlier practices count ${share}.`
        : SCORE_FORMULA;
    }
    const formula = this.measures[id]?.formula ?? '';
    return formula && formula[0].toUpperCase() + formula.slice(1) + '.';
  }

  /** @param {string} id */
  source(id) {
    return this.measures[id]?.source ?? '';
  }

  /** A value with its unit, as people say it. @param {string} id @param {number} value */
  figure(id, value) {
    const unit = this.measures[id]?.unit ?? '';
    if (unit === '/min') return rate(value);
    const whole =
      WHOLE.has(unit) || (unit === 's' && value >= 10) || (unit === 'of 4' && Number.isInteger(value));
    return `${value.toFixed(whole ? 0 : 1)}${this.unit(id)}`;
  }

  /** The range that the true value lies in, 95 times in 100; "" where it is not known.
   * @param {string} id @param {number | null} low @param {number | null} high */
  between(id, low, high) {
    if (low === null || high === null) return '';
    const digits = Math.abs(high) >= 10 ? 0 : 1;
    return `${Number(low.toFixed(digits))} to ${Number(high.toFixed(digits))}${this.unit(id)}`;
  }

  /** The usual range; "" where there is none. @param {string} id */
  usual(id) {
    const { low = null, high = null } = this.measures[id] ?? {};
    const unit = this.unit(id);
    if (low !== null && high !== null) return `${low} to ${high}${unit}`;
    if (low !== null) return `${low}${unit} or more`;
    return high === null ? '' : `${high}${unit} or less`;
  }

  /** The unit as it follows a number. @param {string} id */
  unit(id) {
    const unit = this.measures[id]?.unit ?? '';
    return UNITS[unit] ?? (unit && ` ${unit}`);
  }

  /** Types of moments that a measure is made of. @param {string} id @returns {string[]} */
  madeOf(id) {
    return MADE_OF[id] ?? [];
  }
}

/** @param {number} value */
function round(value) {
  return String(Math.round(value));
}

/** @param {number} perMinute */
function rate(perMinute) {
  if (perMinute === 0) return 'none';
  if (perMinute < 0.5) return 'less than once a minute';
  return perMinute < 1.5 ? 'about once a minute' : `${round(perMinute)} times a minute`;
}

/** "1 minute 20 seconds" @param {number} milliseconds */
export function spell(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  const minutes = Math.floor(seconds / 60);
  const parts = [];
  if (minutes) parts.push(plural(minutes, 'minute'));
  if (seconds % 60 || !minutes) parts.push(plural(seconds % 60, 'second'));
  return parts.join(' ');
}

/** @param {number} count @param {string} noun */
export function plural(count, noun) {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** A practice's day and time in the reader's language. @param {number} startedMs Unix time */
export function day(startedMs) {
  return new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' }).format(
    new Date(startedMs),
  );
}
