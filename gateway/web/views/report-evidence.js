/**
 * What a claim, a number or a moment rests on: one dialog for all of them.
 * @module
 */

import { el, fill } from '../lib/dom.js';
import { clock } from '../lib/time.js';
import { MOMENTS, plural, spell } from '../lib/words.js';
import { Player } from './report-player.js';

/** @typedef {import('../lib/dom.js').Child} Child */
/** @typedef {import('../lib/words.js').Words} Words */
/** @typedef {import('./report-data.js').Claim} Claim */
/** @typedef {import('./report-data.js').Evidence} Evidence */
/** @typedef {import('./report-data.js').Moment} Moment */
/** @typedef {import('./report-data.js').Question} Question */
/** @typedef {import('./report-data.js').Report} Report */
/** @typedef {import('./report-data.js').Score} Score */
/** @typedef {import('./report-data.js').Value} Value */

const MOST_MOMENTS = 24;

export class EvidenceDialog {
  /**
   * @param {Report} report
   * @param {Words} words
   * @param {Player | null} player
   */
  constructor(report, words, player) {
    this.report = report;
    this.words = words;
    this.player = player;
    this.title = el('h2', { id: 'evidence-title', tabindex: '-1' });
    this.body = el('div', { class: 'evidence-body' });
    this.stage = el('div', { class: 'evidence-stage' });
    this.element = el(
      'dialog',
      {
        class: 'evidence', 'aria-labelledby': 'evidence-title',
        on: {
          close: () => this.player?.stop(),
          click: (/** @type {MouseEvent} */ event) => {
            if (event.target === this.element) this.element.close(); // beside the dialog
          },
        },
      },
      el(
        'div',
        { class: 'evidence-inner' },
        el(
          'div',
          { class: 'evidence-head' },
          this.title,
          el('button', { class: 'plain', type: 'button', on: { click: () => this.element.close() } }, 'Close'),
        ),
        this.stage,
        this.body,
      ),
    );
  }

  /** A moment as it is shown. @param {number} at */
  clock(at) {
    return clock(at - this.report.began);
  }

  /** @param {Claim} claim */
  claim(claim) {
    const measures = [...new Set(claim.evidence.map((evidence) => evidence.measure))];
    const parts = measures.map((measure) =>
      this.#evidence(measure, claim.evidence.filter((evidence) => evidence.measure === measure)),
    );
    this.#open(claim.text, parts, claim.evidence[0]);
  }

  /** @param {Moment} moment */
  moment(moment) {
    const name = MOMENTS[moment.type] ?? moment.type;
    const lines = [
      el('p', null, `${this.#when(moment.start, moment.end)}. `, lasting(moment)),
      detail(moment) ? el('p', null, detail(moment)) : null,
      moment.confidence && moment.type !== 'hint'
        ? el('p', { class: 'quiet small' }, `Greenroom is ${Math.round(100 * moment.confidence)}% sure that it saw or heard this.`)
        : null,
    ];
    this.#open(name, lines, moment);
  }

  /** @param {Value} value @param {number} start @param {number} end where it was measured */
  value(value, start, end) {
    const evidence = { ...value, start, end, quote: '' };
    this.#open(this.words.name(value.measure), this.#evidence(value.measure, [evidence], value), null);
  }

