/** The browser, as the state machines see it. Whatever a policy or a setting forbids is taken for absent. */

import type { Alarm, Env, Page, PageEvent, Socket } from './env.ts';

/** Not `scroll`: scripts scroll too. A person's scrolling is a wheel, a touch, a key or a pointer on the bar. */
const ACTIVITY = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart', 'touchmove'];
/** What is told as it is, by the name of its event. */
const TOLD = { freeze: 'frozen', resume: 'resumed', prerenderingchange: 'activated', pagehide: 'gone', online: 'online' } as const;
/** How long a lock of a page that is just going may still be held. */
const LOCK_WITHIN = 1_000;
/** The name of a worker that is this very file. */
const ALARM = 'presence-alarm';

/** Rings when it is told to: the whole of what the worker does. It knows nothing of this file, since it is also made of its own text. */
function rings(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  globalThis.onmessage = ({ data: [turn, ms] }: MessageEvent<[number, number]>) => {
    clearTimeout(timer);
    if (ms >= 0) timer = setTimeout(() => postMessage(turn), ms);
  };
}

declare const WorkerGlobalScope: unknown;

if (typeof WorkerGlobalScope !== 'undefined' && (globalThis as { name?: string }).name === ALARM) rings();

/** Null where a policy or a setting forbids it. */
function allowed<T>(what: () => T): T | null {
  try {
    return what();
  } catch {
    return null;
  }
}

export function browser(workerUrl?: string | URL): Env {
  return {
    now: () => performance.now(),
    wall: () => Date.now(),
    random: () => Math.random(),
    // Not `crypto.randomUUID`: that is missing on plain http.
    id: () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join(''),
    timer: (ms, ring) => {
      // A part of a millisecond is cut off, and who rings early finds that nothing is due.
      const timer = setTimeout(ring, Math.ceil(ms));
      return () => clearTimeout(timer);
    },
    alarm: (ring) => new PageAlarm(ring, workerUrl),
    fetch: (url, init) => fetch(url, init),
    socket: (url, protocols) =>
      allowed(() => {
        const at = new URL(url, location.href);
        at.protocol = at.protocol.replace('http', 'ws');
        return new WebSocket(at, protocols) as unknown as Socket;
      }),
    storage: {
      get: (area, key) => allowed(() => window[`${area}Storage`].getItem(key)),
      set: (area, key, value) => {
        allowed(() => (value === null ? window[`${area}Storage`].removeItem(key) : window[`${area}Storage`].setItem(key, value)));
      },
    },
    lock,
    channel: (name, heard) =>
      allowed(() => {
        const open = new BroadcastChannel(name);
        open.onmessage = ({ data }: MessageEvent<unknown>) => heard(data);
        return { post: (data) => open.postMessage(data), close: () => open.close() };
      }),
    page: page(),
    report: (error) => (typeof reportError === 'function' ? reportError(error) : console.error(error)),
  };
}

/**
 * An alarm that also rings on time in a hidden tab: browsers slow the timers of a tab that is hidden for some minutes to one
 * a minute, longer than some leases, but not those of a worker. It compares no clock: each setting has a number.
 */
class PageAlarm implements Alarm {
  #ring: () => void;
  #turn = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #dueAt = Infinity;
  #worker: Worker | null = null;
  #workerUrl: string | URL | undefined;
  #unlisten: () => void;

  constructor(ring: () => void, workerUrl?: string | URL) {
    [this.#ring, this.#workerUrl] = [ring, workerUrl];
    const hidden = (): void => this.#setHidden(document.hidden);
    document.addEventListener('visibilitychange', hidden);
    this.#unlisten = () => document.removeEventListener('visibilitychange', hidden);
    hidden();
  }

  set(ms: number): void {
    const turn = (this.#turn += 1);
    clearTimeout(this.#timer);
    this.#dueAt = performance.now() + ms;
    this.#timer = setTimeout(() => this.#due(turn), ms);
    this.#worker?.postMessage([turn, ms]);
  }

  clear(): void {
    this.#turn += 1;
    this.#dueAt = Infinity;
    clearTimeout(this.#timer);
    this.#worker?.postMessage([0, -1]);
  }

  close(): void {
    this.clear();
    this.#setHidden(false);
    this.#unlisten();
  }

  #due(turn: number): void {
    if (turn !== this.#turn) return;
    this.clear();
    this.#ring();
  }

  #setHidden(isHidden: boolean): void {
    if (!isHidden) {
      this.#worker?.terminate();
      this.#worker = null;
    } else if (!this.#worker) {
      try {
        this.#worker = work(this.#workerUrl);
        this.#worker.onmessage = ({ data }: MessageEvent<number>) => this.#due(data);
        this.#worker.onerror = (event) => event.preventDefault();
        if (this.#dueAt < Infinity) this.#worker.postMessage([this.#turn, Math.max(0, this.#dueAt - performance.now())]);
      } catch {
        // A policy forbids it: the page's own timer it is.
      }
    }
  }
}

/** This very file where it is served as it is, since a policy that lets it run lets it work; else a few bytes of its own. */
function work(workerUrl?: string | URL): Worker {
  const itself = import.meta.url;
  const url = workerUrl ?? (/\/presence\.js(\?|$)/.test(itself) && new URL(itself).origin === location.origin ? itself : undefined);
  if (url !== undefined) return new Worker(url, { type: 'module', name: ALARM });
  const blob = URL.createObjectURL(new Blob([`(${rings})()`], { type: 'text/javascript' }));
  try {
    return new Worker(blob);
  } finally {
    URL.revokeObjectURL(blob);
  }
}

function lock(name: string): Promise<(() => void) | null | undefined> {
  return new Promise((resolve) => {
    try {
      if (!navigator.locks) return resolve(undefined);
      const abort = new AbortController();
      const timer = setTimeout(() => abort.abort(), LOCK_WITHIN);
      const held = (): Promise<void> => {
        clearTimeout(timer);
        return new Promise((release) => resolve(release));
      };
      navigator.locks.request(name, { signal: abort.signal }, held).catch((error: unknown) => {
        clearTimeout(timer);
        // Aborted: somebody holds it. Anything else: locks are forbidden here.
        resolve(error instanceof DOMException && error.name === 'AbortError' ? null : undefined);
      });
    } catch {
      resolve(undefined);
    }
  });
}

function page(): Page {
  return {
    hidden: () => document.hidden,
    prerendering: () => (document as { prerendering?: boolean }).prerendering === true,
    listen: (heard) => {
      const aborts = new AbortController();
      const options = { passive: true, capture: true, signal: aborts.signal };
      // Those of the document pass by the window too.
      const on = (name: string, told: (event: Event) => PageEvent | false): void => {
        const listener = (event: Event): void => {
          const it = told(event);
          if (it) heard(it);
        };
        window.addEventListener(name, listener, options);
      };
      // What a script makes up is no activity.
      for (const name of ACTIVITY) on(name, ({ isTrusted }) => isTrusted && 'activity');
      for (const name of Object.keys(TOLD) as (keyof typeof TOLD)[]) on(name, () => TOLD[name]);
      on('visibilitychange', () => (document.hidden ? 'hidden' : 'shown'));
      on('pageshow', (event) => (event as PageTransitionEvent).persisted && 'restored');
      return () => aborts.abort();
    },
    // Beacons are what blockers swallow, and they carry no token: only where nothing else outlives the page.
    lastWord: (url, init) => {
      if ('keepalive' in Request.prototype) void fetch(url, { ...init, keepalive: true }).catch(() => {});
      else navigator.sendBeacon(url, init.body);
    },
  };
}
