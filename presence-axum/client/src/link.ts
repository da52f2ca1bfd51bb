/**
 * The connection of the page: chooses between socket, stream and polling, and passes on what
 * arrives.
 */

import { jitter } from './backoff.ts';
import type { Channel, Env } from './env.ts';
import { isRefused, type Http } from './http.ts';
import type { Connection } from './lifecycle.ts';
import type { Scopes } from './scopes.ts';
import { SocketLine, type Emit } from './socket.ts';
import { EventStream } from './stream.ts';
import { Timer } from './timer.ts';
import type { Token } from './token.ts';
import type { Problem } from './types.ts';

const SETTLE_FOR = 100;
/**
 * How many streams the pages of this origin may hold together. The page with the oldest stream
 * closes it and polls instead.
 */
const STREAMS = 3;
const POLL_EVERY = 10_000;
/** A poll is complete when nothing has arrived for this long. */
const POLL_ENDS_AFTER = 300;
/** A page whose heartbeats starve twice within this time polls for as long. */
const STARVED_FOR = 300_000;

const EVENTS = ['hello', 'presence_view', 'presence_state', 'presence_diff', 'presence_counts'];

export interface LinkHost {
  /** Heartbeats use another transport from now on: the socket, or after this many ms HTTP. */
  moved(after?: number): void;
  emit: Emit;
  wantsMessages(): boolean;
  opened(): void;
  lost(problem: Problem): void;
  windows(fields: Record<string, unknown>): void;
}

export class Link implements Connection {
  #env: Env;
  #scopes: Scopes;
  #host: LinkHost;
  #stream: EventStream;
  readonly socket: SocketLine;
  /** Whether the mount has a socket. */
  #maySocket = false;
  #settling: Timer;
  /** Rings at the next poll, or at the end of the current one. */
  #polling: Timer;
  #isPaused: boolean;
  #isAway = false;
  #isClosed = false;
  #starvedAt = -Infinity;
  #starvesUntil = -Infinity;
  #isStarving = false;
  /**
   * Open only while this page holds a stream, because an open channel keeps a page out of the
   * back/forward cache.
   */
  #channel: Channel | null = null;
  #open: () => Channel | null;
  #me: string;
  /** How many other pages have opened a stream since this one did. */
  #newer = 0;
  #complained = false;

