/** The gateway's HTTP API, with the tokens that the store keeps. */

/** @typedef {import('./store.js').Store} Store */

/**
 * @typedef {object} Question
 * @property {string} id
 * @property {string} text
 * @property {string} why
 * @property {number} seconds
 * @property {string} style
 * @property {string} competence
 * @property {string[]} follow_ups
 */

/**
 * What POST /api/sessions gives, and how its clock differs from this browser's.
 * @typedef {object} SessionCreated
 * @property {string} session_id
 * @property {string} token
 * @property {string} candidate_id
 * @property {string} candidate_token
 * @property {number} expires_at Unix seconds
 * @property {number} ahead_ms how far the browser's clock is ahead of the gateway's
 * @property {Question[]} questions
 * @property {string} whip_url
 * @property {string} events_url
 * @property {string} report_url
 * @property {RTCIceServer[]} ice_servers
 */

/**
 * @typedef {object} SessionRequest
 * @property {string} [role]
 * @property {object | string | null} [resume]
 * @property {object | string | null} [job]
 * @property {number} [question_count]
 * @property {{camera: boolean, microphone: boolean, keep_recording: boolean, training: boolean}} consent
 * @property {boolean} [live_hints]
 */

/**
 * A measure in words; `low` and `high` bound what is usual, where that is known.
 * @typedef {{name: string, unit: string, formula: string, source: string,
 *   low: number | null, high: number | null}} Measure
 */

const REPORT_PATIENCE_MS = 60_000;
const REQUEST_TIMEOUT_MS = 20_000;

/** The gateway refused, or could not be reached (status 0). */
export class ApiProblem extends Error {
  /**
   * @param {number} status
   * @param {string} error what is wrong
   * @param {string} whatToDo
   * @param {number} [retryAfterS]
   */
  constructor(status, error, whatToDo, retryAfterS) {
    super(error);
    this.name = 'ApiProblem';
    this.status = status;
    this.error = error;
    this.whatToDo = whatToDo;
    this.retryAfterS = retryAfterS;
  }

  /** The session takes nothing any more: ended, expired, erased, or another one's. */
  get over() {
    return [401, 403, 404, 410].includes(this.status);
  }

  /** Worth trying again: the network or the gateway is away, or busy. */
  get passing() {
    return [0, 429, 502, 503, 504].includes(this.status);
  }
}

export class Api {
  /** @param {Store} store */
  constructor(store) {
    this.store = store;
  }

  // --- a practice

  /**
   * @param {SessionRequest} body
   * @returns {Promise<SessionCreated>}
   */
  async createSession(body) {
    const token = this.store.candidateToken;
    const { now_ms, ...created } = await this.#json('POST', '/api/sessions', token, body);
    this.store.candidateToken = created.candidate_token;
    return { ...created, ahead_ms: Date.now() - now_ms };
  }

  /**
   * @param {string} id
   * @param {string} questionId
   * @param {number} attempt 0, then 1, 2 when it is answered again
   * @param {string} ask names this asking: sent twice it counts once
   */
  async question(id, questionId, attempt, ask) {
    const body = { question_id: questionId, attempt, ask };
    await this.#send('POST', `/api/sessions/${id}/question`, this.#sessionToken(id), body);
  }

  /** @param {string} id */
  async pause(id) {
    await this.#send('POST', `/api/sessions/${id}/pause`, this.#sessionToken(id));
  }

  /** @param {string} id */
  async resume(id) {
    await this.#send('POST', `/api/sessions/${id}/resume`, this.#sessionToken(id));
  }

  /** @param {string} id */
  async end(id) {
    await this.#send('POST', `/api/sessions/${id}/end`, this.#sessionToken(id));
  }

  /**
   * Removes one practice from every store.
   * @param {string} id
   */
  async eraseSession(id) {
    await this.#send('DELETE', `/api/sessions/${id}`, this.#sessionToken(id));
  }

  /**
   * @param {string} id
   * @param {string} hintId
   * @param {number} latencyMs from arrival to the screen
   */
  async hintShown(id, hintId, latencyMs) {
    const body = { latency_ms: latencyMs };
    const path = `/api/sessions/${id}/hints/${hintId}/shown`;
    await this.#send('POST', path, this.#sessionToken(id), body);
  }

  // --- reports

