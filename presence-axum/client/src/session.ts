/** The session id of a tab: kept over a reload, never shared with another tab. */

import type { Env } from './env.ts';

export interface Session {
  readonly id: string;
  /**
   * Milliseconds since the user's last activity, as an earlier page of this tab saved it; `null`
   * without one.
   */
  readonly idleFor: number | null;
  release(): void;
}

/** The time after which a saved id is not used again. */
const KEPT_FOR = 60_000;
/** How long another tab has to claim the id, where there are no locks. */
const ASK_FOR = 80;
/** Each user has a session of their own, since the frames of one tab share its storage. */
const keyOf = (user: string | null): string => `presence.session.${user ?? ''}`;

/**
 * The id is in the tab's storage only while no page uses it: a page takes it out, and puts it back
 * when it is unloaded. A tab that is duplicated while it shows another page still copies the id.
 * Hence the lock: of two tabs that find the same id, the second gets a new one.
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

/** Saves the id for the next page of this tab. */
export function putBack(env: Env, user: string | null, id: string, idleFor: number | null): void {
  env.storage.set('session', keyOf(user), `${env.wall()} ${id} ${idleFor === null ? '' : Math.round(idleFor)}`);
}

async function hold(env: Env, id: string): Promise<(() => void) | null> {
  const release = await env.lock(`presence-session-${id}`);
  return release === undefined ? ask(env, id) : release;
}

/**
 * Without locks (plain http), other tabs are asked. If two ask at once, the one with the lower
 * number gives way.
 */
function ask(env: Env, id: string): Promise<(() => void) | null> {
  return new Promise((resolve) => {
    const mine = env.id();
    let isOurs = false;
    let cancel = (): void => {};
    const channel = env.channel('presence-sessions', (data) => {
      const message = data as { id?: string; asks?: string; takenFrom?: string } | null;
      if (message?.id !== id) return;
      if (message.takenFrom === mine || (message.asks && !isOurs && message.asks > mine)) {
        cancel();
        channel?.close();
        resolve(null);
      } else if (message.asks && isOurs) {
        channel?.post({ id, takenFrom: message.asks });
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
