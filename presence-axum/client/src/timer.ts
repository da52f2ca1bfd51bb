import type { Env } from './env.ts';

/** A single timer; setting it again cancels the previous setting. */
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
