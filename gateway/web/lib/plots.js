/**
 * Plots, by Plotly out of the server's own package; loaded for the first plot.
 *
 * Colours stand in report.css, so that plots follow light, dark and print without being
 * drawn again. Under the page's Content-Security-Policy Plotly may not make style elements:
 * its basic rules go into report.css's sheet instead (see `load`), and the stylesheet of its
 * maps, which nothing here draws, stays blocked.
 * @module
 */

import { clock } from './time.js';

const SCRIPT = '/vendor/plotly.min.js';
const STYLE_ID = 'plotly.js-style-global';
const ROW = 84;
const MARK_ROW = 26;
const TITLE = 22;
const FOOT = 30;

/** Points further apart are not joined: nothing was seen between them. */
const GAP_MS = 2500;

/** A shorter mark could not be seen. */
const LEAST_MARK = 0.006;

/** A busy page draws its plots all the same. */
const IDLE_MS = 1000;

/** Tick distances in seconds that people count in. */
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600];
const MOST_TICKS = 7;

/**
 * @typedef {object} Line
 * @property {string} title
 * @property {number[]} times milliseconds
 * @property {number[]} values
 * @property {number | null} low   the usual range
 * @property {number | null} high
 * @property {(value: number) => string} say
 */

/** @typedef {{start: number, end: number, text: string}} Mark  milliseconds */
/** @typedef {{title: string, marks: Mark[]}} MarkRow */

/**
 * @typedef {object} Timeline
 * @property {Line[]} lines
 * @property {MarkRow[]} rows
 * @property {number} start milliseconds
 * @property {number} end
 * @property {(start: number, end: number, text: string) => void} pick
 */

/** @type {Promise<any> | null} */
let loading = null;

/** @returns {Promise<any>} */
function load() {
  loading ??= new Promise((done, failed) => {
    // Plotly adds its rules to the sheet of the element with this id.
    document.querySelector('link[href$="report.css"]')?.setAttribute('id', STYLE_ID);
    const script = document.createElement('script');
    script.src = SCRIPT;
    script.onload = () => done(/** @type {any} */ (window).Plotly);
    script.onerror = () => {
      loading = null;
      script.remove();
      failed(new Error('the plots could not be loaded'));
    };
    document.head.append(script);
  });
  return loading;
}

/** Plots are drawn one after the other. @type {Promise<void>} */
let drawn = Promise.resolve();

/**
 * Draws when the page has nothing else to do, and not only when `root` is looked at: it may
 * be printed. Returns what ends it.
 * @param {HTMLElement} root
 * @param {() => {traces: any[], layout: any, onPick?: (point: any) => void}} make
 * @returns {() => void}
 */
function whenIdle(root, make) {
  let left = false;
  /** @type {any} */
  let plotly = null;
  drawn = drawn.then(idle).then(async () => {
    if (left) return;
    try {
      plotly = await load();
      if (!left) await draw();
    } catch (error) {
      root.textContent = 'The plots could not be drawn. The numbers below say the same.';
      console.error(error);
    }
  });
  return () => {
    left = true;
    if (root.dataset.drawn) plotly.purge(root);
  };

  async function draw() {
    const { traces, layout, onPick } = make();
    const plot = await plotly.newPlot(root, traces, layout, { displayModeBar: false, responsive: true });
    scalable(root);
    plot.on('plotly_afterplot', () => scalable(root)); // another width, another drawing
    plot.on('plotly_click', (/** @type {any} */ event) => onPick?.(event.points[0]));
    root.dataset.drawn = 'yes';
  }
}

/** @returns {Promise<void>} */
function idle() {
  return new Promise((done) => {
    if ('requestIdleCallback' in window) requestIdleCallback(() => done(), { timeout: IDLE_MS });
    else setTimeout(done, 0);
  });
}

/** Lets print styles shrink the drawing to the paper. @param {HTMLElement} root */
function scalable(root) {
  for (const svg of root.querySelectorAll('svg.main-svg')) {
    const box = `0 0 ${svg.getAttribute('width')} ${svg.getAttribute('height')}`;
    svg.setAttribute('viewBox', box);
  }
}

