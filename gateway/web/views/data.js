/**
 * A person's own data: what is kept and where, export, erasure.
 * @module
 */

import { ApiProblem } from '../lib/api.js';
import { el, fill } from '../lib/dom.js';
import { plural } from '../lib/words.js';
import { save } from './report-save.js';

/** @typedef {import('../app.js').Context} Context */

const MEGABYTE = 1_000_000;

/** @param {HTMLElement} root @param {Context} context */
export async function show(root, context) {
  const status = el('p', { class: 'quiet', role: 'status' });
  const kept = el('ul', null, el('li', null, 'Looking up what is kept.'));
  const recordings = el('div');
  const title = el('h2', { id: 'kept-title', tabindex: '-1' }, 'What is kept');
  const confirm = dialog(root, context, status);
  const look = () => describe(kept, recordings, context, erased);
  const erased = async () => {
    await look();
    title.focus(); // the button that was pressed is gone
    context.announce('The recording was erased.');
  };
  fill(
    root,
    el('h1', null, 'Your data'),
    el('p', { class: 'lede' }, 'It is yours: take it with you or erase it, without giving a reason.'),
    el('section', { class: 'card', 'aria-labelledby': 'kept-title' }, title, kept, recordings),
    el(
      'section',
      { class: 'card', 'aria-labelledby': 'export-title' },
      el('h2', { id: 'export-title' }, 'Take it with you'),
      el('p', null, 'One file with every report in full: what you said, every number, every moment.'),
      el('button', { class: 'primary', type: 'button', on: { click: () => void exportAll(context, status) } }, 'Export everything'),
    ),
    el(
      'section',
      { class: 'card', 'aria-labelledby': 'erase-title' },
      el('h2', { id: 'erase-title' }, 'Erase it'),
      el('p', null, 'Removes every practice, report and recording, from Greenroom and from this browser. It can’t be undone.'),
      el('button', { class: 'danger', type: 'button', on: { click: () => confirm.showModal() } }, 'Erase everything'),
    ),
    status,
    confirm,
  );
  await look();
}

/**
 * @param {HTMLElement} kept
 * @param {HTMLElement} recordings
 * @param {Context} context
 * @param {() => Promise<void>} erased a recording was
 */
async function describe(kept, recordings, { api, store }, erased) {
  // A browser that keeps nothing has no recordings.
  const sessions = await store.recordedSessions().catch(() => /** @type {string[]} */ ([]));
  let practices = 'Reports and transcripts: they can’t be looked up just now.';
  try {
    const reports = await api.ownReports();
    practices = reports.length
      ? `In Greenroom’s database: ${plural(reports.length, 'report')}, with what you said and what was seen and heard.`
      : 'In Greenroom’s database: nothing.';
  } catch (problem) {
    if (!(problem instanceof ApiProblem)) throw problem;
  }
  fill(
    kept,
    el('li', null, practices),
    el('li', null, 'In Greenroom’s live stream: the signals of your latest practices, for a day at most.'),
    el('li', null, store.candidateToken === null ? 'In this browser: nothing that says who you are.' : 'In this browser: a key that opens your reports, and your choices on this page.'),
    el('li', null, sessions.length ? `In this browser: ${plural(sessions.length, 'recording')}. Nobody else has them.` : 'No recordings: pictures and sound are kept nowhere unless you ask for it.'),
  );
  fill(recordings, sessions.length ? el('ul', { class: 'practices' }, await Promise.all(sessions.map((id) => recording(id, store, erased)))) : null);
}

/** @param {string} id @param {import('../lib/store.js').Store} store @param {() => Promise<void>} erased */
async function recording(id, store, erased) {
  const parts = await store.recording(id);
  const size = parts.reduce((sum, part) => sum + part.blob.size, 0);
  const at = new Date(parts[0]?.startedAt ?? 0);
  const row = el('li', null, el('span', null, `Recording of ${at.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })}, ${(size / MEGABYTE).toFixed(1)} MB`));
  const download = () => parts.forEach(({ blob }, index) => save(`greenroom-recording-${index + 1}.${extension(blob)}`, blob));
  const erase = async () => {
    await store.eraseRecording(id);
    await erased();
  };
  row.append(
    el(
      'span',
      { class: 'row' },
      el('button', { type: 'button', on: { click: download } }, 'Save'),
      el('button', { class: 'danger', type: 'button', on: { click: erase } }, 'Erase'),
    ),
  );
  return row;
}

/** Browsers record in different forms: "mp4" of "video/mp4;codecs=avc1". @param {Blob} blob */
function extension({ type }) {
  return type.split(/[/;]/)[1];
}

/** @param {Context} context @param {HTMLElement} status */
async function exportAll({ api, store }, status) {
  if (store.candidateToken === null) {
    status.textContent = 'There is nothing to export yet: you have not practised in this browser.';
    return;
  }
  try {
    const everything = { ...(await api.exportAll()), browser: { preferences: store.preferences } };
    save('greenroom-export.json', new Blob([JSON.stringify(everything, null, 1)], { type: 'application/json' }));
    status.textContent = `Saved: ${plural(everything.reports.length, 'report')}. Recordings are saved one by one, above.`;
  } catch (problem) {
    if (!(problem instanceof ApiProblem)) throw problem;
    status.textContent = `${problem.error} ${problem.whatToDo}`;
  }
}

/** @param {HTMLElement} root @param {Context} context @param {HTMLElement} status */
function dialog(root, context, status) {
  const erase = async () => {
    made.close();
    status.textContent = 'Erasing.';
    try {
      const { sessions } = context.store.candidateToken === null ? { sessions: 0 } : await context.api.eraseAll();
      // The key last: without it the server's part could not be erased any more.
      await context.store.eraseAll();
      fill(root, gone(sessions));
      context.announce('Everything was erased.');
    } catch (problem) {
      if (!(problem instanceof ApiProblem || problem instanceof DOMException)) throw problem;
      const [what, then] = problem instanceof ApiProblem
        ? [problem.error, problem.whatToDo]
        : ['This browser does not let its own part be erased.', 'Clear the site’s data in its settings.'];
      status.textContent = `Not everything was erased. ${what} ${then}`;
    }
  };
  const made = el(
    'dialog',
    { 'aria-labelledby': 'confirm-title' },
    el('h2', { id: 'confirm-title' }, 'Erase everything?'),
    el('p', null, 'Every practice, report and recording of yours will be gone. It can’t be undone.'),
    el(
      'div',
      { class: 'row' },
      el('button', { type: 'button', autofocus: true, on: { click: () => made.close() } }, 'Keep it'),
      el('button', { class: 'danger', type: 'button', on: { click: erase } }, 'Erase everything'),
    ),
  );
  return made;
}

/** @param {number} sessions */
function gone(sessions) {
  return el(
    'section',
    { class: 'card' },
    el('h1', { tabindex: '-1' }, 'It is gone'),
    el('p', null, sessions ? `${plural(sessions, 'practice')} and everything that belonged to ${sessions === 1 ? 'it' : 'them'} was erased, here and in Greenroom’s database and stream.` : 'Nothing of yours is kept, here or in Greenroom’s database and stream.'),
    el('a', { class: 'button primary', href: '#/' }, 'Start anew'),
  );
}
