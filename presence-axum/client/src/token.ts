/** The token of the host: cached, renewed in time, and never waited for without limit. */

import { within } from './backoff.ts';
import type { Env } from './env.ts';
import { Timer } from './timer.ts';
import type { TokenAsk } from './types.ts';

const ASK_FOR = 10_000;
/** The part of a token's lifetime after which it is renewed. */
const RENEW_AT = 0.8;

export class Token {
  #env: Env;
  #ask: ((ask: TokenAsk) => string | Promise<string>) | undefined;
  #token: string | null = null;
  #renewAt = Infinity;
  #endsAt = Infinity;
  #flight: Promise<string> | null = null;
  /** Counts the users, so that a token that arrives for an earlier user is dropped. */
  #users = 0;
  #refused: string | null = null;
  #renewal: Timer;
  #renewed: (token: string) => void;

  /** `renewed` is called with each token except the first. */
  constructor(env: Env, ask: ((ask: TokenAsk) => string | Promise<string>) | undefined, renewed: (token: string) => void) {
    this.#env = env;
    this.#ask = ask;
    this.#renewed = renewed;
    this.#renewal = new Timer(env);
  }

  /** The cached token. */
  get last(): string | null {
    return this.#token;
  }

  get #isGood(): boolean {
    return this.#token !== null && this.#token !== this.#refused;
  }

  /** A valid token; `null` if the host uses none. */
  async get(): Promise<string | null> {
    if (!this.#ask) return null;
    const now = this.#env.now();
    if (this.#isGood && now < this.#renewAt) return this.#token;
    try {
      return await this.#fetch(this.#token === null ? 'first' : this.#token === this.#refused ? 'refused' : 'expiring');
    } catch (error) {
      // The cached token is still valid.
      if (this.#isGood && now < this.#endsAt) return this.#token;
      throw error;
    }
  }

  /** The server refused this token: the next `get` asks for another. */
  refuse(token: string | null): void {
    if (token !== null && token === this.#token) this.#refused = token;
  }

  /** Drops the token, because the user changes. */
  forget(): void {
    this.#users += 1;
    this.#flight = null;
    this.#token = this.#refused = null;
    this.#renewAt = this.#endsAt = Infinity;
    this.#renewal.clear();
  }

  #fetch(reason: TokenAsk['reason']): Promise<string> {
    if (this.#flight) return this.#flight;
    const user = this.#users;
    const abort = new AbortController();
    const asked = (async () => this.#ask!({ signal: abort.signal, reason }))();
    const flight = within(this.#env, ASK_FOR, 'the token', asked).then(
      (token) => {
        if (user !== this.#users) throw new Error('another user’s token');
        if (typeof token !== 'string' || token === '') throw new Error('the token is no text');
        this.#flight = null;
        this.#store(token, reason);
        return token;
      },
      (error: unknown) => {
        abort.abort();
        if (user === this.#users) this.#flight = null;
        throw error;
      },
    );
    this.#flight = flight;
    return flight;
  }

  #store(token: string, reason: TokenAsk['reason']): void {
    const life = lifetimeOf(token, this.#env.wall());
    this.#token = token;
    this.#endsAt = this.#env.now() + life;
    this.#renewAt = this.#env.now() + RENEW_AT * life;
    this.#renewal.clear();
    // At least a second, so that an expired token is not requested in a tight loop.
    const wait = Math.max(1_000, RENEW_AT * life);
    if (wait < 2 ** 31) this.#renewal.set(wait, () => void this.#fetch('expiring').catch(() => {}));
    if (reason !== 'first') this.#renewed(token);
  }
}

/**
 * The remaining lifetime of a JWT, in ms. If this device's clock is clearly wrong, the token counts
 * as new.
 */
function lifetimeOf(token: string, wall: number): number {
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
