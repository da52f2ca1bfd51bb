// A minimal page that is present, with what tests need to know about it. `?o=` has the options of
// `createPresence`, as JSON, and:
// - `watches`: how many topics it watches besides the lobby
// - `slow`: timers of a hidden page fire once a minute, as browsers do after five minutes
// - `forbids`: storage, locks and channels throw, as where a setting forbids them
// - `tokens`: requests a token from `/token` that is valid for this many seconds; `hangs`: the
//   first request is never answered
const { watches = 0, slow, forbids, tokens, hangs, ...options } = JSON.parse(new URLSearchParams(location.search).get('o') ?? '{}');

/** Every request of this page, as the path of its URL. */
globalThis.asked = [];
globalThis.sockets = [];
/** Writes into the stream that is open, as if the server had. */
globalThis.inject = () => {};
const { fetch: realFetch, WebSocket: RealSocket, setTimeout: realTimeout } = globalThis;
globalThis.fetch = async (url, init) => {
  const { pathname } = new URL(url, location.href);
  asked.push(pathname);
  const response = await realFetch(url, init);
  if (!pathname.endsWith('/v1/sse') || !response.body) return response;
  const start = (controller) => { globalThis.inject = (text) => controller.enqueue(new TextEncoder().encode(text)); };
  return new Response(response.body.pipeThrough(new TransformStream({ start })), response);
};
globalThis.WebSocket = class extends RealSocket {
  constructor(url, protocols) {
    super(url, protocols);
    asked.push(new URL(url, location.href).pathname);
    sockets.push(this);
  }
};
globalThis.count = (path) => asked.filter((it) => it.endsWith(path)).length;
if (slow) globalThis.setTimeout = (ring, ms) => realTimeout(ring, document.hidden ? Math.max(ms, 60_000) : ms);
if (forbids) {
  const forbidden = () => { throw new DOMException('The operation is insecure.', 'SecurityError'); };
  for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, { get: forbidden });
  navigator.locks.request = async () => forbidden();
  globalThis.BroadcastChannel = class { constructor() { forbidden(); } };
}
let isFirst = true;
if (tokens) {
  options.token = async () => {
    const hang = hangs && isFirst;
    isFirst = false;
    return hang ? new Promise(() => {}) : (await fetch(`/token?for=${tokens}`)).text();
  };
}

globalThis.isPersisted = false;
addEventListener('pageshow', ({ persisted }) => { globalThis.isPersisted = persisted; });
// A channel would tell it only once the page is shown.
if (document.prerendering) localStorage.setItem('prerenders', location.href);

const { createPresence } = await import('/presence/presence.js');
globalThis.createPresence = createPresence;
globalThis.gone = [];
globalThis.errors = [];
globalThis.presence = createPresence({ url: '/presence', topics: ['lobby'], ...options });
presence.on('error', (error) => errors.push({ ...error, at: performance.now() }));
const watch = (topic) =>
  presence.watch({ topic }, (view, change) => {
    if (topic !== 'lobby') return;
    globalThis.view = view;
    gone.push(...change.left.map(({ member }) => member.user));
    document.getElementById('shown').textContent = [...view.members.keys()].sort().join();
  });
['lobby', ...Array.from({ length: watches }, (_, n) => `room ${n}`)].forEach(watch);
globalThis.sees = () => [...view.members.keys()].sort().join();
globalThis.state = () => presence.self.getSnapshot().state;
