/** The host's token: the newest one, asked for in time, never waited for without end. */

import { within } from './backoff.ts';
import type { Env } from './env.ts';
import { Timer } from './timer.ts';
import type { TokenAsk } from './types.ts';

const ASK_FOR = 10_000;
/** A token is renewed when this part of its life is over. */
const RENEW_AT = 0.8;

export class Token {
  #env: Env;
  #ask: ((ask: TokenAsk) => string | Promise<string>) | undefined;
  #token: string | null = null;
  #renewAt = Infinity;
  #endsAt = Infinity;
  #flight: Promise<string> | null = null;
  /** Counts the users: an answer for an earlier one is dropped. */
  #life = 0;
  #refused: string | null = null;
  #renewal: Timer;
  #renewed: (token: string) => void;

  /** `renewed` hears of each token that follows another. */
  constructor(env: Env, ask: ((ask: TokenAsk) => string | Promise<string>) | undefined, renewed: (token: string) => void) {
    this.#env = env;
    this.#ask = ask;
    this.#renewed = renewed;
    this.#renewal = new Timer(env);
  }

  /** The last one, without asking. */
  get last(): string | null {
    return this.#token;
  }

  get #isGood(): boolean {
    return this.#token !== null && this.#token !== this.#refused;
  }

  /** The newest; null where the host has none to give. */
  async get(): Promise<string | null> {
    if (!this.#ask) return null;
    const now = this.#env.now();
    if (this.#isGood && now < this.#renewAt) return this.#token;
    try {
      return await this.#fetch(this.#token === null ? 'first' : this.#token === this.#refused ? 'refused' : 'expiring');
    } catch (error) {
      // The last one serves as long as it is accepted.
      if (this.#isGood && now < this.#endsAt) return this.#token;
      throw error;
    }
  }

  /** The server did not take this one: the next `get` asks for another. */
  refuse(token: string | null): void {
    if (token !== null && token === this.#token) this.#refused = token;
  }

  /** The next user has another. */
  forget(): void {
    this.#life += 1;
    this.#flight = null;
    this.#token = this.#refused = null;
    this.#renewAt = this.#endsAt = Infinity;
    this.#renewal.clear();
  }

  #fetch(reason: TokenAsk['reason']): Promise<string> {
    if (this.#flight) return this.#flight;
    const life = this.#life;
    const abort = new AbortController();
    const asked = (async () => this.#ask!({ signal: abort.signal, reason }))();
    const flight = within(this.#env, ASK_FOR, 'the token', asked).then(
      (token) => {
        if (life !== this.#life) throw new Error('another user’s token');
        if (typeof token !== 'string' || token === '') throw new Error('the token is no text');
        this.#flight = null;
        this.#take(token, reason);
        return token;
      },
      (error: unknown) => {
        abort.abort();
        if (life === this.#life) this.#flight = null;
        throw error;
      },
    );
    this.#flight = flight;
    return flight;
  }

  #take(token: string, reason: TokenAsk['reason']): void {
    const life = lifeOf(token, this.#env.wall());
    this.#token = token;
    this.#endsAt = this.#env.now() + life;
    this.#renewAt = this.#env.now() + RENEW_AT * life;
    this.#renewal.clear();
    // Not for ever at once: a token that is always over would be asked for without end.
    const wait = Math.max(1_000, RENEW_AT * life);
    if (wait < 2 ** 31) this.#renewal.set(wait, () => void this.#fetch('expiring').catch(() => {}));
    if (reason !== 'first') this.#renewed(token);
  }
}

/** How long a JWT lives from now on, in ms. Where this machine's clock is plainly wrong, it is taken for new. */
function lifeOf(token: string, wall: number): number {
  try {
    const claims = JSON.parse(atob(token.split('.')[1]!.replace(/-/g, '+').replace(/_/g, '/'))) as { exp?: number; iat?: number };
    if (typeof claims.exp !== 'number') return Infinity;
    const whole = typeof claims.iat === 'number' ? 1000 * (claims.exp - claims.iat) : Infinity;
    const left = 1000 * claims.exp - wall;
    return left > 0 && left <= whole + 60_000 ? left : Number.isFinite(whole) ? whole : 0;
  } catch {
    return Infinity;
  }
}
