/** Which session a tab is: kept over a reload, never shared with another tab. */

import type { Env } from './env.ts';

export interface Session {
  readonly id: string;
  /** Milliseconds since the user's last activity, as an earlier page of this tab kept it; null where there was none. */
  readonly idleFor: number | null;
  release(): void;
}

/** An id that was put back longer ago than this belongs to the past. */
const KEPT_FOR = 60_000;
/** How long another tab has to say that the id is its own, where there are no locks. */
const ASK_FOR = 80;
/** Each user of a tab has a session of their own: frames of one origin share the storage of their tab. */
const keyOf = (user: string | null): string => `presence.session.${user ?? ''}`;

/**
 * The id is in the tab's storage only while no page uses it: a page takes it out, and puts it back when it goes. A tab that
 * is duplicated while it shows another page copies the id all the same, hence the lock: of two tabs that find the same id,
 * the second gets another.
 */
export async function claim(env: Env, user: string | null, fixed?: string): Promise<Session> {
  if (fixed !== undefined) return { id: fixed, idleFor: null, release: () => {} };
  const [at, kept, idle] = (env.storage.get('session', keyOf(user)) ?? '').split(' ');
  env.storage.set('session', keyOf(user), null);
  const age = env.wall() - Number(at);
  if (kept && Math.abs(age) < KEPT_FOR) {
    const release = await hold(env, kept);
    if (release) {
      return { id: kept, idleFor: idle ? (Number(idle) || 0) + Math.max(0, age) : null, release };
    }
  }
  const id = env.id();
  return { id, idleFor: null, release: (await hold(env, id)) ?? (() => {}) };
}

/** Leaves the id for the next page of this tab. */
export function putBack(env: Env, user: string | null, id: string, idleFor: number | null): void {
  env.storage.set('session', keyOf(user), `${env.wall()} ${id} ${idleFor === null ? '' : Math.round(idleFor)}`);
}

async function hold(env: Env, id: string): Promise<(() => void) | null> {
  const release = await env.lock(`presence-session-${id}`);
  return release === undefined ? ask(env, id) : release;
}

/** Where there are no locks (plain http), other tabs are asked. Of two that ask at once, the one with the lesser number gives way. */
function ask(env: Env, id: string): Promise<(() => void) | null> {
  return new Promise((resolve) => {
    const mine = env.id();
    let isOurs = false;
    let cancel = (): void => {};
    const channel = env.channel('presence-sessions', (data) => {
      const said = data as { id?: string; asks?: string; takenFrom?: string } | null;
      if (said?.id !== id) return;
      if (said.takenFrom === mine || (said.asks && !isOurs && said.asks > mine)) {
        cancel();
        channel?.close();
        resolve(null);
      } else if (said.asks && isOurs) {
        channel?.post({ id, takenFrom: said.asks });
      }
    });
    if (!channel) return resolve(() => {});
    cancel = env.timer(ASK_FOR, () => {
      isOurs = true;
      resolve(() => channel.close());
    });
    channel.post({ id, asks: mine });
  });
}
