/**
 * The session of the tab, and its reaction to the page being shown, hidden, frozen, unloaded and
 * restored.
 */

import type { Beats } from './beats.ts';
import type { Env, PageEvent } from './env.ts';
import { type Session, claim, putBack } from './session.ts';
import { Timer } from './timer.ts';

/**
 * How long a page is hidden before it closes its connections: over HTTP/1.1 a browser opens only
 * six to a host, shared by all tabs.
 */
const PAUSE_AFTER = 10_000;

/** A connection that the page keeps open. */
export interface Connection {
  /** The page is visible. */
  shown(): void;
  /** The page has been hidden for a while. */
  pause(): void;
  /**
   * The page is unloaded or frozen; connections that stay open would be dead when it is restored.
   */
  away(): void;
  /** The network has changed, so that the connection may be dead without the browser noticing. */
  reconnect(): void;
  /** A heartbeat waits for long, perhaps because this connection occupies the last slot. */
  starving(): void;
  /** A heartbeat was answered. */
  unblocked(): void;
  close(): void;
}

export class Lifecycle {
  #env: Env;
  #fixed: string | undefined;
  #beats: Beats;
  #connections: ReadonlySet<Connection>;
  #changed: () => void;
  /** The user of the session, as the host named them. */
  #user: string | null;
  #session: Session | null = null;
  #isAway = false;
  #isClosed = false;
  #pausing: Timer;
  #unlisten: () => void;

  /**
   * `fixed`: a session id chosen by the host. `changed` is called after each event of the page.
   */
  constructor(env: Env, fixed: string | undefined, beats: Beats, connections: ReadonlySet<Connection>, changed: () => void) {
    [this.#env, this.#fixed, this.#beats, this.#connections, this.#changed] = [env, fixed, beats, connections, changed];
    [this.#user, this.#pausing] = [beats.fields.user, new Timer(env)];
    this.#unlisten = env.page.listen((event) => {
      this.#on(event);
      changed();
    });
    // A prerendered page is not visible to anybody yet.
    if (!env.page.prerendering()) void this.#start();
  }

  get hasSession(): boolean {
    return this.#session !== null;
  }

  /**
   * Starts a session for another user and returns its id; an empty one if no session was claimed
   * yet.
   */
  renew(user: string | null): string {
    this.#user = user;
    if (!this.#session) return '';
    this.#session.release();
    this.#session = { id: this.#fixed ?? this.#env.id(), idleFor: null, release: () => {} };
    return this.#session.id;
  }

  close(): void {
    this.#isClosed = true;
    this.#unlisten();
    this.#pausing.clear();
    this.#each('close');
    this.#session?.release();
  }

  #each(what: keyof Connection): void {
    for (const connection of this.#connections) connection[what]();
  }

  async #start(): Promise<void> {
    if (this.#session || this.#isClosed) return;
    const session = await claim(this.#env, this.#user, this.#fixed);
    if (this.#isClosed || this.#isAway || this.#session) return session.release();
    this.#session = session;
    this.#beats.fields = { ...this.#beats.fields, session: session.id };
    this.#beats.resumeActivity(session.idleFor ?? this.#beats.idleFor());
    if (this.#beats.wanted) this.#beats.enter();
    this.#changed();
  }

  #on(event: PageEvent): void {
    if (event === 'activity') this.#beats.activity();
    else if (event === 'shown') this.#shown();
    else if (event === 'hidden') this.#pausing.set(PAUSE_AFTER, () => this.#each('pause'));
    else if (event === 'frozen') this.#each('away');
    else if (event === 'gone') this.#gone();
    else if (event === 'resumed' || event === 'online') {
      this.#beats.reachable();
      if (event === 'online') this.#each('reconnect');
      else this.#shown();
    } else {
      // `activated` or `restored`: another tab may have claimed the id meanwhile.
      this.#isAway = false;
      this.#shown();
      void this.#start();
    }
  }

  #shown(): void {
    if (this.#env.page.hidden()) return;
    this.#pausing.clear();
    this.#beats.activity();
    this.#each('shown');
  }

  #gone(): void {
    this.#isAway = true;
    const session = this.#session;
    this.#session = null;
    if (session && this.#fixed === undefined) putBack(this.#env, this.#user, session.id, this.#beats.idleFor());
    session?.release();
    this.#beats.away();
    this.#each('away');
  }
}
