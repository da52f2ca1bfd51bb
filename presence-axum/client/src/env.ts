/** All that the state machines need of the world: the browser's is in `browser.ts`, the tests' in `test/world.ts`. */

export interface Env {
  /** Milliseconds that never go back. */
  now(): number;
  /** Milliseconds by the wall clock: only to compare with what an earlier page kept. */
  wall(): number;
  /** From 0 to 1. */
  random(): number;
  id(): string;
  /** Rings once, unless it is cancelled. */
  timer(ms: number, ring: () => void): () => void;
  /** Rings on time also while the page is hidden. */
  alarm(ring: () => void): Alarm;
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** Null where there is none. */
  socket(url: string, protocols: string[]): Socket | null;
  storage: Storage;
  /** Holds a name that no other tab holds. `null`: it is taken; `undefined`: there are no locks here. */
  lock(name: string): Promise<(() => void) | null | undefined>;
  channel(name: string, heard: (data: unknown) => void): Channel | null;
  page: Page;
  /** Tells the page's own error handling. */
  report(error: unknown): void;
}

export interface Alarm {
  set(ms: number): void;
  clear(): void;
  close(): void;
}

export interface Storage {
  get(area: 'local' | 'session', key: string): string | null;
  /** `null` removes. */
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
  listen(heard: (event: PageEvent) => void): () => void;
  /** Sends a last word from a page that goes. */
  lastWord(url: string, init: RequestInit & { body: string }): void;
}
