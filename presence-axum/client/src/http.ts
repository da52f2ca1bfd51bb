/** Heartbeats over HTTP. */

import { textOf } from './backoff.ts';
import type { Env } from './env.ts';
import { Token } from './token.ts';
import type { Beat, Options, Problem } from './types.ts';

/** The outcome of a heartbeat; status 0 if there was no response. */
export interface Answer {
  status: number;
  /** The milliseconds that the server asks to wait. */
  retryAfter: number;
  body: { placed_at?: number; active_for?: number; lease_for?: number; idle_for?: number; degraded?: boolean; error?: string; user?: string; ws?: boolean; id?: string };
  code: Problem['code'];
}

/** Sends a leave with the credentials that its user had. */
export type Sender = (beat: Beat) => Promise<Answer>;

/** The outcome of a heartbeat without a response. */
export const unanswered = (error: string, code: Problem['code'] = 'network'): Answer => ({ status: 0, retryAfter: 0, body: { error }, code });

export const isAccepted = ({ status }: Answer): boolean => status >= 200 && status < 300;
/** Whether repeating the request would be refused again. */
export const isRefused = ({ status }: { status: number }): boolean => status >= 400 && status < 500 && ![401, 408, 425, 429].includes(status);

const ANSWER_WITHIN = 10_000;
/** A response that takes longer may be waiting for the connection that our own stream occupies. */
const STARVES_AFTER = 4_000;

export class Http {
  #env: Env;
  #options: Options;
  #token: Token;
  #starving: () => void;

  /** `starving` is called when a heartbeat waits for that long. */
  constructor(env: Env, options: Options, token: Token, starving: () => void) {
    this.#env = env;
    this.#options = options;
    this.#token = token;
    this.#starving = starving;
  }

  url(path: string): string {
    return (this.#options.url ?? '') + path;
  }

  /** The headers of a request. Rejects if the host has no token. */
  async headers(): Promise<Record<string, string>> {
    return this.#headers(await this.#token.get());
  }

  #headers(token: string | null): Record<string, string> {
    // text/plain needs no preflight, and beacons use it too.
    const headers: Record<string, string> = { 'content-type': 'text/plain;charset=UTF-8', ...this.#options.headers?.() };
    if (token !== null) headers['authorization'] = `Bearer ${token}`;
    return headers;
  }

  init(headers: Record<string, string>, body: string): RequestInit & { body: string } {
    return { method: 'POST', headers, body, cache: 'no-store', credentials: this.#options.credentials ?? 'same-origin' };
  }

  /** Sends a heartbeat; if the token is refused, asks for a new one and tries once more. */
  async deliver(beat: Beat): Promise<Answer> {
    const answer = await this.#attempt(beat);
    if (answer.status !== 401 || this.#options.token === undefined) return answer;
    return this.#attempt(beat);
  }

  async #attempt(beat: Beat): Promise<Answer> {
    let headers;
    let token = null;
    try {
      token = await this.#token.get();
      headers = this.#headers(token);
    } catch (error) {
      return unanswered(textOf(error), 'token');
    }
    const answer = await this.#send(beat, headers);
    if (answer.status === 401) this.#token.refuse(token);
    return answer;
  }

  /** A sender that keeps using the credentials of this moment, even if the user changes later. */
  capture(): Sender {
    const headers = this.#headers(this.#token.last);
    return (beat) => this.#send(beat, headers);
  }

  async #send(beat: Beat, headers: Record<string, string>): Promise<Answer> {
    const answer = unanswered('no answer');
    let body;
    try {
      body = this.#body(beat);
    } catch (error) {
      this.#env.report(error);
      return unanswered(textOf(error), 'protocol');
    }
    if (!body) return { ...answer, status: 200, body: {} };
    const abort = new AbortController();
    const starves = this.#env.timer(STARVES_AFTER, this.#starving);
    const ends = this.#env.timer(ANSWER_WITHIN, () => abort.abort());
    try {
      const response = await this.#env.fetch(this.url('/v1/hit'), { ...this.init(headers, body), signal: abort.signal, keepalive: true });
      starves();
      answer.status = response.status;
      answer.retryAfter = 1000 * Number(response.headers.get('retry-after')) || 0;
      answer.code = response.status < 500 ? 'refused' : 'server';
      answer.body = { error: `http ${response.status}` };
      const parsed: unknown = await response.json();
      if (typeof parsed === 'object' && parsed !== null) answer.body = parsed;
    } catch {
      // The body is not JSON: the status is enough.
    }
    starves();
    ends();
    return answer;
  }

  /** Sends a heartbeat from a page that is being unloaded, without waiting for the response. */
  sendFinal(beat: Beat): void {
    const body = this.#body(beat);
    if (body) this.#env.page.sendFinal(this.url('/v1/hit'), this.init(this.#headers(this.#token.last), body));
  }

  /** The body of a heartbeat; `null` if the host's `encode` sends none. */
  #body(beat: Beat): string | null {
    const encoded = this.#options.encode ? this.#options.encode(beat) : beat;
    return encoded && JSON.stringify(encoded);
  }
}
