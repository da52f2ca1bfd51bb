/** The watched scopes and their known state. */

import { call } from './backoff.ts';
import type { Env } from './env.ts';
import type { Change, Counts, Member, Scope, State, View } from './types.ts';
import { UNCHANGED, Watched, type Watcher, record } from './watched.ts';

/**
 * The name of a scope on the wire. All sets of users share the name `users`; each gets its part.
 */
export type Name = string;

/** What the transports are to subscribe to. */
export interface Wanted {
  topics: Record<string, string | null>;
  everyone: string | true | undefined;
  users: string[];
  users_after: string | null;
  counts: (string | null)[];
}

export function nameOf(scope: Scope): Name {
  if (scope === 'everyone') return 'everyone';
  if ('topic' in scope) return `topic:${scope.topic}`;
  if ('counts' in scope) return scope.counts === null ? '#everyone' : `#topic:${scope.counts}`;
  return `users:${JSON.stringify([...new Set(scope.users)].sort())}`;
}

export class Scopes {
  #env: Env;
  #watched: Map<Name, Watched> = new Map();
  /** The version of the union of all sets of users. */
  #usersVersion: string | null = null;
  #usersKey = '';
  #changed: () => void;
  #connected: () => void;
  #state: () => State;
  /** The state of the connection that watchers were notified of last. */
  #notified = '';
  /** Whether the connection delivers current updates. */
  isOpen = false;
  serverIsStale = false;