  /**
   * A report as soon as it is written.
   * @param {string} id
   * @returns {Promise<any>}
   */
  async report(id) {
    return (await this.#reportResponse(id, 'json')).json();
  }

  /**
   * The report as a page that stands alone.
   * @param {string} id
   * @returns {Promise<string>}
   */
  async reportHtml(id) {
    return (await this.#reportResponse(id, 'html')).text();
  }

  /**
   * By the session's token while the browser has it (it may still be being written), and by
   * the candidate's otherwise.
   * @param {string} id
   * @param {'json' | 'html'} format
   */
  async #reportResponse(id, format) {
    const deadline = Date.now() + REPORT_PATIENCE_MS;
    let own = this.store.tokenOf(id) === null;
    let expired = false;
    for (;;) {
      try {
        const path = own ? `/api/candidates/me/reports/${id}` : `/api/sessions/${id}/report`;
        const token = own ? this.store.candidateToken : this.#sessionToken(id);
        const response = await this.#send('GET', `${path}?format=${format}`, token);
        if (response.status !== 202) return response;
        throw problemOf(response, 'The report is still being written.', 'Wait a moment.');
      } catch (problem) {
        if (!(problem instanceof ApiProblem)) throw problem;
        // The session's token is over, or the bucket let go of the session: the report stays.
        if (!own && [401, 403, 404].includes(problem.status)) {
          own = true;
          expired = problem.status === 401;
          continue;
        }
        // A session that expired a moment ago: its report is still being written.
        const early = expired && problem.status === 404;
        const passing = early || [0, 202, 409, 503].includes(problem.status);
        if (!passing || Date.now() > deadline) throw problem;
        await new Promise((done) => setTimeout(done, (problem.retryAfterS ?? 1) * 1000));
      }
    }
  }

  /**
   * Summaries of all own practices, oldest first (ReportSummary of report.proto).
   * @returns {Promise<any[]>}
   */
  async ownReports() {
    if (this.store.candidateToken === null) return [];
    return this.#json('GET', '/api/candidates/me/reports', this.store.candidateToken);
  }

  /**
   * @param {string} id
   * @returns {Promise<any>}
   */
  ownReport(id) {
    return this.#json('GET', `/api/candidates/me/reports/${id}`, this.store.candidateToken);
  }

  /** @returns {Promise<any>} */
  exportAll() {
    return this.#json('GET', '/api/candidates/me/export', this.store.candidateToken);
  }

  /**
   * Erases everything at the server; what the browser keeps is the store's to erase.
   * @returns {Promise<{sessions: number}>}
   */
  eraseAll() {
    return this.#json('DELETE', '/api/candidates/me', this.store.candidateToken);
  }

  /** @returns {Promise<Record<string, Measure>>} */
  measures() {
    return this.#json('GET', '/api/measures', null);
  }

  // --- HTTP

  /**
   * An SDP offer; a further one of the same session replaces its connection.
   * @param {string} id
   * @param {string} sdp
   * @param {AbortSignal} signal
   * @returns {Promise<{answer: string, location: string, tag: string}>} tag: of the ICE session
   */
  async whip(id, sdp, signal) {
    const headers = this.#headers(this.#sessionToken(id));
    headers.set('Content-Type', 'application/sdp');
    const response = await checked(`/whip/${id}`, { method: 'POST', headers, body: sdp, signal });
    const location = response.headers.get('Location') ?? '';
    const tag = response.headers.get('ETag') ?? '';
    return { answer: await response.text(), location, tag };
  }

  /**
   * ICE candidates that came after the offer (RFC 8840).
   * @param {string} id
   * @param {string} location
   * @param {string} tag
   * @param {string} fragment
   */
  async whipTrickle(id, location, tag, fragment) {
    const headers = this.#headers(this.#sessionToken(id));
    headers.set('If-Match', tag);
    headers.set('Content-Type', 'application/trickle-ice-sdpfrag');
    await checked(location, { method: 'PATCH', headers, body: fragment });
  }

  /**
   * The open stream of a session's events.
   * @param {string} id
   * @param {AbortSignal} signal
   */
  events(id, signal) {
    const headers = this.#headers(this.#sessionToken(id));
    headers.set('Accept', 'text/event-stream');
    return checked(`/api/sessions/${id}/events`, { headers, signal, cache: 'no-store' });
  }

  /** @param {string} id */
  #sessionToken(id) {
    return this.store.tokenOf(id);
  }

  /** @param {string | null} token */
  #headers(token) {
    const headers = new Headers();
    if (token !== null) headers.set('Authorization', `Bearer ${token}`);
    return headers;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {string | null} token
   * @param {object} [body]
   */
  #send(method, path, token, body) {
    const headers = this.#headers(token);
    if (body !== undefined) headers.set('Content-Type', 'application/json');
    return checked(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {string | null} token
   * @param {object} [body]
   * @returns {Promise<any>}
   */
  async #json(method, path, token, body) {
    return (await this.#send(method, path, token, body)).json();
  }
}

/**
 * @param {string} path
 * @param {RequestInit} init
 * @returns {Promise<Response>}
 */
async function checked(path, init) {
  let response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new ApiProblem(
      0,
      'Greenroom can’t be reached.',
      'Check that this device is online and that Greenroom is running, then try again.',
    );
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw problemOf(
    response,
    body.error ?? 'Something went wrong at the server.',
    body.what_to_do ?? 'Try again in a moment.',
  );
}

/**
 * @param {Response} response
 * @param {string} error
 * @param {string} whatToDo
 */
function problemOf(response, error, whatToDo) {
  const wait = Number(response.headers.get('Retry-After'));
  return new ApiProblem(response.status, error, whatToDo, wait > 0 ? wait : undefined);
}
