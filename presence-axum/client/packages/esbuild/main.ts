// All members of the lobby.
import { createPresence, type View } from 'presence-axum';

const presence = createPresence({ url: '/presence', user: 'me', topics: ['lobby'], transport: 'http' });
const stop = presence.watch({ topic: 'lobby' }, ({ members, state }: View) => {
  if (state !== 'live' || members.size !== 1000) return;
  queueMicrotask(stop);
  void fetch('/result', { method: 'POST', body: JSON.stringify({ members: members.size, me: presence.user }) });
});
