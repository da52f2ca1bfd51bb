import type { Env } from './env.ts';

/** One timer: whoever sets it anew gives up what it was set to. */
export class Timer {
  #env: Env;
  #cancel = (): void => {};

  constructor(env: Env) {
    this.#env = env;
  }

  set(ms: number, ring: () => void): void {
    this.#cancel();
    this.#cancel = this.#env.timer(ms, ring);
  }

  clear(): void {
    this.#cancel();
  }
}
