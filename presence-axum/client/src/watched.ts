/** The known state of one scope, and its watchers. */

import type { Change, Counts, Member, Scope, State, View } from './types.ts';

const NONE: Counts = { online: 0, active: 0, idle: 0 };
export const UNCHANGED: Change = { joined: [], changed: [], left: [], reset: false };

export interface Watcher {
  seen: (view: View, change: Change) => void;
  /** Needs the connection while the page is hidden. */
  streams: boolean;
}

export class Watched {
  readonly scope: Scope;
  members: Map<string, Member> = new Map();
  version: string | null = null;
  counts: Counts = NONE;
  isKnown = false;
  watchers: Set<Watcher> = new Set();
  #view: View | null = null;

  constructor(scope: Scope) {
    this.scope = scope;
  }

  /** A snapshot; the same object until something changes, and its members do not change. */
  view(state: State, stale: boolean): View {
    if (this.#view?.state === state && this.#view.stale === stale) return this.#view;
    return (this.#view = { ...this.live(state, stale), members: new Map(this.members) });
  }

  live(state: State, stale: boolean): View {
    return { state, stale, members: this.members, counts: this.counts };
  }

  invalidate(): void {
    this.#view = null;
  }

  /** Drops all members; the counts may still be known. */
  clear(counts: Counts = NONE): void {
    [this.members, this.version, this.counts, this.isKnown] = [new Map(), null, counts, false];
    this.invalidate();
  }

  /** Applies a state or a diff. Members that are missing in a state are reported as `unseen`. */
  apply(isState: boolean, data: Record<string, unknown>): Change {
    const [joined, changed, left]: [Member[], Member[], Change['left'][number][]] = [[], [], []];
    const users = isState ? record(data['users']) : { ...record(data['joined'] ?? {}), ...record(data['changed'] ?? {}) };
    const gone = isState
      ? [...this.members.keys()].filter((user) => !Object.hasOwn(users, user)).map((user) => [user, { reason: 'unseen' }] as const)
      : Object.entries(record(data['left'] ?? {}));
    for (const [user, why] of gone) {
      const member = this.members.get(user);
      const { reason } = record(why);
      if (member) left.push({ member, reason: reason === 'lapsed' || reason === 'unseen' ? reason : 'left' });
      this.members.delete(user);
    }
    for (const [user, value] of Object.entries(users)) {
      const old = this.members.get(user);
      const member = memberOf(user, value, old);
      if (old === member) continue;
      this.members.set(user, member);
      (old ? changed : joined).push(member);
    }
    let active = 0;
    for (const { liveness } of this.members.values()) if (liveness === 'active') active += 1;
    this.counts = { online: this.members.size, active, idle: this.members.size - active };
    const isFirst = !this.isKnown;
    this.isKnown = true;
    return { joined: isFirst ? [] : joined, changed, left, reset: isState };
  }
}

export function record(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('no object');
  return value as Record<string, unknown>;
}

/** Returns the old object if nothing has changed, so that it is not rendered again. */
function memberOf(user: string, value: unknown, old: Member | undefined): Member {
  const { liveness, status, message = null, meta = null } = record(value);
  const member = { user, liveness: liveness === 'active' ? 'active' : 'idle', status, message, meta } as Member;
  const isSame =
    old && old.liveness === member.liveness && old.status === status && old.message === message && JSON.stringify(old.meta) === JSON.stringify(meta);
  return isSame ? old : member;
}