  /** @param {Score} score @param {Value[]} values of the same stretch */
  score(score, values) {
    const name = this.words.name(score.score);
    const parts = Object.entries(score.contributions).sort((a, b) => b[1] - a[1]);
    const rows = parts.map(([measure, points]) => {
      const value = values.find((each) => each.measure === measure)?.value ?? null;
      return el(
        'tr',
        null,
        el('th', { scope: 'row' }, this.words.name(measure)),
        el('td', null, value === null ? '' : this.words.figure(measure, value)),
        el('td', { class: 'number' }, `${points < 0 ? '−' : '+'}${Math.abs(points).toFixed(1)}`),
      );
    });
    const heads = ['Measure', 'You', 'Points'].map((head) => el('th', { scope: 'col' }, head));
    this.#open(
      name,
      [
        el('p', null, this.words.plain(score.score)),
        el('p', null, scoreText(score)),
        rows.length
          ? el('table', null, el('thead', null, el('tr', null, heads)), el('tbody', null, rows))
          : null,
        el('p', { class: 'quiet small' }, this.words.formula(score.score)),
      ],
      null,
    );
  }

  /** @param {string} title @param {number} start @param {number} end @param {string} [quote] */
  stretch(title, start, end, quote = '') {
    const lines = [
      el('p', null, `${this.#when(start, end)}.`),
      quote ? el('blockquote', null, quote) : null,
    ];
    this.#open(title, lines, { start, end });
  }

  /**
   * What a measure says, and where: in one stretch or in several.
   * @param {string} measure
   * @param {Evidence[]} stretches
   * @param {Value} [value] with its interval
   */
  #evidence(measure, stretches, value) {
    const words = this.words;
    const single = stretches.length === 1 ? stretches[0] : null;
    const known = value ?? (single ? this.#valueOf(single) : undefined);
    const usual = words.usual(measure);
    const between = single ? words.between(measure, single.low ?? known?.low ?? null, single.high ?? known?.high ?? null) : '';
    const type = words.madeOf(measure);
    const moments = this.report.moments.filter(
      (moment) =>
        type.includes(moment.type) &&
        stretches.some(({ start, end }) => moment.start >= start && moment.start < end),
    );
    return el(
      'div',
      { class: 'evidence-part' },
      measure ? el('p', null, words.plain(measure)) : null,
      el(
        'dl',
        { class: 'facts' },
        stretches.map((evidence) =>
          evidence.value === null
            ? null
            : fact(single ? words.name(measure) : this.#place(evidence), words.figure(measure, evidence.value)),
        ),
        known?.notSeen ? fact('Not known', `${known.notSeen}.`) : null,
        between ? fact('Most likely', between) : null,
        usual ? fact('Usual', usual) : null,
        single ? fact('When', this.#when(single.start, single.end)) : null,
        known?.seconds ? fact('Seen or heard for', spell(1000 * known.seconds)) : null,
      ),
      stretches.map(({ quote }) => (quote ? el('blockquote', null, quote) : null)),
      moments.length ? this.#momentList(moments) : null,
      measure ? this.#method(measure) : null,
    );
  }

  /** How a measure is made, on request. @param {string} measure */
  #method(measure) {
    const source = this.words.source(measure);
    return el(
      'details',
      null,
      el('summary', null, 'How it is measured'),
      el('p', { class: 'quiet small' }, this.words.formula(measure)),
      source ? el('p', { class: 'quiet small' }, `Where the usual range comes from: ${source}.`) : null,
      el('p', { class: 'quiet small' }, 'Outside the usual range is not wrong: it is worth a look.'),
    );
  }

  /** The measure's value with its interval, of the same stretch. @param {Evidence} evidence */
  #valueOf({ measure, start, end }) {
    const question = this.report.questions.find((each) => each.start === start && each.end === end);
    const values = question?.values ?? this.report.values;
    return values.find((each) => each.measure === measure);
  }

  /** @param {Moment[]} moments */
  #momentList(moments) {
    const shown = moments.slice(0, MOST_MOMENTS);
    const rest = moments.length - shown.length;
    const names = [...new Set(moments.map((moment) => MOMENTS[moment.type] ?? moment.type))];
    return el(
      'div',
      null,
      el('h3', null, `${names.join(', ')}: ${plural(moments.length, 'time')}`),
      el(
        'ul',
        { class: 'chips' },
        shown.map((moment) => el('li', null, this.#chip(moment))),
        rest > 0 ? el('li', { class: 'quiet small' }, `and ${rest} more`) : null,
      ),
    );
  }

  /** Plays where there is something to play. @param {Moment} moment */
  #chip(moment) {
    const text = this.clock(moment.start);
    if (!this.player?.holds(moment.start, moment.end)) return el('span', { class: 'chip' }, text);
    return el(
      'button',
      {
        class: 'chip', type: 'button', 'aria-label': `Play ${text}`,
        on: { click: () => this.#play(moment.start, moment.end) },
      },
      `▶ ${text}`,
    );
  }

  /** A stretch by its question, where it is one. @param {Evidence} evidence */
  #place({ start, end }) {
    const question = this.report.questions.find((each) => each.start === start && each.end === end);
    return question ? called(question) : this.#when(start, end);
  }

  /** @param {number} start @param {number} end */
  #when(start, end) {
    const from = this.clock(start);
    const until = this.clock(end);
    return until === from ? `At ${from}` : `${from} to ${until}`;
  }

  /**
   * @param {string} title
   * @param {Child} content
   * @param {{start: number, end: number} | null | undefined} stretch what to play
   */
  #open(title, content, stretch) {
    this.player?.stop();
    this.title.textContent = title;
    fill(this.body, content);
    const plays = stretch && this.player?.holds(stretch.start, stretch.end);
    fill(this.stage, plays && this.player ? this.player.element : null);
    if (!this.element.open) this.element.showModal();
    this.element.scrollTop = 0;
    this.title.focus();
    if (plays) void this.#play(stretch.start, stretch.end);
  }

  /** @param {number} start @param {number} end */
  async #play(start, end) {
    if (!this.player) return;
    if (!this.player.element.isConnected) fill(this.stage, this.player.element);
    await this.player.play(start, end);
  }
}

/** What a question is called. @param {Question} question */
export function called({ number, attempt }) {
  return `Question ${number}${attempt ? ' (again)' : ''}`;
}

/** @param {Score} score */
export function scoreText(score) {
  if (score.value === null) return `Not given: ${score.notSeen}.`;
  const value = Math.round(score.value);
  if (score.low === null || score.high === null) return `${value} of 100.`;
  return `${value} of 100, most likely between ${Math.round(score.low)} and ${Math.round(score.high)}.`;
}

/** @param {string} name @param {string} text */
function fact(name, text) {
  return [el('dt', null, name), el('dd', null, text)];
}

/** @param {Moment} moment */
function lasting({ start, end }) {
  return end - start >= 100 ? `It lasted ${((end - start) / 1000).toFixed(1)} seconds.` : '';
}

/** Sides and directions are the person's own. @type {Record<string, string>} */
const WHERE = {
  left: 'To your left.',
  right: 'To your right.',
  up: 'Upwards.',
  down: 'Downwards.',
  face: 'At your face.',
  hair: 'At your hair.',
};

/** @param {Moment} moment */
function detail(moment) {
  return moment.type === 'hint' ? `“${moment.detail}”` : (WHERE[moment.detail] ?? '');
}
