/**
 * Tells a presence server that this tab is here, and shows who else is.
 *
 *   import { createPresence } from '/presence/presence.js';
 *   const presence = createPresence({ url: '/presence', user: 'ada', topics: ['lobby'] });
 *   presence.watch({ topic: 'lobby' }, ({ members, stale }) => console.log([...members.keys()], stale));
 */

import { browser } from './browser.ts';
import { presenceIn } from './presence.ts';
import type { Options, Presence } from './types.ts';

export type * from './types.ts';

/** Makes this tab present, and keeps it so until `leave` or `destroy`. */
export function createPresence(options: Options = {}): Presence {
  return presenceIn(browser(options.workerUrl), options);
}
