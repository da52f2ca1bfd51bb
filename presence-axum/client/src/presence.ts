/** One tab's presence: the heartbeat, the connection and what is known of others, put together. */

import { call } from './backoff.ts';
import { Beats } from './beats.ts';
import type { Env } from './env.ts';
import { Foreign } from './foreign.ts';
import { type Answer, Http, type Sender } from './http.ts';
import { type Connection, Lifecycle } from './lifecycle.ts';
import { Link } from './link.ts';
import { Outbox } from './messages.ts';
import { Scopes } from './scopes.ts';
import type { Tell } from './socket.ts';
import { Token } from './token.ts';
import type {
  Beat,
  Change,
  Events,
  Json,
  Member,
  Options,
  Presence,
  Problem,
  Published,
  Scope,
  Self,
  State,
  Status,
  Store,
  View,
  WatchOptions,
  WatchUrlOptions,
} from './types.ts';

type Outcome = 'confirmed' | 'unconfirmed';

export function presenceIn(env: Env, options: Options = {}): Presence {
  return new Tab(env, options);
}

/** A random id that stays with this browser; for this page alone where nothing can be kept. */
function anonymous(env: Env): string {
  const kept = env.storage.get('local', 'presence.user') ?? env.id();
  env.storage.set('local', 'presence.user', kept);
  return kept;
}

