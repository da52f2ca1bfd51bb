/**
 * An event stream that is read by `fetch`, so that it can carry a token. Reconnects by itself, and
 * detects silence.
 */

import { backoff, textOf } from './backoff.ts';
import type { Env } from './env.ts';
import { Parser } from './parse.ts';
import { Timer } from './timer.ts';
import type { Problem } from './types.ts';

/**
 * If the headers have not arrived by then, the connection is given up; the next attempt may get
 * through.
 */
const HEADERS_WITHIN = 4_000;
/** The default interval of the server's pings. */
const PING_EVERY = 15_000;

export interface StreamHost {
  /** The request to send now. Rejects if the host has no token. */
  request(): Promise<{ url: string; init: RequestInit }>;
  /** An event. If it throws, the stream is closed and reconnects. */
  onEvent(name: string, data: string): void;
  opened(): void;
  lost(problem: Problem): void;
  /** The server refused the token. */
  refused(): void;
}

export class EventStream {
  #env: Env;
  #host: StreamHost;
  #attempt: AbortController | null = null;
  #timer: Timer;
  #failures = 0;
  #retryIn = 0;
  #pingEvery = PING_EVERY;
  #watches: boolean;

  /** `watches`: the server sends pings, so that silence means a lost connection. */
  constructor(env: Env, host: StreamHost, watches: boolean) {
    [this.#env, this.#host, this.#watches, this.#timer] = [env, host, watches, new Timer(env)];
  }

  get isClosed(): boolean {
    return this.#attempt === null;
  }

  /** Opens the stream, or opens it again. */
  open(): void {
    this.close();
    void this.#run((this.#attempt = new AbortController()));
  }

  close(): void {
    this.#timer.clear();
    this.#attempt?.abort();
    this.#attempt = null;
  }

  /** Sets the interval of the server's pings. */
  pingsEvery(ms: number): void {
    if (ms > 0) this.#pingEvery = ms;
  }

  #isOver(attempt: AbortController): boolean {
    return this.#attempt !== attempt;
  }

  async #run(attempt: AbortController): Promise<void> {
    this.#retryIn = 0;
    let problem: Problem = { code: 'network', message: 'the stream ended' };
    try {
      const { url, init } = await this.#host.request();
      if (this.#isOver(attempt)) return;
      this.#ends(HEADERS_WITHIN, attempt);
      const response = await this.#env.fetch(url, { ...init, signal: attempt.signal });
      if (this.#isOver(attempt)) return;
      if (response.status === 200 && response.body) {
        this.#host.opened();
        await this.#read(response.body.getReader(), attempt);
      } else {
        if (response.status === 401) this.#host.refused();
        this.#retryIn = 1000 * Number(response.headers.get('retry-after')) || (response.status < 500 && response.status !== 401 ? 15_000 : 0);
        problem = { code: response.status < 500 ? 'refused' : 'server', message: `http ${response.status}` };
        await response.body?.cancel();
      }
    } catch (error) {
      if (this.#isOver(attempt)) return;
      problem = { code: error instanceof Broken ? 'protocol' : 'network', message: textOf(error) };
    }
    if (!this.#isOver(attempt)) this.#lost(problem);
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>, attempt: AbortController): Promise<void> {
    const decoder = new TextDecoder();
    const parser = new Parser(
      (name, data) => {
        if (this.#isOver(attempt)) return;
        this.#retryIn = 0;
        this.#failures = 0;
        try {
          this.#host.onEvent(name, data);
        } catch (error) {
          throw new Broken(textOf(error));
        }
      },
      (ms) => (this.#retryIn = ms),
    );
    this.#resetTimeout(attempt);
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.#isOver(attempt)) return;
      parser.push(decoder.decode(value, { stream: true }));
      if (!this.#isOver(attempt)) this.#resetTimeout(attempt);
    }
  }

  #resetTimeout(attempt: AbortController): void {
    this.#timer.clear();
    if (this.#watches) this.#ends(2 * this.#pingEvery, attempt);
  }

  #ends(ms: number, attempt: AbortController): void {
    this.#timer.set(ms, () => {
      if (this.#isOver(attempt)) return;
      attempt.abort();
      this.#lost({ code: 'network', message: 'silence' });
    });
  }

  #lost(problem: Problem): void {
    this.close();
    this.#failures += 1;
    const asked = this.#retryIn * (1 + 0.2 * this.#env.random());
    const wait = Math.max(asked, backoff(this.#env, this.#failures, 4_000));
    const waiting = (this.#attempt = new AbortController());
    this.#timer.set(wait, () => {
      if (!this.#isOver(waiting)) this.open();
    });
    this.#host.lost({ ...problem, retryIn: Math.round(wait) });
  }
}

/** The server sent something invalid. */
class Broken extends Error {}
