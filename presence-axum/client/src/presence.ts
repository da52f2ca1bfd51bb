/**
 * `Presence` of one tab: puts together heartbeats, the connection, and the known state of others.
 */

import { call } from './backoff.ts';
import { Beats } from './beats.ts';
import type { Env } from './env.ts';
import { Foreign } from './foreign.ts';
import { type Answer, Http, type Sender } from './http.ts';
import { type Connection, Lifecycle } from './lifecycle.ts';
import { Link } from './link.ts';
import { Outbox } from './messages.ts';
import { Scopes } from './scopes.ts';
import type { Emit } from './socket.ts';
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

/**
 * A random id that is stored in this browser, or valid for this page only if nothing can be stored.
 */
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
  /** The link, and the streams of foreign formats. */
  #connections: Set<Connection> = new Set();
  #lifecycle: Lifecycle;
  /** How many times the user has changed. */
  #users = 0;
  #isDestroyed = false;
  #problem: Problem | null = null;
  #wasOpen = false;
  #snapshot: Self;
  #subscribers: Set<() => void> = new Set();
  #views: Map<string, Store<View>> = new Map();
  #listeners: { [E in keyof Events]: Set<(what: Events[E]) => void> } = {
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
    const fields = { user, session, topics: [...topics], status, message, meta };
    const http = this.#http;
    const overSocket = (): boolean => this.#link.socket.isOpen && !options.encode;
    const transport = {
      deliver: (beat: Beat) => (overSocket() ? this.#link.socket.deliver(beat) : http.deliver(beat)),
      capture: (): Sender => {
        const send = http.capture();
        const turn = this.#users;
        return (beat) => (overSocket() && turn === this.#users ? this.#link.socket.deliver(beat) : send(beat));
      },
      sendFinal: (beat: Beat) => (overSocket() ? this.#link.socket.sendFinal() : http.sendFinal(beat)),
    };
    this.#beats = new Beats(env, options, fields, transport, (answer, hadFailed) => this.#onHit(answer, hadFailed));
    this.#scopes = new Scopes(env, () => this.#link.settle(), () => this.#update(), () => this.#viewState());
    const host = {
      opened: () => this.#opened(),
      lost: (problem: Problem) => this.#lost(problem),
      moved: (after?: number) => this.#beats.moved(after),
      emit: this.#emit.bind(this) as Emit,
      wantsMessages: () => this.#listeners.message.size + this.#listeners.typing.size > 0,
      windows: (fields: Record<string, unknown>) => this.#beats.learn(fields),
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
    return this.#beats.fields.user ?? '';
  }

  get session(): string {
    return this.#beats.fields.session;
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
    this.#set({ topics: [...topics] });
  }

  setStatus(status: Status, message?: string | null): void {
    this.#set({ status, message: message === undefined ? this.#beats.fields.message : (message ?? '') });
  }

  setMeta(meta: { [key: string]: Json } | null): void {
    this.#set({ meta: meta ?? {} });
  }

  #set(fields: Parameters<Beats['set']>[0]): void {
    this.#beats.set(fields);
    this.#update();
  }

  setUser(user: string | number | null, next: { meta?: { [key: string]: Json }; topics?: readonly string[] } = {}): Promise<Outcome> {
    const name = user === null ? null : String(user);
    if (name !== null && name === this.#beats.fields.user) return Promise.resolve('confirmed');
    const wanted = this.#beats.wanted;
    const result = this.#beats.leave(true);
    this.#token.forget();
    this.#scopes.forget();
    this.#outbox.forget();
    const topics = [...(next.topics ?? this.#beats.fields.topics)];
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

  on<E extends keyof Events>(event: E, listener: (what: Events[E]) => void): () => void {
    const all = this.#listeners[event];
    all.add(listener);
    // A socket subscribes to messages and typing only if there are listeners.
    if ((event === 'message' || event === 'typing') && this.#link.socket.isOpen) this.#link.settle();
    return () => all.delete(listener);
  }

  #emit<E extends keyof Events>(event: E, what: Events[E]): void {
    for (const listener of [...this.#listeners[event]]) call(this.#env, listener, what);
  }

  // ---- outcomes of hits and events of the connection

  #onHit(answer: Answer | null, hadFailed = false): void {
    this.#outbox.flush();
    // Any response shows that hits get through.
    if (answer?.body.ws === true && this.#options.transport !== 'http' && !this.#options.encode) this.#link.offered(hadFailed);
    if (answer?.status) for (const connection of this.#connections) connection.unblocked();
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
    const { fields, here } = this.#beats;
    const state = this.#state();
    const error = this.#beats.error ?? (this.#link.isWanted ? this.#problem : null);
    return { ...fields, user: this.user, message: fields.message || null, state, here, error };
  }

  #update(): void {
    this.#scopes.notifyState();
    const [before, now] = [this.#snapshot, this.#now()];
    if ((Object.keys(now) as (keyof Self)[]).every((key) => now[key] === before[key])) return;
    this.#snapshot = now;
    for (const changed of [...this.#subscribers]) call(this.#env, changed);
    this.#emit('state', now);
    if (now.error && now.error !== before.error) this.#emit('error', now.error);
  }
}
