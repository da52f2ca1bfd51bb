/**
 * Hooks for React: a scope, one member, or one's own presence. Memoised rows are rendered again
 * only when their member changes.
 */

import { useCallback, useMemo, useSyncExternalStore } from 'react';
import type { Counts, Member, Presence, Scope, Self, State, Store, View } from './types.ts';

const EMPTY: View = { state: 'connecting', stale: true, members: new Map(), counts: { online: 0, active: 0, idle: 0 } };

function useStore<T>(store: Store<T>): T {
  const { subscribe, getSnapshot } = store;
  return useSyncExternalStore(subscribe, getSnapshot, getSnapshot);
}

/**
 * The view of a topic, a set of users, counts or everyone. A member is the same object until it
 * changes.
 */
export function usePresence(
  presence: Presence,
  scope: Scope | string,
): { members: Member[]; others: Member[]; counts: Counts; state: State; stale: boolean } {
  const key = JSON.stringify(scope);
  const store = useMemo(() => {
    const given = JSON.parse(key) as Scope | string;
    return presence.view(typeof given === 'string' && given !== 'everyone' ? { topic: given } : (given as Scope));
  }, [presence, key]);
  const { members, counts, state, stale } = useSyncExternalStore(store.subscribe, store.getSnapshot, () => EMPTY);
  const user = presence.user;
  return useMemo(() => {
    const all = [...members.values()];
    return { members: all, others: all.filter((member) => member.user !== user), counts, state, stale };
  }, [members, counts, state, stale, user]);
}

/** One member of a topic; renders again only when that member changes. */
export function useMember(presence: Presence, topic: string, user: string): Member | null {
  const store = useMemo(() => presence.view({ topic }), [presence, topic]);
  const get = useCallback(() => store.getSnapshot().members.get(user) ?? null, [store, user]);
  return useSyncExternalStore(store.subscribe, get, () => null);
}

/** One's own presence. */
export function useSelf(presence: Presence): Self {
  return useStore(presence.self);
}
