/** One tab's presence: the heartbeat, the connection and what is known of others, put together. */

import { call } from './backoff.ts';
import { Beats } from './beats.ts';
import type { Env, PageEvent } from './env.ts';
import { Foreign } from './foreign.ts';
import { type Answer, Http, type Sender, isTaken } from './http.ts';
import { Link } from './link.ts';
import { Outbox } from './messages.ts';
import { Scopes } from './scopes.ts';
import type { Tell } from './socket.ts';
import { type Session, claim, putBack } from './session.ts';
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
  #foreign: Set<Foreign> = new Set();
  #session: Session | null = null;
  #isAway = false;
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
  #unlisten: () => void;

  constructor(env: Env, options: Options) {
    [this.#env, this.#options] = [env, options];
    const user = options.user === null ? null : String(options.user ?? anonymous(env));
    this.#token = new Token(env, options.token, (token) => this.#link.renewed(token));
    this.#http = new Http(env, options, this.#token, () => this.#starving());
    const said = {
      user,
      session: options.session ?? '',
      topics: [...(options.topics ?? [])],
      status: options.status ?? null,
      message: options.message ?? null,
      meta: options.meta ?? null,
    };
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
    this.#scopes = new Scopes(env, () => this.#link.settle(), () => this.#viewState());
    const host = {
      opened: () => this.#opened(),
      lost: (problem: Problem) => this.#lost(problem),
      moved: () => this.#beats.moved(),
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
    this.#unlisten = env.page.listen((event) => this.#page(event));
    this.#beats.wanted = options.autoEnter !== false;
    // A page that is only being prerendered has nobody in front of it.
    if (!env.page.prerendering()) void this.#start();
  }

  get user(): string {
    return this.#beats.said.user ?? '';
  }

  get session(): string {
    return this.#beats.said.session;
  }

  async #start(): Promise<void> {
    if (this.#session || this.#isDestroyed) return;
    const session = await claim(this.#env, this.#options.session);
    if (this.#isDestroyed || this.#isAway || this.#session) return session.release();
    this.#session = session;
    this.#beats.said = { ...this.#beats.said, session: session.id };
    this.#beats.resumeActivity(session.idleFor ?? this.#beats.idleFor());
    if (this.#beats.wanted) this.#beats.enter();
    this.#update();
  }

  enter(): void {
    if (this.#isDestroyed) return;
    this.#beats.wanted = true;
    if (this.#session) this.#beats.enter();
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
    this.#unlisten();
    this.#beats.close();
    this.#link.close();
    for (const foreign of this.#foreign) foreign.close();
    this.#foreign.clear();
    this.#session?.release();
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
    this.#session?.release();
    const id = this.#options.session ?? this.#env.id();
    if (this.#session) this.#session = { id, idleFor: null, release: () => {} };
    const topics = [...(next.topics ?? this.#beats.said.topics)];
    this.#beats.become({ user: name, session: this.#session ? id : '', topics, status: null, message: null, meta: next.meta ?? null });
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
    this.#foreign.add(foreign);
    return () => {
      foreign.close();
      this.#foreign.delete(foreign);
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
    if (answer && answer.status > 0) {
      this.#link.fed();
      if (isTaken(answer)) for (const foreign of this.#foreign) if (!this.#env.page.hidden()) foreign.shown();
    }
    this.#update();
  }

  #starving(): void {
    this.#link.starving();
    for (const foreign of this.#foreign) foreign.starving();
  }

  #opened(): void {
    this.#problem = null;
    if (this.#wasOpen) this.#beats.reachable();
    this.#wasOpen = true;
    this.#update();
  }

  #lost(problem: Problem): void {
    this.#problem = problem;
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
    const { topics, status, meta } = said;
    const state = this.#state();
    const error = this.#beats.error ?? (this.#link.isWanted ? this.#problem : null);
    return { user: this.user, session: said.session, topics, status, message: said.message || null, meta, state, here, error };
  }

  #update(): void {
    const [before, now] = [this.#snapshot, this.#now()];
    if ((Object.keys(now) as (keyof Self)[]).every((key) => now[key] === before[key])) return;
    this.#snapshot = now;
    if (now.state !== before.state) this.#scopes.restated();
    for (const changed of [...this.#subscribers]) call(this.#env, changed);
    this.#tell('state', now);
    if (now.error && now.error !== before.error) this.#tell('error', now.error);
  }

  // ---- what the browser tells

  #page(event: PageEvent): void {
    if (event === 'activity') this.#beats.activity();
    else if (event === 'shown') this.#shown();
    else if (event === 'hidden') {
      this.#link.hidden();
      for (const foreign of this.#foreign) foreign.hidden();
    } else if (event === 'gone') this.#gone();
    else if (event === 'restored') this.#restored();
    else if (event === 'frozen') this.#leaveConnections();
    else if (event === 'resumed') this.#back();
    else if (event === 'online') {
      this.#beats.reachable();
      this.#link.reconnect();
      for (const foreign of this.#foreign) foreign.reconnect();
    } else if (event === 'activated') {
      this.#shown();
      void this.#start();
    }
    this.#update();
  }

  #shown(): void {
    this.#beats.activity();
    this.#link.shown();
    for (const foreign of this.#foreign) foreign.shown();
  }

  #leaveConnections(): void {
    this.#link.away();
    for (const foreign of this.#foreign) foreign.away();
  }

  #back(): void {
    this.#beats.reachable();
    if (!this.#env.page.hidden()) this.#shown();
  }

  #gone(): void {
    this.#isAway = true;
    const session = this.#session;
    this.#session = null;
    if (session && this.#options.session === undefined) putBack(this.#env, session.id, this.#beats.idleFor());
    session?.release();
    this.#beats.away();
    this.#leaveConnections();
  }

  /** Out of the back/forward cache: the same page, whose id another tab may have by now. */
  #restored(): void {
    this.#isAway = false;
    if (!this.#env.page.hidden()) this.#shown();
    void this.#start();
  }
}
