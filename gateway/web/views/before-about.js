/** First step: what is measured, consent, and what the questions should be about. */

import { ApiProblem } from '../lib/api.js';
import { el, fill } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { canSpeak } from '../lib/speech.js';

/** @typedef {import('../app.js').Context} Context */

const TEXT_LIMIT = 20_000; // the gateway takes no more
const ROLES = [
  'Software engineer',
  'Data analyst',
  'Product manager',
  'Designer',
  'Nurse',
  'Teacher',
  'Sales representative',
  'Customer support',
];
const COUNTS = [1, 2, 3, 4, 5, 6, 8, 10, 12];
const USUAL_COUNT = 3;

/**
 * @param {HTMLElement} root
 * @param {Context} context
 * @param {() => void} next
 */
export async function about(root, context, next) {
  const { store } = context;
  const past = store.preferences;
  const trouble = el('div', { role: 'alert' });
  const submit = el('button', { class: 'primary', type: 'submit' }, 'Choose my questions');
  const form = el(
    'form',
    { novalidate: true, on: { submit: send } },
    consentCard(past),
    wishesCard(past),
    trouble,
    el('div', { class: 'row' }, submit, el('span', { class: 'quiet' }, 'Nothing is recorded yet.')),
  );
  const greeting = past.name ? `Welcome back, ${past.name}` : 'Practise an interview, in private';
  fill(
    root,
    el(
      'header',
      { class: 'opening' },
      el('h1', null, greeting),
      el(
        'p',
        { class: 'lede' },
        'Answer a few questions out loud, as in the real thing. Now and then a short nudge ' +
          'helps while you speak. Afterwards a report shows what went well, and the one thing ' +
          'to practise next.',
      ),
    ),
    whatHappens(context),
    form,
  );

  /** @param {SubmitEvent} event */
  async function send(event) {
    event.preventDefault();
    if (store.running) {
      context.navigate('#/'); // begun in another tab meanwhile: there is one at a time
      return;
    }
    const given = new FormData(form);
    const consent = {
      camera: given.has('camera'),
      microphone: given.has('microphone'),
      keep_recording: given.has('keep_recording'),
      training: false,
    };
    if (!consent.camera && !consent.microphone) {
      fill(trouble, problemNotice('Greenroom has nothing to look at or listen to yet.',
        'Tick the microphone, the camera or both above.'));
      form.querySelector('input')?.focus();
      return;
    }
    submit.disabled = true;
    const name = text(given, 'name');
    const role = text(given, 'role');
    const liveHints = given.has('live_hints');
    const readAloud = given.has('read_aloud');
    try {
      const body = {
        role,
        resume: document_(text(given, 'resume'), 'resume'),
        job: document_(text(given, 'job'), 'job'),
        question_count: Number(given.get('count')),
        consent,
        live_hints: liveHints,
      };
      const created = await context.api.createSession(body);
      const { camera, microphone } = consent;
      // The switch during the interview is of one practice, this choice of the next.
      store.prefer({ name, role, liveHints, readAloud, showHints: liveHints,
        consent: { camera, microphone } });
      store.running = {
        created,
        consent,
        liveHints,
        readAloud,
        index: -1,
        attempt: 0,
        askedAt: 0,
        pausedMs: 0,
        pausedAt: null,
      };
      next();
    } catch (problem) {
      submit.disabled = false;
      if (!(problem instanceof ApiProblem)) throw problem;
      fill(trouble, problemNotice(problem.error, problem.whatToDo));
    }
  }
}

/** @param {Context} context */
function whatHappens(context) {
  const face = el('p', null, 'Where you look, and what others can see in your face.');
  // Some places switch the reading of faces off: then it is not promised here either.
  context.api
    .measures()
    .then((measures) => {
      if (!Object.keys(measures).some((name) => name.includes('smile'))) {
        fill(face, 'Where you look and how you hold your head.');
      }
    })
    .catch(() => {});
  /**
   * @param {string} name
   * @param {string} title
   * @param {HTMLElement} body
   */
  const item = (name, title, body) =>
    el('li', null, icon(name), el('div', null, el('h3', null, title), body));
  return el(
    'section',
    { class: 'card', 'aria-labelledby': 'looks-at' },
    el('h2', { id: 'looks-at' }, 'What Greenroom looks at'),
    el(
      'ul',
      { class: 'looks-at' },
      item('microphone', 'Your voice', el('p', null, 'Pace, pauses, loudness, and “um” and “uh”.')),
      item('check', 'Your words', el('p', null, 'Whether the answer meets the question.')),
      item('eye', 'Your face', face),
      item('hand', 'Your hands', el('p', null, 'How much they move, and when they touch your face.')),
    ),
    el(
      'p',
      null,
      'It describes what others could see and hear. It can’t know what you think or feel, and ' +
        'it doesn’t decide whether anyone would hire you.',
    ),
    el(
      'details',
      null,
      el('summary', null, 'What happens to your data'),
      el(
        'ul',
        null,
        el('li', null, 'Picture and sound are looked at as they arrive and then dropped. Neither is stored.'),
        el('li', null, 'The report is kept, with what you said in writing, by the computer that runs Greenroom.'),
        el('li', null, 'Your name stays in this browser. There is no account, and no employer can look in.'),
        el('li', null, 'You can download everything, or erase it for good, under “Your data”.'),
      ),
    ),
  );
}

