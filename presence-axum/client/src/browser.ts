/** The browser's implementation of `Env`. What a policy or a setting forbids counts as absent. */

import type { Alarm, Env, Page, PageEvent, Socket } from './env.ts';

/**
 * Events that show a person's activity. Not `scroll`, which scripts cause as well; a person scrolls
 * by wheel, touch, key or pointer.
 */
const ACTIVITY = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart', 'touchmove'];
/** Browser events that are passed on under another name. */
const PASSED_ON = { freeze: 'frozen', resume: 'resumed', prerenderingchange: 'activated', pagehide: 'gone', online: 'online' } as const;
/** How long to wait for a lock that a closing page may still hold. */
const LOCK_WITHIN = 1_000;
/** The name of a worker that runs this same file. */
const ALARM = 'presence-alarm';

/**
 * The whole worker: a timer. It must not refer to anything outside of this function, whose text
 * alone may be run.
 */
function worker(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  globalThis.onmessage = ({ data: [turn, ms] }: MessageEvent<[number, number]>) => {
    clearTimeout(timer);
    if (ms >= 0) timer = setTimeout(() => postMessage(turn), ms);
  };
}

declare const WorkerGlobalScope: unknown;

if (typeof WorkerGlobalScope !== 'undefined' && (globalThis as { name?: string }).name === ALARM) worker();

/** The result, or `null` where a policy or a setting forbids it. */
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
    // Not `crypto.randomUUID`, which is missing on plain http.
    id: () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join(''),
    timer: (ms, ring) => {
      // Rounded up, because a timer that fires early would find nothing due.
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
    channel: (name, listener) =>
      allowed(() => {
        const open = new BroadcastChannel(name);
        open.onmessage = ({ data }: MessageEvent<unknown>) => listener(data);
        return { post: (data) => open.postMessage(data), close: () => open.close() };
      }),
    page: page(),
    report: (error) => (typeof reportError === 'function' ? reportError(error) : console.error(error)),
  };
}

/**
 * An alarm that fires on time in a hidden tab as well. In a tab that is hidden for some minutes,
 * browsers fire timers only once a minute, which is longer than some leases; the timers of a worker
 * are not slowed. Each setting of the alarm has a number, so that a late message of the worker about
 * an earlier setting is recognised.
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
        this.#worker = startWorker(this.#workerUrl);
        this.#worker.onmessage = ({ data }: MessageEvent<number>) => this.#due(data);
        this.#worker.onerror = (event) => event.preventDefault();
        if (this.#dueAt < Infinity) this.#worker.postMessage([this.#turn, Math.max(0, this.#dueAt - performance.now())]);
      } catch {
        // A policy forbids workers: use the page's own timer.
      }
    }
  }
}

/**
 * Runs this file as the worker if it is served under its own name, since a policy that allows the
 * file allows the worker; else a blob of a few bytes.
 */
function startWorker(workerUrl?: string | URL): Worker {
  const itself = import.meta.url;
  const url = workerUrl ?? (/\/presence\.js(\?|$)/.test(itself) && new URL(itself).origin === location.origin ? itself : undefined);
  if (url !== undefined) return new Worker(url, { type: 'module', name: ALARM });
  const blob = URL.createObjectURL(new Blob([`(${worker})()`], { type: 'text/javascript' }));
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
        // Aborted: another tab holds the lock. Any other error: locks are forbidden here.
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
    listen: (listener) => {
      const aborts = new AbortController();
      const options = { passive: true, capture: true, signal: aborts.signal };
      // Events of the document are also dispatched to the window.
      const on = (name: string, convert: (event: Event) => PageEvent | false): void => {
        const handler = (event: Event): void => {
          const it = convert(event);
          if (it) listener(it);
        };
        window.addEventListener(name, handler, options);
      };
      // Events made by scripts are not activity.
      for (const name of ACTIVITY) on(name, ({ isTrusted }) => isTrusted && 'activity');
      for (const name of Object.keys(PASSED_ON) as (keyof typeof PASSED_ON)[]) on(name, () => PASSED_ON[name]);
      on('visibilitychange', () => (document.hidden ? 'hidden' : 'shown'));
      on('pageshow', (event) => (event as PageTransitionEvent).persisted && 'restored');
      return () => aborts.abort();
    },
    // `fetch` with `keepalive` is preferred: beacons carry no token, and ad blockers drop them.
    sendFinal: (url, init) => {
      if ('keepalive' in Request.prototype) void fetch(url, { ...init, keepalive: true }).catch(() => {});
      else navigator.sendBeacon(url, init.body);
    },
  };
}
