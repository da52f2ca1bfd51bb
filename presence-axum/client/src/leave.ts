/** A leave that is repeated until it is confirmed, or until the lease of the session is over. */

import { backoff } from './backoff.ts';
import type { Env } from './env.ts';
import { isRefused, isAccepted, type Sender } from './http.ts';
import { Timer } from './timer.ts';
import type { Beat } from './types.ts';

/** The maximum time until the host gets a result. */
const WAIT_FOR = 5_000;

export class Leave {
  readonly beat: Beat;
  readonly result: Promise<'confirmed' | 'unconfirmed'>;
  #env: Env;
  #send: Sender;
  #until: number;
  #failures = 0;
  #isOver = false;
  #isUnderWay = false;
  #timer: Timer;
  #resolve!: (result: 'confirmed' | 'unconfirmed') => void;

  constructor(env: Env, beat: Beat, send: Sender, lease: number) {
    [this.#env, this.beat, this.#send, this.#until, this.#timer] = [env, beat, send, env.now() + lease, new Timer(env)];
    this.result = new Promise((resolve) => (this.#resolve = resolve));
    env.timer(WAIT_FOR, () => this.#resolve('unconfirmed'));
    void this.again();
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Tries now, for example because the network is back. */
  async again(): Promise<void> {
    if (this.#isOver || this.#isUnderWay) return;
    this.#timer.clear();
    this.#isUnderWay = true;
    const answer = await this.#send(this.beat);
    this.#isUnderWay = false;
    if (this.#isOver) return;
    if (isAccepted(answer)) return this.end('confirmed');
    if (isRefused(answer) || this.#env.now() >= this.#until) return this.end('unconfirmed');
    this.#failures += 1;
    this.#timer.set(Math.max(answer.retryAfter, 200 + backoff(this.#env, this.#failures, 8_000)), () => void this.again());
  }

  /** Stops repeating: the leave was confirmed, or its session has been entered again. */
  end(result: 'confirmed' | 'unconfirmed'): void {
    this.#isOver = true;
    this.#timer.clear();
    this.#resolve(result);
  }
}