/**
 * One answer over time: a row for each line, and below a row for each kind of moment.
 * @param {HTMLElement} root
 * @param {Timeline} timeline
 */
export function drawTimeline(root, timeline) {
  const height = timelineHeight(timeline);
  root.style.height = `${height}px`; // before it is drawn, so that nothing moves
  return whenIdle(root, () => {
    const { lines, rows, start, end } = timeline;
    const inner = height - FOOT;
    const layout = base(height);
    layout.xaxis = { ...axis(), ...ticks(start, end), range: [start, end], anchor: 'free', position: 0 };
    const traces = [];
    let top = 0;
    for (const [index, line] of lines.entries()) {
      const domain = [1 - (top + ROW) / inner, 1 - (top + TITLE) / inner];
      traces.push(lineTrace(line, index));
      layout[axisName(index)] = { ...axis(), domain, range: span(line), nticks: 3 };
      layout.annotations.push(title(line.title, 1 - top / inner));
      if (line.low !== null || line.high !== null) layout.shapes.push(band(line, span(line), index));
      top += ROW;
    }
    for (const [index, row] of rows.entries()) {
      const place = lines.length + index;
      const domain = [1 - (top + MARK_ROW) / inner, 1 - (top + 16) / inner];
      traces.push(markTrace(row, place, (end - start) * LEAST_MARK));
      layout[axisName(place)] = { ...axis(), domain, range: [-0.5, 0.5], visible: false };
      layout.annotations.push(title(row.title, 1 - top / inner));
      top += MARK_ROW;
    }
    const onPick = (/** @type {any} */ point) => {
      const [from, to, text] = point.data.customdata[point.pointNumber];
      timeline.pick(from, to, text);
    };
    return { traces, layout, onPick };
  });
}

/** @param {Timeline} timeline */
function timelineHeight({ lines, rows }) {
  return lines.length * ROW + rows.length * MARK_ROW + FOOT;
}

/** @typedef {{label: string, value: number | null, low: number | null, high: number | null}} Practice */

/**
 * One measure from practice to practice, with each practice's uncertainty, the usual range
 * and the person's own level.
 * @param {HTMLElement} root
 * @param {{practices: Practice[], low: number | null, high: number | null, own: number | null,
 *   say: (value: number) => string}} trend
 */
export function drawTrend(root, { practices, low, high, own, say }) {
  const height = 150;
  root.style.height = `${height}px`;
  return whenIdle(root, () => {
    const seen = practices.filter((practice) => practice.value !== null);
    const values = seen.map((practice) => Number(practice.value));
    const above = seen.map((practice, i) => (practice.high ?? values[i]) - values[i]);
    const below = seen.map((practice, i) => values[i] - (practice.low ?? values[i]));
    const edges = [
      ...values.map((value, i) => value + above[i]),
      ...values.map((value, i) => value - below[i]),
    ];
    const trace = {
      type: 'scatter',
      mode: 'lines+markers',
      x: seen.map((practice) => practice.label),
      y: values,
      error_y: { type: 'data', array: above, arrayminus: below, width: 3, thickness: 1 },
      text: values.map(say),
      hovertemplate: '%{x}: %{text}<extra></extra>',
    };
    const layout = base(height);
    layout.margin = { l: 36, r: 8, t: 8, b: FOOT };
    layout.xaxis = {
      ...axis(), type: 'category', range: [-0.5, practices.length - 0.5],
      categoryorder: 'array', categoryarray: practices.map((practice) => practice.label),
      nticks: 4, tickangle: 0,
    };
    const range = span({ values: edges, low, high });
    layout.yaxis = { ...axis(), range, nticks: 4 };
    if (low !== null || high !== null) layout.shapes.push(band({ low, high }, range, 0));
    if (own !== null) {
      layout.shapes.push({
        type: 'line', name: 'own', xref: 'paper', x0: 0, x1: 1, y0: own, y1: own, yref: 'y',
        line: { dash: 'dot', width: 1.5 },
      });
    }
    return { traces: [trace], layout };
  });
}