  constructor(env: Env, http: Http, token: Token, scopes: Scopes, host: LinkHost, shared: string) {
    [this.#env, this.#scopes, this.#host] = [env, scopes, host];
    [this.#settling, this.#polling] = [new Timer(env), new Timer(env)];
    this.#isPaused = env.page.hidden() || env.page.prerendering();
    this.#me = env.id();
    this.#open = () => env.channel(`presence-streams ${shared}`, (data) => this.#onChannel(data));
    this.#stream = new EventStream(
      env,
      {
        request: async () => ({ url: http.url('/v1/sse'), init: http.init(await http.headers(), JSON.stringify(this.#ofStream())) }),
        onEvent: (name, data) => this.#onEvent(name, data),
        opened: () => this.#opened(),
        lost: (problem) => this.#lost(problem),
        refused: () => token.refuse(token.last),
      },
      true,
    );
    this.socket = new SocketLine(env, {
      address: async () => ({ url: http.url('/v1/ws'), token: await token.get() }),
      onPresence: (name, data) => EVENTS.includes(name) && this.handle(name, data),
      ...host,
      opened: (hello) => this.#moved(hello),
      lost: (problem, isFinal, wasOpen) => {
        if (problem.code === 'protocol') scopes.resync();
        // If the network failed, wait as long as the socket does, since many clients may have lost
        // the same server.
        const after = problem.code === 'network' ? problem.retryIn : 0;
        if (wasOpen) host.moved(after);
        if (this.#isPaused || this.#isClosed) return;
        // Until the socket is back, a stream takes its place.
        if (isFinal || problem.code === 'protocol') host.lost(problem);
        scopes.connection(false);
        this.settle(after);
      },
      refused: () => token.refuse(token.last),
      denied: ({ code, error }) =>
        isRefused({ status: code }) ? host.emit('error', { code: 'refused', message: error }) : this.settle(POLL_EVERY),
    });
  }

  /**
   * What the stream is asked for: everything, or only sets of users if a socket carries the rest.
   */
  #ofStream(): ReturnType<Scopes['wanted']> {
    const wanted = this.#scopes.wanted();
    return this.socket.isOpen ? { ...wanted, topics: {}, everyone: undefined, counts: [] } : wanted;
  }

  /**
   * The mount has a socket, which replaces the stream. `isBack`: the network had failed before.
   */
  offered(isBack: boolean): void {
    this.#maySocket = true;
    if (isBack) this.socket.notBefore = 0;
    if (!this.#isPaused && !this.#isClosed) this.socket.open();
  }

  /** Reconnects for another user, or for a token that an open socket must not get. */
  restart(): void {
    this.socket.close();
    this.settle();
  }

  renewed(token: string): void {
    if (this.socket.isOpen) this.socket.auth(token);
    if (!this.#stream.isClosed) this.settle();
  }

  #moved(hello: Record<string, unknown>): void {
    this.#host.windows(hello);
    this.#stream.close();
    this.#connect();
    this.#opened();
    this.#host.moved();
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Whether a connection is needed. */
  get isWanted(): boolean {
    return !this.#isClosed && !this.#scopes.isEmpty;
  }

  get #polls(): boolean {
    return this.#newer >= STREAMS || this.#env.now() < this.#starvesUntil;
  }

  /** The scopes or the token have changed: reconnects, and resumes from the known versions. */
  settle(after: number = SETTLE_FOR): void {
    this.#settling.set(after, () => this.#connect());
  }

  shown(): void {
    this.#isAway = false;
    const wasPaused = this.#isPaused;
    this.#isPaused = false;
    this.#newer = 0;
    if (wasPaused || (this.#stream.isClosed && !this.socket.isOpen)) this.#connect();
  }

  pause(): void {
    if (this.#scopes.streams && !this.#isAway) return;
    this.#isPaused = true;
    this.#close();
  }

  away(): void {
    this.#isAway = true;
    this.pause();
  }

  reconnect(): void {
    if (this.socket.isOpen) {
      this.socket.close();
      this.#host.moved();
    }
    this.#connect();
  }

  starving(): void {
    if (this.#stream.isClosed) return;
    const now = this.#env.now();
    if (now - this.#starvedAt < STARVED_FOR) this.#starvesUntil = now + STARVED_FOR;
    this.#starvedAt = now;
    this.#isStarving = true;
    this.#close();
  }

  unblocked(): void {
    if (!this.#isStarving) return;
    this.#isStarving = false;
    this.#settling.set(500 + 1_500 * this.#env.random(), () => this.#connect());
  }

  close(): void {
    this.#isClosed = true;
    this.#settling.clear();
    this.#close();
  }

  #close(): void {
    if (this.#isAway || this.#isClosed) this.socket.close();
    // A hidden page keeps its socket for heartbeats, without subscriptions.
    else if (this.socket.isOpen) this.socket.subscribe(null);
    this.#polling.clear();
    this.#stream.close();
    this.#channel?.close();
    this.#channel = null;
    this.#scopes.connection(false);
  }

  #connect(): void {
    this.#polling.clear();
    this.#settling.clear();
    if (this.#isClosed || this.#isPaused || this.#isStarving) {
      if (!this.#stream.isClosed) this.#close();
      return;
    }
    if (this.#maySocket) this.socket.open();
    if (this.socket.isOpen) {
      this.socket.subscribe(this.#scopes.wanted());
      this.#scopes.connection(true);
    }
    const wanted = this.#ofStream();
    if (!Object.keys(wanted.topics).length && !wanted.everyone && !wanted.users.length && !wanted.counts.length) {
      this.#stream.close();
      return;
    }
    this.#channel ??= this.#open();
    if (!this.#polls) this.#channel?.post({ opens: this.#me });
    this.#stream.open();
  }

  #onChannel(data: unknown): void {
    const opens = (data as { opens?: string } | null)?.opens;
    if (typeof opens !== 'string' || opens === this.#me || this.#stream.isClosed) return;
    this.#newer += 1;
    if (this.#polls) this.#pollEnds();
  }

  #opened(): void {
    this.#host.opened();
    if (this.#polls) this.#pollEnds();
  }

  #lost(problem: Problem): void {
    // The known state may not be what the server assumes.
    if (problem.code === 'protocol') this.#scopes.resync();
    if (problem.code !== 'protocol' || !this.#complained) this.#host.lost(problem);
    this.#scopes.connection(false);
    this.#complained = problem.code === 'protocol';
  }

  #onEvent(name: string, text: string): void {
    if (this.#polls) this.#pollEnds();
    // An event type of a later server.
    if (!EVENTS.includes(name)) return;
    const data: unknown = JSON.parse(text);
    if (typeof data !== 'object' || data === null) throw new Error(`${name} that is no object`);
    this.handle(name, data as Record<string, unknown>);
  }

  /** Handles an event of either transport. */
  handle(name: string, data: Record<string, unknown>): void {
    if (name === 'hello') {
      this.#stream.pingsEvery(Number(data['ping_every']));
      this.#host.windows(data);
    } else if (name === 'presence_view') {
      this.#scopes.connection(true, data['view'] === 'stale');
    } else {
      this.#scopes.handle(name, data);
      this.#complained = false;
    }
  }

  /** Closes a poll once nothing more arrives. Until the next poll, the view counts as current. */
  #pollEnds(): void {
    this.#polling.set(POLL_ENDS_AFTER, () => {
      this.#stream.close();
      this.#polling.set(jitter(this.#env, POLL_EVERY), () => this.#connect());
    });
  }
}
