/**
 * Everything that the state machines need from outside. `browser.ts` implements it for browsers,
 * `test/world.ts` for tests.
 */

export interface Env {
  /** Monotonic milliseconds. */
  now(): number;
  /** Milliseconds of the wall clock, for comparison with what an earlier page saved. */
  wall(): number;
  /** A random number from 0 to 1. */
  random(): number;
  id(): string;
  /** Calls `ring` once; the result cancels it. */
  timer(ms: number, ring: () => void): () => void;
  /** A timer that is on time in hidden pages as well. */
  alarm(ring: () => void): Alarm;
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** `null` if there are no WebSockets here. */
  socket(url: string, protocols: string[]): Socket | null;
  storage: Storage;
  /**
   * Acquires a lock that one tab can hold. `null`: another tab holds it; `undefined`: there are no
   * locks here.
   */
  lock(name: string): Promise<(() => void) | null | undefined>;
  channel(name: string, listener: (data: unknown) => void): Channel | null;
  page: Page;
  /** Passes an error to the page's own error handling. */
  report(error: unknown): void;
}

export interface Alarm {
  set(ms: number): void;
  clear(): void;
  close(): void;
}

export interface Storage {
  get(area: 'local' | 'session', key: string): string | null;
  /** `null` removes the value. */
  set(area: 'local' | 'session', key: string, value: string | null): void;
}

export interface Channel {
  post(data: unknown): void;
  close(): void;
}

export interface Socket {
  send(text: string): void;
  close(code?: number): void;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
}

export type PageEvent = 'shown' | 'hidden' | 'gone' | 'restored' | 'frozen' | 'resumed' | 'online' | 'activity' | 'activated';

export interface Page {
  hidden(): boolean;
  prerendering(): boolean;
  listen(listener: (event: PageEvent) => void): () => void;
  /** Sends a request from a page that is being unloaded. */
  sendFinal(url: string, init: RequestInit & { body: string }): void;
}