/** @param {number} height @returns {any} */
function base(height) {
  return {
    height,
    margin: { l: 36, r: 8, t: 0, b: FOOT },
    showlegend: false,
    dragmode: false,
    hovermode: 'closest',
    paper_bgcolor: 'transparent',
    plot_bgcolor: 'transparent',
    font: { family: 'inherit', size: 11 },
    annotations: [],
    shapes: [],
  };
}

function axis() {
  return { fixedrange: true, zeroline: false, automargin: false, showline: false };
}

/** @param {number} index */
function axisName(index) {
  return index ? `yaxis${index + 1}` : 'yaxis';
}

/** @param {number} index */
function axisId(index) {
  return index ? `y${index + 1}` : 'y';
}

/** @param {Line} line @param {number} index */
function lineTrace(line, index) {
  /** @type {(number | null)[]} */
  const x = [];
  /** @type {(number | null)[]} */
  const y = [];
  const text = [];
  const customdata = [];
  for (const [i, time] of line.times.entries()) {
    if (i && time - line.times[i - 1] > GAP_MS) {
      x.push(null);
      y.push(null);
      text.push('');
      customdata.push([]);
    }
    const words = `${line.title}: ${line.say(line.values[i])}`;
    x.push(time);
    y.push(line.values[i]);
    text.push(`${clock(time)} · ${line.say(line.values[i])}`);
    customdata.push([time, time + 1000, words]);
  }
  return {
    type: 'scatter', mode: 'lines', x, y, text, customdata, yaxis: axisId(index),
    hovertemplate: '%{text}<extra></extra>', connectgaps: false,
  };
}

/** @param {MarkRow} row @param {number} index @param {number} least milliseconds */
function markTrace(row, index, least) {
  return {
    type: 'bar', orientation: 'h', yaxis: axisId(index), width: 0.9,
    base: row.marks.map((mark) => mark.start),
    x: row.marks.map((mark) => Math.max(mark.end - mark.start, least)),
    y: row.marks.map(() => 0),
    text: row.marks.map((mark) => `${clock(mark.start)} · ${mark.text}`),
    textposition: 'none',
    hovertemplate: '%{text}<extra></extra>',
    customdata: row.marks.map((mark) => [mark.start, mark.end, mark.text]),
  };
}

/**
 * The values and the usual range's edges, with a little air.
 * @param {{values: number[], low: number | null, high: number | null}} line
 */
function span({ values, low, high }) {
  const all = [...values, ...[low, high].filter((edge) => edge !== null)];
  const least = Math.min(...all);
  const most = Math.max(...all);
  const air = Math.max((most - least) * 0.12, 0.5);
  return [least - air, most + air];
}

/**
 * The usual range behind a line.
 * @param {{low: number | null, high: number | null}} usual
 * @param {number[]} range of the axis
 * @param {number} index
 */
function band({ low, high }, [bottom, top], index) {
  return {
    type: 'rect', layer: 'below', xref: 'paper', x0: 0, x1: 1, yref: axisId(index),
    y0: low ?? bottom, y1: high ?? top, line: { width: 0 },
  };
}

/** @param {string} text @param {number} y of the paper */
function title(text, y) {
  return {
    text, x: 0, y, xref: 'paper', yref: 'paper', xanchor: 'left', yanchor: 'top',
    showarrow: false, xshift: -4,
  };
}

/** @param {number} start @param {number} end milliseconds */
function ticks(start, end) {
  const seconds = (end - start) / 1000;
  const step = STEPS.find((each) => seconds / each <= MOST_TICKS) ?? STEPS[STEPS.length - 1];
  const tickvals = [];
  for (let at = Math.ceil(start / 1000 / step) * step; at * 1000 <= end; at += step) {
    tickvals.push(at * 1000);
  }
  return { tickvals, ticktext: tickvals.map(clock) };
}
