/** What the client tells and is told: every public type. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Status = 'online' | 'away' | 'busy' | 'offline';

/**
 * How far what is shown can be believed.
 * - `connecting`: no answer yet; show a placeholder.
 * - `live`: the last heartbeat was accepted, and what is watched is heard in time.
 * - `retrying`: a heartbeat or the connection failed; `error` says why, and it is tried again by itself.
 * - `stale`: heartbeats are accepted, but nothing is heard: the connection is silent or paused, or the server itself cannot see.
 * - `stopped`: left, destroyed, or refused for good; only the host starts it again.
 */
export type State = 'connecting' | 'live' | 'retrying' | 'stale' | 'stopped';

/** What one heartbeat says: the body of `POST /v1/hit`, unless `encode` makes another of it. */
export interface Beat {
  kind: 'enter' | 'beat' | 'leave';
  /** Absent where the server knows the user from credentials. */
  user?: string;
  session: string;
  /** Where the tab is; each enter and beat says it, so that a server that lost it has it again. */
  topics?: string[];
  /** Milliseconds since the user last did something. */
  idle_ms?: number;
  /** On an enter, and when it changed. */
  status?: Status;
  message?: string;
  meta?: { [key: string]: Json };
  /** Of a leave: without the server's grace. */
  now?: boolean;
  /** Of a leave: which placement it ends. */
  placed_at?: number;
}

export interface TokenAsk {
  /** Aborted when the answer is no longer waited for. */
  signal: AbortSignal;
  reason: 'first' | 'expiring' | 'refused';
}

