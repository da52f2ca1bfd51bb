/** Which session the tab is, and what becomes of it as its page is shown, hidden, frozen, left and restored. */

import type { Beats } from './beats.ts';
import type { Env, PageEvent } from './env.ts';
import { type Session, claim, putBack } from './session.ts';
import { Timer } from './timer.ts';

/** A page that is hidden for so long gives its connections up: a browser opens six to a host over HTTP/1.1, all tabs together. */
const PAUSE_AFTER = 10_000;

/** Something that the page holds open. */
export interface Connection {
  /** Somebody looks at the page. */
  shown(): void;
  /** Nobody has looked at it for a while. */
  pause(): void;
  /** The page goes, or freezes: what is left open would be dead when it comes back. */
  away(): void;
  /** After a change of network the old connection may be dead without the browser knowing. */
  reconnect(): void;
  /** A heartbeat waits for long: perhaps for this connection. */
  starving(): void;
  /** A heartbeat was answered. */
  fed(): void;
  close(): void;
}

export class Lifecycle {
  #env: Env;
  #fixed: string | undefined;
  #beats: Beats;
  #connections: ReadonlySet<Connection>;
  #changed: () => void;
  /** Whose session it is, as the host named them. */
  #user: string | null;
  #session: Session | null = null;
  #isAway = false;
  #isClosed = false;
  #pausing: Timer;
  #unlisten: () => void;

  /** `fixed`: the session that the host chose. `changed` hears when anything has become of the page. */
  constructor(env: Env, fixed: string | undefined, beats: Beats, connections: ReadonlySet<Connection>, changed: () => void) {
    [this.#env, this.#fixed, this.#beats, this.#connections, this.#changed] = [env, fixed, beats, connections, changed];
    [this.#user, this.#pausing] = [beats.said.user, new Timer(env)];
    this.#unlisten = env.page.listen((event) => {
      this.#on(event);
      changed();
    });
    // A page that is only being prerendered has nobody in front of it.
    if (!env.page.prerendering()) void this.#start();
  }

  get hasSession(): boolean {
    return this.#session !== null;
  }

  /** A session for somebody else from now on, and its id; none before the first one is claimed. */
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
    this.#beats.said = { ...this.#beats.said, session: session.id };
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
      // `activated`, or `restored`: the same page, whose id another tab may have by now.
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