class Tab implements Presence {
  readonly self: Store<Self>;
  #env: Env;
  #options: Options;
  #token: Token;
  #http: Http;
  #beats: Beats;
  #link: Link;
  #scopes: Scopes;
  #outbox: Outbox;
  /** The link, and the streams of other formats. */
  #connections: Set<Connection> = new Set();
  #lifecycle: Lifecycle;
  /** How many users there were before this one. */
  #users = 0;
  #isDestroyed = false;
  #problem: Problem | null = null;
  #wasOpen = false;
  #snapshot: Self;
  #subscribers: Set<() => void> = new Set();
  #views: Map<string, Store<View>> = new Map();
  #heard: { [E in keyof Events]: Set<(what: Events[E]) => void> } = {
    state: new Set(),
    error: new Set(),
    typing: new Set(),
    message: new Set(),
    missed: new Set(),
  };

  constructor(env: Env, options: Options) {
    [this.#env, this.#options] = [env, options];
    const user = options.user === null ? null : String(options.user ?? anonymous(env));
    this.#token = new Token(env, options.token, (token) => this.#link.renewed(token));
    this.#http = new Http(env, options, this.#token, () => this.#connections.forEach((connection) => connection.starving()));
    const { session = '', topics = [], status = null, message = null, meta = null } = options;
    const said = { user, session, topics: [...topics], status, message, meta };
    const http = this.#http;
    const overSocket = (): boolean => this.#link.socket.isOpen && !options.encode;
    const way = {
      deliver: (beat: Beat) => (overSocket() ? this.#link.socket.deliver(beat) : http.deliver(beat)),
      asNow: (): Sender => {
        const send = http.asNow();
        const turn = this.#users;
        return (beat) => (overSocket() && turn === this.#users ? this.#link.socket.deliver(beat) : send(beat));
      },
      lastWord: (beat: Beat) => (overSocket() ? this.#link.socket.lastWord() : http.lastWord(beat)),
    };
    this.#beats = new Beats(env, options, said, way, (answer, hadFailed) => this.#beaten(answer, hadFailed));
    this.#scopes = new Scopes(env, () => this.#link.settle(), () => this.#update(), () => this.#viewState());
    const host = {
      opened: () => this.#opened(),
      lost: (problem: Problem) => this.#lost(problem),
      moved: (after?: number) => this.#beats.moved(after),
      tell: this.#tell.bind(this) as Tell,
      hearsMessages: () => this.#heard.message.size + this.#heard.typing.size > 0,
      windows: (said: Record<string, unknown>) => this.#beats.learn(said),
    };
    this.#link = new Link(env, this.#http, this.#token, this.#scopes, host, options.url ?? '');
    this.#outbox = new Outbox(env, (frame) => (overSocket() && this.#beats.isEntered ? this.#link.socket.ask(frame) : null));
    this.#snapshot = this.#now();
    this.self = {
      subscribe: (changed) => {
        this.#subscribers.add(changed);
        return () => this.#subscribers.delete(changed);
      },
      getSnapshot: () => this.#snapshot,
    };
    this.#beats.wanted = options.autoEnter !== false;
    this.#connections.add(this.#link);
    this.#lifecycle = new Lifecycle(env, options.session, this.#beats, this.#connections, () => this.#update());
  }

  get user(): string {
    return this.#beats.said.user ?? '';
  }

  get session(): string {
    return this.#beats.said.session;
  }

  enter(): void {
    if (this.#isDestroyed) return;
    this.#beats.wanted = true;
    if (this.#lifecycle.hasSession) this.#beats.enter();
    this.#update();
  }

  leave({ now = false }: { now?: boolean } = {}): Promise<Outcome> {
    const result = this.#beats.leave(now);
    this.#update();
    return result;
  }

  destroy(): Promise<Outcome> {
    if (this.#isDestroyed) return Promise.resolve('confirmed');
    this.#isDestroyed = true;
    const result = this.leave();
    this.#beats.close();
    this.#lifecycle.close();
    return result;
  }

  setTopics(topics: readonly string[]): void {
    this.#say({ topics: [...topics] });
  }

  setStatus(status: Status, message?: string | null): void {
    this.#say({ status, message: message === undefined ? this.#beats.said.message : (message ?? '') });
  }

  setMeta(meta: { [key: string]: Json } | null): void {
    this.#say({ meta: meta ?? {} });
  }

  #say(said: Parameters<Beats['say']>[0]): void {
    this.#beats.say(said);
    this.#update();
  }

  setUser(user: string | number | null, next: { meta?: { [key: string]: Json }; topics?: readonly string[] } = {}): Promise<Outcome> {
    const name = user === null ? null : String(user);
    if (name !== null && name === this.#beats.said.user) return Promise.resolve('confirmed');
    const wanted = this.#beats.wanted;
    const result = this.#beats.leave(true);
    this.#token.forget();
    this.#scopes.forget();
    this.#outbox.forget();
    const topics = [...(next.topics ?? this.#beats.said.topics)];
    this.#beats.become({ user: name, session: this.#lifecycle.renew(name), topics, status: null, message: null, meta: next.meta ?? null });
    this.#users += 1;
    this.#link.restart();
    if (wanted) this.enter();
    this.#update();
    return result;
  }

  typing(topic: string, isTyping: boolean = true): void {
    this.#link.socket.typing(topic, isTyping);
  }

  publish(topic: string, data: Json): Promise<Published> {
    return this.#outbox.publish(topic, data);
  }

  watch(scope: Scope, seen: (view: View, change: Change) => void, { whenHidden = 'pause' }: WatchOptions = {}): () => void {
    return this.#scopes.watch(scope, { seen, streams: whenHidden === 'stream' });
  }

  watchUrl(url: string, seen: (data: unknown, state: State) => void, options: WatchUrlOptions = {}): () => void {
    const foreign = new Foreign(this.#env, this.#http, url, seen, options);
    this.#connections.add(foreign);
    return () => {
      foreign.close();
      this.#connections.delete(foreign);
    };
  }

  view(scope: Scope): Store<View> {
    const key = JSON.stringify(scope);
    let store = this.#views.get(key);
    if (!store) {
      store = {
        subscribe: (changed) => this.#scopes.watch(scope, { seen: () => changed(), streams: false }),
        getSnapshot: () => this.#scopes.view(scope),
      };
      this.#views.set(key, store);
    }
    return store;
  }

  others(topic: string): Member[] {
    return [...this.#scopes.members({ topic }).values()].filter(({ user }) => user !== this.user);
  }

  on<E extends keyof Events>(event: E, heard: (what: Events[E]) => void): () => void {
    const all = this.#heard[event];
    all.add(heard);
    // A socket tells messages and typing only where somebody hears them.
    if ((event === 'message' || event === 'typing') && this.#link.socket.isOpen) this.#link.settle();
    return () => all.delete(heard);
  }

  #tell<E extends keyof Events>(event: E, what: Events[E]): void {
    for (const heard of [...this.#heard[event]]) call(this.#env, heard, what);
  }

  // ---- what becomes of hits and of the connection

  #beaten(answer: Answer | null, hadFailed = false): void {
    this.#outbox.flush();
    // Any answer shows that hits get through.
    if (answer?.body.ws === true && this.#options.transport !== 'http' && !this.#options.encode) this.#link.offered(hadFailed);
    if (answer?.status) for (const connection of this.#connections) connection.fed();
    this.#update();
  }

  #opened(): void {
    this.#problem = null;
    if (this.#wasOpen) this.#beats.reachable();
    this.#wasOpen = true;
    this.#scopes.connection(true);
    this.#update();
  }

  #lost(problem: Problem): void {
    this.#problem = problem;
    this.#scopes.connection(false);
    this.#update();
  }

  #viewState(): State {
    if (this.#problem) return 'retrying';
    if (this.#scopes.isOpen) return this.#scopes.serverIsStale ? 'stale' : 'live';
    return this.#wasOpen || this.#link.isPaused ? 'stale' : 'connecting';
  }

  #state(): State {
    const beats = this.#beats;
    if (!beats.wanted || beats.stopped) return 'stopped';
    if (beats.failures > 0) return 'retrying';
    if (!beats.here) return 'connecting';
    return this.#link.isWanted ? this.#viewState() : 'live';
  }

  #now(): Self {
    const { said, here } = this.#beats;
    const state = this.#state();
    const error = this.#beats.error ?? (this.#link.isWanted ? this.#problem : null);
    return { ...said, user: this.user, message: said.message || null, state, here, error };
  }

  #update(): void {
    this.#scopes.restated();
    const [before, now] = [this.#snapshot, this.#now()];
    if ((Object.keys(now) as (keyof Self)[]).every((key) => now[key] === before[key])) return;
    this.#snapshot = now;
    for (const changed of [...this.#subscribers]) call(this.#env, changed);
    this.#tell('state', now);
    if (now.error && now.error !== before.error) this.#tell('error', now.error);
  }
}