/** @param {Record<string, any>} past */
function consentCard(past) {
  const agreed = past.consent ?? {};
  return el(
    'fieldset',
    { class: 'card' },
    el('legend', null, 'What may Greenroom use?'),
    choice('microphone', 'Microphone', 'For your voice and your words.', Boolean(agreed.microphone)),
    choice('camera', 'Camera', 'For where you look, your face and your hands.', Boolean(agreed.camera)),
    choice(
      'keep_recording',
      'Keep the recording, in this browser only',
      'So that you can play moments of it beside the report. It is never sent anywhere, and ' +
        'you can delete it at any time.',
      false,
    ),
    el('p', { class: 'quiet small' }, 'One of the first two is enough. Your browser will ask you again.'),
  );
}

/** @param {Record<string, any>} past */
function wishesCard(past) {
  return el(
    'fieldset',
    { class: 'card' },
    el('legend', null, 'What is the interview about?'),
    el(
      'div',
      { class: 'columns' },
      field('role', 'The job you’d like', el('input', {
        id: 'role', name: 'role', type: 'text', maxlength: 100, list: 'roles',
        value: past.role ?? '', placeholder: 'for example: software engineer',
      }), 'Leave it empty for questions that suit every job.'),
      field('count', 'Number of questions', el('select', { id: 'count', name: 'count' },
        COUNTS.map((n) => el('option', { value: n, selected: n === USUAL_COUNT }, n))),
      'About two minutes each.'),
      field('name', 'Your name', el('input', {
        id: 'name', name: 'name', type: 'text', maxlength: 100, autocomplete: 'given-name',
        value: past.name ?? '',
      }), 'If you like. It stays in this browser.'),
    ),
    el('datalist', { id: 'roles' }, ROLES.map((role) => el('option', { value: role }))),
    el(
      'details',
      null,
      el('summary', null, 'Fit the questions to your resume or a job advert'),
      el(
        'div',
        { class: 'columns' },
        documentField('resume', 'Your resume'),
        documentField('job', 'The job advert'),
      ),
    ),
    choice(
      'live_hints',
      'Short hints while I speak',
      'At most two an answer, three words at most. Without them you practise undisturbed, and ' +
        'everything is in the report.',
      past.liveHints ?? true,
    ),
    canSpeak() &&
      choice('read_aloud', 'Read the questions aloud', '', past.readAloud ?? false),
  );
}

/**
 * @param {string} name
 * @param {string} label
 * @param {string} help
 * @param {boolean} checked
 */
function choice(name, label, help, checked) {
  const described = help ? `${name}-help` : null;
  return el(
    'div',
    { class: 'choice' },
    el('input', { type: 'checkbox', id: name, name, checked, 'aria-describedby': described }),
    el('label', { for: name }, label),
    help && el('p', { class: 'help', id: described }, help),
  );
}

/**
 * @param {string} name
 * @param {string} label
 * @param {HTMLElement} control
 * @param {string} help
 */
function field(name, label, control, help) {
  control.setAttribute('aria-describedby', `${name}-help`);
  return el(
    'div',
    { class: 'field' },
    el('label', { for: name }, label),
    control,
    el('p', { class: 'help', id: `${name}-help` }, help),
  );
}

/**
 * Text to paste, or a file that fills it.
 * @param {string} name
 * @param {string} label
 */
function documentField(name, label) {
  const area = el('textarea', { id: name, name, maxlength: TEXT_LIMIT, spellcheck: 'false' });
  const file = el('input', {
    type: 'file',
    id: `${name}-file`,
    accept: '.json,.txt,.md,application/json,text/plain',
    on: {
      change: async () => {
        const chosen = file.files?.[0];
        if (!chosen) return;
        const content = await chosen.text();
        // An object may be longer than text, and would be none when it is cut.
        const cut = !content.trimStart().startsWith('{') && content.length > TEXT_LIMIT;
        area.value = cut ? content.slice(0, TEXT_LIMIT) : content;
        fill(note, cut && `The file is longer than ${TEXT_LIMIT} characters: its end is left out.`);
      },
    },
  });
  const note = el('p', { class: 'help', role: 'status' });
  return el(
    'div',
    { class: 'field' },
    el('label', { for: name }, label),
    area,
    note,
    el('p', { class: 'help' }, 'Paste it as text or JSON Resume, or ',
      el('label', { for: file.id }, 'choose a file'), ': ', file),
  );
}

/**
 * @param {FormData} given
 * @param {string} name
 */
function text(given, name) {
  return String(given.get(name) ?? '').trim();
}

/**
 * JSON Resume as an object, other text as it is.
 * @param {string} content
 * @param {string} name
 */
function document_(content, name) {
  if (!content) return null;
  if (!content.startsWith('{')) return content;
  try {
    return JSON.parse(content);
  } catch {
    throw new ApiProblem(0, `The ${name} looks like JSON but can’t be read as such.`,
      'Correct it, or paste it as plain text.');
  }
}

/**
 * @param {string} error
 * @param {string} whatToDo
 */
export function problemNotice(error, whatToDo) {
  return el('div', { class: 'notice bad' }, icon('warn'), el('p', null, `${error} ${whatToDo}`));
}
