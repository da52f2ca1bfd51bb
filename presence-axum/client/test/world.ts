/** A world with a clock that is turned by hand, a network that does what the test says, and tabs that share what tabs share. */

import type { Channel, Env, PageEvent, Socket } from '../src/env.ts';

/** A request that waits for the test's answer. */
export class Asked {
  readonly url: string;
  readonly init: RequestInit;
  readonly body: any;
  isAborted = false;
  readonly response: Promise<Response>;
  #resolve!: (response: Response) => void;
  #reject!: (error: unknown) => void;
  #stream: ReadableStreamDefaultController<Uint8Array> | null = null;

  constructor(url: string, init: RequestInit) {
    [this.url, this.init] = [url, init];
    this.body = typeof init.body === 'string' && init.body ? JSON.parse(init.body) : null;
    this.response = new Promise((resolve, reject) => ([this.#resolve, this.#reject] = [resolve, reject]));
    init.signal?.addEventListener('abort', () => {
      this.isAborted = true;
      const error = new DOMException('aborted', 'AbortError');
      this.#reject(error);
      try {
        this.#stream?.error(error);
      } catch {
        // It has ended.
      }
    });
  }

  get authorization(): string | undefined {
    return (this.init.headers as Record<string, string>)['authorization'];
  }

  answer(status: number, body: unknown = { ok: true }, headers: Record<string, string> = {}): void {
    this.#resolve(new Response(JSON.stringify(body), { status, headers }));
  }

  fail(): void {
    this.#reject(new TypeError('network'));
  }

  /** Answers with a stream that the test goes on writing. */
  stream(): this {
    this.#resolve(new Response(new ReadableStream<Uint8Array>({ start: (controller) => void (this.#stream = controller) }), { status: 200 }));
    return this;
  }

  write(text: string): void {
    this.#stream!.enqueue(new TextEncoder().encode(text));
  }

  event(name: string, data: unknown): void {
    this.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  end(): void {
    this.#stream!.close();
  }
}

/** What all tabs of one browser share. */
export class World {
  now = 1_000;
  /** How far the wall clock is ahead of the monotonic one. */
  wallBy = 1_710_000_000_000;
  locks: Map<string, object> | null = new Map();
  channels: Map<string, Set<(data: unknown) => void>> = new Map();
  local: Map<string, string> = new Map();
  ids = 0;
  /** What the random numbers are, where a test wants to know. */
  luck: number | null = null;
  #timers: Set<{ at: number; ring: () => void }> = new Set();
  #random = 7;

  random(): number {
    if (this.luck !== null) return this.luck;
    this.#random = (this.#random * 16_807) % 2_147_483_647;
    return this.#random / 2_147_483_647;
  }

  timer(ms: number, ring: () => void): () => void {
    const timer = { at: this.now + ms, ring };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Lets promises settle that wait for nothing. */
  async settle(): Promise<void> {
    for (let i = 0; i < 12; i += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Time passes; each timer rings at its own instant. */
  async pass(ms: number): Promise<void> {
    const until = this.now + ms;
    await this.settle();
    for (;;) {
      const next = [...this.#timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#timers.delete(next);
      this.now = Math.max(this.now, next.at);
      next.ring();
      await this.settle();
    }
    this.now = until;
  }
}

/** A page in a tab. */
export class TabEnv implements Env {
  world: World;
  session: Map<string, string>;
  asked: Asked[] = [];
  lastWords: { url: string; body: any; init: RequestInit }[] = [];
  sockets: FakeSocket[] = [];
  reported: unknown[] = [];
  isHidden = false;
  isPrerendering = false;
  /** What answers by itself; `null` leaves all to the test. */
  server: ((asked: Asked) => void) | null = (asked) => {
    if (asked.url.endsWith('/v1/hit')) asked.answer(200, { ok: true, placed_at: 1, active_for: 60_000, lease_for: 60_000 });
  };
  #heard: Set<(event: PageEvent) => void> = new Set();

  constructor(world: World, session: Map<string, string> = new Map()) {
    [this.world, this.session] = [world, session];
  }

  now = (): number => this.world.now;
  wall = (): number => this.world.now + this.world.wallBy;
  random = (): number => this.world.random();
  id = (): string => `id${(this.world.ids += 1)}`;
  timer = (ms: number, ring: () => void): (() => void) => this.world.timer(ms, ring);

  alarm(ring: () => void): { set(ms: number): void; clear(): void; close(): void } {
    let cancel = (): void => {};
    const set = (ms: number): void => {
      cancel();
      cancel = this.world.timer(ms, ring);
    };
    return { set, clear: () => cancel(), close: () => cancel() };
  }

  fetch(url: string, init: RequestInit): Promise<Response> {
    const asked = new Asked(url, init);
    this.asked.push(asked);
    this.server?.(asked);
    return asked.response;
  }

  socket(url: string, protocols: string[]): Socket {
    const socket = new FakeSocket(url, protocols);
    this.sockets.push(socket);
    return socket;
  }

  storage = {
    get: (area: 'local' | 'session', key: string): string | null => this.#area(area).get(key) ?? null,
    set: (area: 'local' | 'session', key: string, value: string | null): void => {
      if (value === null) this.#area(area).delete(key);
      else this.#area(area).set(key, value);
    },
  };

  #area(area: 'local' | 'session'): Map<string, string> {
    return area === 'local' ? this.world.local : this.session;
  }

  lock(name: string): Promise<(() => void) | null | undefined> {
    const { locks } = this.world;
    if (!locks) return Promise.resolve(undefined);
    if (locks.has(name)) return Promise.resolve(null);
    const mine = {};
    locks.set(name, mine);
    return Promise.resolve(() => {
      if (locks.get(name) === mine) locks.delete(name);
    });
  }

  channel(name: string, heard: (data: unknown) => void): Channel {
    const all = this.world.channels.get(name) ?? new Set();
    this.world.channels.set(name, all);
    all.add(heard);
    return {
      post: (data) => {
        for (const other of [...all]) if (other !== heard) queueMicrotask(() => other(data));
      },
      close: () => void all.delete(heard),
    };
  }

  page = {
    hidden: (): boolean => this.isHidden,
    prerendering: (): boolean => this.isPrerendering,
    listen: (heard: (event: PageEvent) => void): (() => void) => {
      this.#heard.add(heard);
      return () => this.#heard.delete(heard);
    },
    sendFinal: (url: string, init: RequestInit & { body: string }): void => {
      this.lastWords.push({ url, init, body: JSON.parse(init.body) });
    },
  };

  report = (error: unknown): void => void this.reported.push(error);

  tell(event: PageEvent): void {
    for (const heard of [...this.#heard]) heard(event);
  }

  hide(): void {
    this.isHidden = true;
    this.tell('hidden');
  }

  show(): void {
    this.isHidden = false;
    this.tell('shown');
  }

  get hits(): Asked[] {
    return this.asked.filter(({ url }) => url.endsWith('/v1/hit'));
  }

  get streams(): Asked[] {
    return this.asked.filter(({ url }) => url.endsWith('/v1/sse'));
  }

  get openStreams(): Asked[] {
    return this.streams.filter(({ isAborted }) => !isAborted);
  }
}

export class FakeSocket implements Socket {
  readonly url: string;
  readonly protocols: string[];
  sent: any[] = [];
  closed: number | null = null;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;

  constructor(url: string, protocols: string[]) {
    [this.url, this.protocols] = [url, protocols];
  }

  /** Whether heartbeats are answered by themselves. */
  answers = false;

  send(text: string): void {
    const frame = JSON.parse(text);
    this.sent.push(frame);
    if (this.answers && frame.ref !== undefined) queueMicrotask(() => this.tell({ type: frame.type === 'enter' ? 'entered' : 'ok', ref: frame.ref, user: 'ada' }));
  }

  close(code: number = 1000): void {
    this.closed ??= code;
  }

  open(): void {
    this.onopen?.();
  }

  tell(frame: unknown): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  drop(code: number = 1006): void {
    this.closed ??= code;
    this.onclose?.({ code, reason: '' });
  }

  of(type: string): any[] {
    return this.sent.filter((frame) => frame.type === type);
  }
}
