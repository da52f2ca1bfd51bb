/**
 * Keeps this tab present on a presence server, and shows which users are online.
 *
 *   import { createPresence } from '/presence/presence.js';
 *   const presence = createPresence({ url: '/presence', user: 'ada', topics: ['lobby'] });
 *   presence.watch({ topic: 'lobby' }, ({ members }) => console.log([...members.keys()]));
 */

import { browser } from './browser.ts';
import { presenceIn } from './presence.ts';
import type { Options, Presence } from './types.ts';

export type * from './types.ts';

/** Makes this tab present until `leave` or `destroy`. */
export function createPresence(options: Options = {}): Presence {
  return presenceIn(browser(options.workerUrl), options);
}
