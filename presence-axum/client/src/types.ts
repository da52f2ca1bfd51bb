/** The public types. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Status = 'online' | 'away' | 'busy' | 'offline';

/**
 * How current the view is.
 * - `connecting`: no response yet; show a placeholder.
 * - `live`: the last heartbeat was accepted, and updates arrive in time.
 * - `retrying`: a heartbeat or the connection failed and is retried; `error` says why.
 * - `stale`: heartbeats are accepted, but no updates arrive: the connection is silent or paused, or
 *   the server itself is cut off from its store.
 * - `stopped`: left, destroyed, or refused; only the host can start it again.
 */
export type State = 'connecting' | 'live' | 'retrying' | 'stale' | 'stopped';

/** A heartbeat: the body of `POST /v1/hit`, unless `encode` converts it. */
export interface Beat {
  kind: 'enter' | 'beat' | 'leave';
  /** Absent if the server identifies the user by credentials. */
  user?: string;
  session: string;
  /**
   * The topics of the tab. Each enter and beat has them, so that a server that lost the session can
   * restore it.
   */
  topics?: string[];
  /** Milliseconds since the user's last activity. */
  idle_ms?: number;
  /** Sent on an enter, and when it has changed. */
  status?: Status;
  message?: string;
  meta?: { [key: string]: Json };
  /** On a leave: skips the server's grace. */
  now?: boolean;
  /** On a leave: the placement that it ends. */
  placed_at?: number;
}

export interface TokenAsk {
  /** Aborted when the token is no longer needed. */
  signal: AbortSignal;
  reason: 'first' | 'expiring' | 'refused';
}

export interface Options {
  /** The path of the routes, such as `/presence`. Default: the root of this origin. */
  url?: string;
  /**
   * The user. Default: a random id stored in this browser. `null`: the server identifies the user.
   */
  user?: string | number | null;
  /** The topics that the tab is in. */
  topics?: string[];
  /** A small JSON object that is shown with the user. */
  meta?: { [key: string]: Json };
  status?: Status;
  message?: string;
  /** Whether to enter at once. Default true. */
  autoEnter?: boolean;
  /** `http` opens no WebSocket. Default `auto`: opens one if the mount has it. */
  transport?: 'auto' | 'http';
  /**
   * Returns a bearer token for every request. Called again before the token expires and when it was
   * refused; has 10 s to answer.
   */
  token?: (ask: TokenAsk) => string | Promise<string>;
  /** Additional headers for every request. */
  headers?: () => Record<string, string>;
  /** As for `fetch`. Default `same-origin`. */
  credentials?: RequestCredentials;
  /**
   * The session id. Default: a random id that survives a reload and is never shared by two tabs.
   */
  session?: string;
  /**
   * The URL of `presence.js` on this page's origin, for the worker that keeps heartbeats of hidden
   * tabs on time.
   */
  workerUrl?: string | URL;
  /** Converts heartbeats for services with a format of their own; `null` sends none. */
  encode?: (beat: Beat) => object | null;
  /**
   * The interval of heartbeats in ms, varied by up to a fifth. Default: two fifths of the server's
   * lease.
   */
  beatEvery?: number;
  /** The server's window of activity, in ms. Default: as the server says. */
  activeFor?: number;
}

export interface Member {
  readonly user: string;
  readonly liveness: 'active' | 'idle';
  readonly status: Status;
  readonly message: string | null;
  readonly meta: Json;
}

export interface Counts {
  readonly online: number;
  readonly active: number;
  readonly idle: number;
}

/**
 * What to watch: a topic, everyone, a set of users, or only the counts of a topic (`null`: of
 * everyone).
 */
export type Scope = 'everyone' | { topic: string } | { users: readonly string[] } | { counts: string | null };

/** The known state of a scope. */
export interface View {
  readonly state: State;
  /** The view is not current: show users as greyed out, and do not announce that anybody left. */
  readonly stale: boolean;
  /** A member is the same object until it changes. */
  readonly members: ReadonlyMap<string, Member>;
  readonly counts: Counts;
}

/** What has changed. Empty if only the state of the connection changed. */
export interface Change {
  readonly joined: readonly Member[];
  readonly changed: readonly Member[];
  /** `unseen`: left while there was no connection. */
  readonly left: readonly { readonly member: Member; readonly reason: 'left' | 'lapsed' | 'unseen' }[];
  /** Whether the whole scope was sent again. */
  readonly reset: boolean;
}

/** One's own presence. */
export interface Self {
  readonly user: string;
  readonly session: string;
  readonly topics: readonly string[];
  readonly status: Status | null;
  readonly message: string | null;
  readonly meta: { [key: string]: Json } | null;
  readonly state: State;
  /** Whether the server counts this tab as present. */
  readonly here: boolean;
  readonly error: Problem | null;
}

