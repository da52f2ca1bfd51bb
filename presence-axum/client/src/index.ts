/**
 * Tells a presence server that this tab is here, and shows who else is.
 *
 *   import { createPresence } from '/presence/presence.js';
 *   const presence = createPresence({ url: '/presence', user: 'ada', topics: ['lobby'] });
 *   presence.watch({ topic: 'lobby' }, ({ members, stale }) => console.log([...members.keys()], stale));
 */

import { browser } from './browser.ts';
import { presenceIn } from './presence.ts';
import type { Beat, Options, Presence } from './types.ts';

export type * from './types.ts';

/** Makes this tab present, and keeps it so until `leave` or `destroy`. */
export function createPresence(options: Options = {}): Presence {
  return presenceIn(browser(options.workerUrl), options);
}

/** The heartbeat of the `active-idle` service, which knows neither sessions nor leaving: `createPresence({ encode: activeIdle })`. */
export function activeIdle(beat: Beat): object | null {
  const lastActivity = Math.floor((Date.now() - (beat.idle_ms ?? 0)) / 1000);
  return beat.kind === 'leave' ? null : { uid: beat.user, last_activity: lastActivity };
}