  /**
   * `changed` is called when the set of scopes changes, `connected` when the connection changes; it
   * must call `notifyState`.
   */
  constructor(env: Env, changed: () => void, connected: () => void, state: () => State) {
    [this.#env, this.#changed, this.#connected, this.#state] = [env, changed, connected, state];
  }

  get isEmpty(): boolean {
    return this.#watched.size === 0;
  }

  /** Whether a watcher needs the connection while the page is hidden. */
  get streams(): boolean {
    return [...this.#watched.values()].some((it) => [...it.watchers].some((watcher) => watcher.streams));
  }

  get isStale(): boolean {
    return !this.isOpen || this.serverIsStale;
  }

  watch(scope: Scope, watcher: Watcher): () => void {
    const name = nameOf(scope);
    let watched = this.#watched.get(name);
    const isNew = !watched;
    if (!watched) this.#watched.set(name, (watched = new Watched(scope)));
    const it = watched;
    it.watchers.add(watcher);
    if (isNew) this.#changed();
    call(this.#env, watcher.seen, it.live(this.#state(), this.isStale), UNCHANGED);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      it.watchers.delete(watcher);
      // A component that is mounted again within a second finds the known state.
      this.#env.timer(1_000, () => {
        if (it.watchers.size || this.#watched.get(name) !== it) return;
        this.#watched.delete(name);
        this.#changed();
      });
    };
  }

  view(scope: Scope): View {
    const watched = this.#watched.get(nameOf(scope)) ?? new Watched(scope);
    return watched.view(this.#state(), this.isStale);
  }

  members(scope: Scope): ReadonlyMap<string, Member> {
    return this.#watched.get(nameOf(scope))?.members ?? new Map();
  }

  /** All watched scopes with their known versions. */
  wanted(): Wanted {
    const wanted: Wanted = { topics: {}, everyone: undefined, users: [], users_after: null, counts: [] };
    const users = new Set<string>();
    for (const { scope, version } of this.#watched.values()) {
      if (scope === 'everyone') wanted.everyone = version ?? true;
      else if ('topic' in scope) wanted.topics[scope.topic] = version;
      else if ('counts' in scope) wanted.counts.push(scope.counts);
      else for (const user of scope.users) users.add(user);
    }
    wanted.users = [...users].sort();
    const key = JSON.stringify(wanted.users);
    if (key !== this.#usersKey) [this.#usersVersion, this.#usersKey] = [null, key];
    wanted.users_after = this.#usersVersion;
    return wanted;
  }

  /** The next user may have other rights, so nothing that was received is kept. */
  forget(): void {
    this.#usersVersion = null;
    for (const watched of this.#watched.values()) {
      watched.clear();
      this.#notify(watched, { ...UNCHANGED, reset: true });
    }
  }

  /** The known state does not fit the updates: all scopes are to be sent in full. */
  resync(): void {
    this.#usersVersion = null;
    for (const watched of this.#watched.values()) watched.version = null;
  }

  /** The connection, or the server's own view, has changed. */
  connection(isOpen: boolean, serverIsStale: boolean = this.serverIsStale): void {
    if (this.isOpen === isOpen && this.serverIsStale === serverIsStale) return;
    [this.isOpen, this.serverIsStale] = [isOpen, serverIsStale];
    this.#connected();
  }

  /** Notifies all watchers if the state of the connection has changed; no members changed. */
  notifyState(): void {
    const now = `${this.#state()} ${this.isStale}`;
    if (now === this.#notified) return;
    this.#notified = now;
    for (const watched of this.#watched.values()) this.#notify(watched, UNCHANGED);
  }

  /** Handles an event. Throws if it is not valid. */
  handle(name: string, data: Record<string, unknown>): void {
    const scope = textOf(data, 'scope');
    if (name === 'presence_counts') return this.#counted(scope, data);
    const isState = name === 'presence_state';
    const version = textOf(data, 'version');
    if (isState && data['view']) this.connection(this.isOpen, data['view'] === 'stale');
    if (scope === 'users') return this.#users(isState, version, data);
    const watched = this.#watched.get(scope);
    if (!watched) return;
    this.#follows(isState, watched.version, data);
    const change = watched.apply(isState, data);
    watched.version = version;
    watched.invalidate();
    this.#notify(watched, change);
    // A socket sends either members or counts of a topic. Watchers of its counts get them computed
    // from the members here.
    this.#count(`#${scope}`, watched.counts);
  }

  /** Throws if a diff does not start at the known version. */
  #follows(isState: boolean, version: string | null, data: Record<string, unknown>): void {
    if (!isState && data['from'] !== version) throw new Error('a diff from elsewhere');
  }

  #users(isState: boolean, version: string, data: Record<string, unknown>): void {
    this.#follows(isState, this.#usersVersion, data);
    this.#usersVersion = version;
    for (const watched of this.#watched.values()) {
      if (watched.scope === 'everyone' || !('users' in watched.scope)) continue;
      const mine = new Set(watched.scope.users);
      const of = (part: unknown) => Object.fromEntries(Object.entries(record(part ?? {})).filter(([user]) => mine.has(user)));
      const part = Object.fromEntries(['users', 'joined', 'changed', 'left'].map((name) => [name, of(data[name])]));
      const change = watched.apply(isState, part);
      if (!isState && !change.joined.length && !change.changed.length && !change.left.length) continue;
      watched.invalidate();
      this.#notify(watched, change);
    }
  }

  #counted(scope: Name, data: Record<string, unknown>): void {
    const { online, active, idle } = data;
    if (![online, active, idle].every(Number.isFinite)) throw new Error('invalid counts');
    const counts = { online, active, idle } as Counts;
    this.#count(`#${scope}`, counts);
    // The topic has become too large and is shown as counts.
    const watched = this.#watched.get(scope);
    if (!watched || data['large'] !== true) return;
    watched.clear(counts);
    this.#notify(watched, { ...UNCHANGED, reset: true });
  }

  #count(name: Name, counts: Counts): void {
    const watched = this.#watched.get(name);
    if (!watched) return;
    const { online, active, idle } = watched.counts;
    if (watched.isKnown && online === counts.online && active === counts.active && idle === counts.idle) return;
    [watched.counts, watched.isKnown] = [counts, true];
    watched.invalidate();
    this.#notify(watched, UNCHANGED);
  }

  #notify(watched: Watched, change: Change): void {
    const view = watched.live(this.#state(), this.isStale);
    for (const watcher of [...watched.watchers]) call(this.#env, watcher.seen, view, change);
  }
}

function textOf(data: Record<string, unknown>, name: string): string {
  const text = data[name];
  if (typeof text !== 'string') throw new Error(`no ${name}`);
  return text;
}