export interface Options {
  /** Where the routes are mounted, such as `/presence`. Default: the root of this origin. */
  url?: string;
  /** Who. Default: a random id kept in this browser. `null`: the server knows it from credentials. */
  user?: string | number | null;
  /** Where the tab is. */
  topics?: string[];
  /** Small JSON that is shown with the user. */
  meta?: { [key: string]: Json };
  status?: Status;
  message?: string;
  /** Enter at once. Default true. */
  autoEnter?: boolean;
  /** `http` opens no WebSocket. Default `auto`: one where the mount has it. */
  transport?: 'auto' | 'http';
  /** A bearer token for every request. It is asked for again before it ends, and when it was refused; each time for at most 10 s. */
  token?: (ask: TokenAsk) => string | Promise<string>;
  /** More headers for every request. */
  headers?: () => Record<string, string>;
  /** As for `fetch`. Default `same-origin`. */
  credentials?: RequestCredentials;
  /** Which tab. Default: a random id that survives a reload and is never shared by two tabs. */
  session?: string;
  /** The file `presence.js` at a URL of this page's origin, as the worker that keeps heartbeats of hidden tabs on time. */
  workerUrl?: string | URL;
  /** Another body for a heartbeat, for services with their own format; `null` sends none. */
  encode?: (beat: Beat) => object | null;
  /** Milliseconds between heartbeats, give or take a fifth. Default: two fifths of the server's lease. */
  beatEvery?: number;
  /** Milliseconds of the server's active window. Default: what it says. */
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

/** What to watch: a topic, everyone, a set of users, or only the counts of a topic (`null`: of everyone). */
export type Scope = 'everyone' | { topic: string } | { users: readonly string[] } | { counts: string | null };

/** What is known of a scope. */
export interface View {
  readonly state: State;
  /** Nobody is known to have gone: show people greyed and announce no absence. */
  readonly stale: boolean;
  /** The same object for a member until something about it changes. */
  readonly members: ReadonlyMap<string, Member>;
  readonly counts: Counts;
}

/** What a call changed. A change of the connection alone changes nobody. */
export interface Change {
  readonly joined: readonly Member[];
  readonly changed: readonly Member[];
  /** `unseen`: went while we could not see. */
  readonly left: readonly { readonly member: Member; readonly reason: 'left' | 'lapsed' | 'unseen' }[];
  /** The whole scope was told anew. */
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
  /** Whether the server takes us for present. */
  readonly here: boolean;
  readonly error: Problem | null;
}

/** What went wrong, and when it is tried again. Nothing of the client throws but a wrong argument. */
export interface Problem {
  readonly code: 'network' | 'refused' | 'server' | 'token' | 'protocol';
  readonly message: string;
  /** Milliseconds until the next attempt; absent where there is none. */
  readonly retryIn?: number;
}

/** For `useSyncExternalStore` and its like. */
export interface Store<T> {
  subscribe(changed: () => void): () => void;
  getSnapshot(): T;
}

/** Somebody types in a topic. */
export interface Typing {
  readonly topic: string;
  readonly user: string;
  readonly typing: boolean;
}

/** What became of a message: it has an id, or an error says why it was not stored, or that nothing is known of it. */
export type Published = { readonly id: string; readonly error: null } | { readonly id: null; readonly error: Problem };

/** A message in a topic, also one's own. */
export interface Message {
  readonly topic: string;
  /** Ids of a topic grow. */
  readonly id: string;
  /** Unix milliseconds, by the server's clock. */
  readonly at: number;
  /** `null`: the server itself. */
  readonly user: string | null;
  /** The name in the user's token. */
  readonly name: string | null;
  readonly data: Json;
}

/** Messages of this topic before the next one cannot be had any more. */
export interface Missed {
  readonly topic: string;
  readonly reason: 'trimmed' | 'incarnation' | 'slow';
}

export interface Events {
  state: Self;
  error: Problem;
  typing: Typing;
  /** In the topics that are watched; after a lost connection from the last one that was heard. Needs a WebSocket. */
  message: Message;
  missed: Missed;
}

export interface WatchOptions {
  /** `stream` keeps the connection while the page is hidden. Default `pause`: 10 s after that it is given up. */
  whenHidden?: 'pause' | 'stream';
}

export interface WatchUrlOptions extends WatchOptions {
  /** Milliseconds of silence that mean a lost connection, for a stream that always has something to tell. */
  silentFor?: number;
}

export interface Presence {
  readonly self: Store<Self>;
  readonly user: string;
  readonly session: string;
  /** Comes (back), after `leave` or `autoEnter: false`. */
  enter(): void;
  /**
   * Goes and stays away until `enter`. `now` skips the grace that keeps a reload from flickering.
   * Resolves when the server has confirmed it, or after 5 s without; then it goes on being told as long as the session could live.
   */
  leave(how?: { now?: boolean }): Promise<'confirmed' | 'unconfirmed'>;
  /** Leaves, ends every watch and listens to nothing any more. */
  destroy(): Promise<'confirmed' | 'unconfirmed'>;
  /** All topics that the tab is in from now on. */
  setTopics(topics: readonly string[]): void;
  /** `message`: `null` takes it back, `undefined` leaves it. */
  setStatus(status: Status, message?: string | null): void;
  /** What is shown with the user from now on. */
  setMeta(meta: { [key: string]: Json } | null): void;
  /** Somebody else from now on, in a new session; nothing of the former user is kept but the topics. Resolves as `leave` does. */
  setUser(
    user: string | number | null,
    next?: { meta?: { [key: string]: Json }; topics?: readonly string[] },
  ): Promise<'confirmed' | 'unconfirmed'>;
  /** Says that the user types in this topic; call it at each key, it is sent seldom. Needs a WebSocket. */
  typing(topic: string, isTyping?: boolean): void;
  /**
   * Sends a message to a topic that is watched or that the tab is in, and resolves once it is stored: once, however often it had to be
   * sent. Tried for 30 s; 64 may wait. Needs a WebSocket.
   */
  publish(topic: string, data: Json): Promise<Published>;
  /** Calls back at once and at each change, with the live members and what changed. */
  watch(scope: Scope, seen: (view: View, change: Change) => void, options?: WatchOptions): () => void;
  /** Another stream of JSON events, such as a service's own: each comes as it is, and `state` when that changes. */
  watchUrl(url: string, seen: (data: unknown, state: State) => void, options?: WatchUrlOptions): () => void;
  /** The scope as a store: the same view until something changed, one object per scope however often it is asked for. */
  view(scope: Scope): Store<View>;
  /** The members of a watched topic, without oneself. */
  others(topic: string): Member[];
  on<E extends keyof Events>(event: E, heard: (what: Events[E]) => void): () => void;
}
