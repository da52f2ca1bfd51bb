/** A stream of a foreign format, whose events are passed on unchanged. */

import { call } from './backoff.ts';
import type { Env } from './env.ts';
import type { Http } from './http.ts';
import type { Connection } from './lifecycle.ts';
import { EventStream } from './stream.ts';
import type { State, WatchUrlOptions } from './types.ts';

export class Foreign implements Connection {
  #env: Env;
  #stream: EventStream;
  #seen: (data: unknown, state: State) => void;
  #state: State = 'connecting';
  #streams: boolean;
  #isClosed = false;

  constructor(env: Env, http: Http, url: string, seen: (data: unknown, state: State) => void, options: WatchUrlOptions) {
    [this.#env, this.#seen, this.#streams] = [env, seen, options.whenHidden === 'stream'];
    this.#stream = new EventStream(
      env,
      {
        request: async () => {
          const { body: _, ...init } = http.init(await http.headers(), '');
          return { url, init: { ...init, method: 'GET' } };
        },
        onEvent: (name, data) => {
          if (name !== 'message') return;
          this.#state = 'live';
          call(env, seen, JSON.parse(data), 'live');
        },
        opened: () => {},
        lost: () => this.#is('retrying'),
        refused: () => {},
      },
      options.silentFor !== undefined,
    );
    if (options.silentFor !== undefined) this.#stream.pingsEvery(options.silentFor / 2);
    if (this.#streams || !(env.page.hidden() || env.page.prerendering())) this.#stream.open();
    else this.#state = 'stale';
    call(env, seen, null, this.#state);
  }

  shown(): void {
    if (this.#isClosed || !this.#stream.isClosed) return;
    this.#is('connecting');
    this.#stream.open();
  }

  pause(): void {
    if (!this.#streams) this.away();
  }

  away(): void {
    this.#stream.close();
    this.#is('stale');
  }

  reconnect(): void {
    if (!this.#stream.isClosed) this.#stream.open();
  }

  starving(): void {
    if (!this.#stream.isClosed) this.away();
  }

  unblocked(): void {
    if (!this.#env.page.hidden()) this.shown();
  }

  close(): void {
    this.#isClosed = true;
    this.#stream.close();
  }

  #is(state: State): void {
    if (this.#state === state || this.#isClosed) return;
    this.#state = state;
    call(this.#env, this.#seen, null, state);
  }
}