/** An error, and when the operation is retried. Methods throw only on invalid arguments. */
export interface Problem {
  readonly code: 'network' | 'refused' | 'server' | 'token' | 'protocol';
  readonly message: string;
  /** Milliseconds until the next attempt; absent if there is none. */
  readonly retryIn?: number;
}

/** A store for `useSyncExternalStore` and similar hooks. */
export interface Store<T> {
  subscribe(changed: () => void): () => void;
  getSnapshot(): T;
}

/** A user is typing in a topic. */
export interface Typing {
  readonly topic: string;
  readonly user: string;
  readonly typing: boolean;
}

/**
 * The outcome of a message: its id, or an error. After a network error it is not known whether it
 * was stored.
 */
export type Published = { readonly id: string; readonly error: null } | { readonly id: null; readonly error: Problem };

/** A message in a topic, including one's own. */
export interface Message {
  readonly topic: string;
  /** Ids of a topic increase. */
  readonly id: string;
  /** Unix milliseconds, by the server's clock. */
  readonly at: number;
  /** `null`: the server itself published it. */
  readonly user: string | null;
  /** The name in the user's token. */
  readonly name: string | null;
  readonly data: Json;
}

/** Some messages of this topic before the next one are no longer available. */
export interface Missed {
  readonly topic: string;
  readonly reason: 'trimmed' | 'incarnation' | 'slow';
}

export interface Events {
  state: Self;
  error: Problem;
  typing: Typing;
  /**
   * Messages of the watched topics; after a lost connection, from the last one received. Needs a
   * WebSocket.
   */
  message: Message;
  missed: Missed;
}

export interface WatchOptions {
  /**
   * `stream` keeps the connection while the page is hidden. Default `pause`: closes it after 10 s.
   */
  whenHidden?: 'pause' | 'stream';
}

export interface WatchUrlOptions extends WatchOptions {
  /**
   * Milliseconds without an event that mean a lost connection, for a stream that sends regularly.
   */
  silentFor?: number;
}

export interface Presence {
  readonly self: Store<Self>;
  readonly user: string;
  readonly session: string;
  /** Enters (again), after `leave` or `autoEnter: false`. */
  enter(): void;
  /**
   * Leaves until the next `enter`. `now` skips the grace that covers reloads.
   * Resolves when the server has confirmed it, or after 5 s without confirmation; it is then still
   * repeated until the lease is over.
   */
  leave(how?: { now?: boolean }): Promise<'confirmed' | 'unconfirmed'>;
  /** Leaves, ends all watches and removes all listeners. */
  destroy(): Promise<'confirmed' | 'unconfirmed'>;
  /** Replaces the topics that the tab is in. */
  setTopics(topics: readonly string[]): void;
  /** `message`: `null` removes it, `undefined` keeps it. */
  setStatus(status: Status, message?: string | null): void;
  /** Replaces the object that is shown with the user. */
  setMeta(meta: { [key: string]: Json } | null): void;
  /**
   * Switches to another user, with a new session; only the topics are kept. Resolves like `leave`.
   */
  setUser(
    user: string | number | null,
    next?: { meta?: { [key: string]: Json }; topics?: readonly string[] },
  ): Promise<'confirmed' | 'unconfirmed'>;
  /**
   * Shows that the user is typing in this topic. Call it at each key; it is sent rarely. Needs a
   * WebSocket.
   */
  typing(topic: string, isTyping?: boolean): void;
  /**
   * Sends a message to a topic that is watched or that the tab is in. Resolves once it is stored,
   * and it is stored only once even if it was sent several times. Retried for 30 s; up to 64
   * messages may wait. Needs a WebSocket.
   */
  publish(topic: string, data: Json): Promise<Published>;
  /** Calls `seen` at once and at each change, with the current members and what has changed. */
  watch(scope: Scope, seen: (view: View, change: Change) => void, options?: WatchOptions): () => void;
  /**
   * Watches another stream of JSON events, such as a service's own. Events are passed on unchanged;
   * `state` is passed when it changes.
   */
  watchUrl(url: string, seen: (data: unknown, state: State) => void, options?: WatchUrlOptions): () => void;
  /**
   * The scope as a store. Returns the same object for the same scope; its view is the same until it
   * changes.
   */
  view(scope: Scope): Store<View>;
  /** The members of a watched topic, without oneself. */
  others(topic: string): Member[];
  on<E extends keyof Events>(event: E, listener: (what: Events[E]) => void): () => void;
}
