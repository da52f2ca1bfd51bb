/**
 * The WebSocket of the mount: heartbeats, subscriptions, typing and messages. It is not among the
 * six HTTP connections.
 */

import { backoff, textOf } from './backoff.ts';
import type { Env, Socket } from './env.ts';
import { type Answer, unanswered } from './http.ts';
import type { Wanted } from './scopes.ts';
import { Timer } from './timer.ts';
import type { Beat, Events, Message, Missed, Problem, Typing } from './types.ts';

const HELLO_WITHIN = 4_000;
const ANSWER_WITHIN = 8_000;
/**
 * After this many attempts without a hello, WebSockets seem to be blocked and are not tried for
 * `AGAIN_AFTER`.
 */
const ATTEMPTS = 2;
const AGAIN_AFTER = 300_000;
/**
 * Close codes without reconnection: broken framing, too large a frame, disconnected by an operator.
 */
const FINAL = [1002, 1003, 1007, 1009, 4403];
const TYPING_EVERY = 2_000;

/** Passes an event to the host's listeners. */
export type Emit = <E extends keyof Events>(event: E, what: Events[E]) => void;

export interface SocketHost {
  /** The URL and the token. Rejects if the host has no token. */
  address(): Promise<{ url: string; token: string | null }>;
  /** A presence frame. If it throws, all topics are subscribed again. */
  onPresence(name: string, data: Record<string, unknown>): void;
  emit: Emit;
  /** Whether there are listeners for messages or typing. */
  wantsMessages(): boolean;
  opened(hello: Record<string, unknown>): void;
  /**
   * The socket is closed. `isFinal`: it does not reconnect by itself. `wasOpen`: it carried
   * heartbeats.
   */
  lost(problem: Problem, isFinal: boolean, wasOpen: boolean): void;
  refused(): void;
  /** A subscription was refused, with an HTTP status. */
  denied(why: { code: number; error: string }): void;
}

export class SocketLine {
  #env: Env;
  #host: SocketHost;
  #socket: Socket | null = null;
  #turn = 0;
  #timer: Timer;
  #failures = 0;
  #withoutHello = 0;
  #reconnectIn: number | null = null;
  #ref = 0;
  #waiting: Map<number, (answer: Answer) => void> = new Map();
  /**
   * The subscribed topics (`null`: everyone), and which updates each delivers: counts only,
   * messages.
   */
  #subscribed: Map<string | null, string> = new Map();
  /**
   * For each topic, the last message received, or the position at which the subscription began.
   */
  #after: Map<string, string> = new Map();
  #typed: Map<string, number> = new Map();
  isOpen = false;
  /** No attempt is made before this time. */
  notBefore = 0;

  constructor(env: Env, host: SocketHost) {
    [this.#env, this.#host, this.#timer] = [env, host, new Timer(env)];
  }

  get isClosed(): boolean {
    return this.#turn % 2 === 0;
  }

  open(): void {
    if (!this.isClosed || this.#env.now() < this.notBefore) return;
    this.#turn += 1;
    void this.#run(this.#turn);
  }

  close(): void {
    if (this.isClosed) return;
    this.#turn += 1;
    this.#drop();
  }

  #drop(): void {
    this.#timer.clear();
    const socket = this.#socket;
    [this.#socket, this.isOpen] = [null, false];
    this.#subscribed.clear();
    if (socket) {
      [socket.onmessage, socket.onclose] = [null, null];
      socket.close();
    }
    for (const answer of [...this.#waiting.values()]) answer(unanswered('the socket closed'));
    this.#waiting.clear();
  }

  async #run(turn: number): Promise<void> {
    let socket: Socket | null = null;
    try {
      const { url, token } = await this.#host.address();
      if (turn !== this.#turn) return;
      socket = this.#env.socket(url, token === null ? [] : ['bearer', token]);
    } catch (error) {
      if (turn !== this.#turn) return;
      return this.#lost({ code: 'token', message: textOf(error) });
    }
    if (!socket) return this.#lost({ code: 'network', message: 'no socket' }, Infinity);
    this.#socket = socket;
    // Either WebSockets are blocked or the network is down; heartbeats show which.
    const without = (this.#withoutHello += 1) < ATTEMPTS ? 0 : AGAIN_AFTER;
    this.#timer.set(HELLO_WITHIN, () => this.#lost({ code: 'network', message: 'silence' }, without));
    socket.onmessage = ({ data }) => {
      if (turn === this.#turn && typeof data === 'string') this.#frame(data);
    };
    socket.onclose = ({ code }) => {
      if (turn !== this.#turn) return;
      if (code === 4401) this.#host.refused();
      this.#lost({ code: code >= 4400 ? 'refused' : 'network', message: `the socket closed (${code})` }, FINAL.includes(code) ? Infinity : this.isOpen ? 0 : without);
    };
  }

  /** Reconnects by itself, or not before `notFor` has passed. */
  #lost(problem: Problem, notFor: number = 0): void {
    const { isOpen } = this;
    this.#drop();
    const isFinal = notFor > 0;
    if (isFinal) [this.notBefore, this.#withoutHello] = [this.#env.now() + notFor, 0];
    this.#failures += 1;
    const asked = this.#reconnectIn;
    this.#reconnectIn = null;
    const wait = asked === null ? backoff(this.#env, this.#failures, 4_000) : asked;
    if (isFinal) this.#turn += 1;
    else {
      const turn = this.#turn;
      this.#timer.set(wait, () => turn === this.#turn && void this.#run(turn));
    }
    this.#host.lost(isFinal ? problem : { ...problem, retryIn: Math.round(wait) }, isFinal, isOpen);
  }

  #frame(text: string): void {
    try {
      const frame = JSON.parse(text) as Record<string, unknown>;
      const type = String(frame['type']);
      if (type === 'hello') {
        this.#timer.clear();
        [this.isOpen, this.#failures, this.#withoutHello] = [true, 0, 0];
        this.#host.opened(frame);
      } else if (type === 'reconnect') this.#reconnectIn = Math.max(0, Number(frame['in']) || 0);
      else if (type === 'typing') this.#host.emit(type, { ...(frame as unknown as Typing), typing: frame['value'] != null });
      else if (type === 'position' || type === 'message') {
        this.#after.set(String(frame['topic']), String(frame['id']));
        if (type === 'message') this.#host.emit(type, frame as unknown as Message);
      } else if (type === 'missed') this.#host.emit(type, frame as unknown as Missed);
      else if (type.startsWith('presence_')) this.#host.onPresence(type, { ...frame, scope: frame['topic'] == null ? 'everyone' : `topic:${frame['topic']}` });
      else if (typeof frame['ref'] === 'number') this.#answered(type, frame);
      else if (type === 'error' && this.#subscribed.delete((frame['topic'] as string) ?? null)) this.#host.denied(frame as never);
    } catch (error) {
      this.#lost({ code: 'protocol', message: textOf(error) });
    }
  }

  #answered(type: string, frame: Record<string, unknown>): void {
    const ref = frame['ref'] as number;
    const answer = this.#waiting.get(ref);
    this.#waiting.delete(ref);
    const status = type === 'error' ? Number(frame['code']) || 500 : 200;
    answer?.({ status, retryAfter: 0, body: frame, code: status < 500 ? 'refused' : 'server' });
  }

  deliver({ kind, ...beat }: Beat): Promise<Answer> {
    return this.ask({ type: kind, ...beat });
  }

  /** Sends a frame that has a response. Without one, the connection is dead and is replaced. */
  ask(frame: object): Promise<Answer> {
    return new Promise((resolve) => {
      const ref = (this.#ref += 1);
      const cancel = this.#env.timer(ANSWER_WITHIN, () => this.#lost({ code: 'network', message: 'silence' }));
      this.#waiting.set(ref, (answer) => {
        cancel();
        resolve(answer);
      });
      this.#send({ ...frame, ref });
    });
  }

  /**
   * The page is unloaded: the session leaves when the connection closes, even if this frame is
   * lost.
   */
  sendFinal(): void {
    this.#send({ type: 'leave' });
  }

  /** Sends a new token on the open connection. */
  auth(token: string): void {
    this.#send({ type: 'auth', token });
  }

  /** Subscribes to what is new or has changed, and unsubscribes from the rest. */
  subscribe(wanted: Wanted | null): void {
    const wantsMessages = this.#host.wantsMessages();
    const all = new Map<string | null, { topic: string | null; counts: boolean; messages: boolean; version?: string; after?: string }>();
    const add = (topic: string | null, version: unknown, counts: boolean = false): void => {
      const messages = wantsMessages && topic !== null;
      const entry = { topic, counts, messages, version: version ?? undefined, after: messages ? this.#after.get(topic) : undefined };
      all.set(topic, entry as { topic: string; counts: boolean; messages: boolean });
    };
    for (const topic of wanted?.counts ?? []) add(topic, null, true);
    for (const [topic, version] of Object.entries(wanted?.topics ?? {})) add(topic, version);
    if (wanted?.everyone) add(null, wanted.everyone === true ? null : wanted.everyone);
    const ended = [...this.#subscribed.keys()].filter((topic) => !all.has(topic));
    for (const topic of ended) this.#subscribed.delete(topic);
    // Positions of watched topics are kept, so that a page that was hidden gets the messages it
    // missed.
    if (wanted) for (const topic of this.#after.keys()) if (!all.has(topic)) this.#after.delete(topic);
    const begun = [...all.values()].filter(({ topic, counts, messages }) => {
      const how = `${counts} ${messages}`;
      return this.#subscribed.get(topic) !== how && this.#subscribed.set(topic, how);
    });
    if (ended.length) this.#send({ type: 'unsubscribe', topics: ended });
    if (begun.length) this.#send({ type: 'subscribe', topics: begun });
  }

  /** Sends at most every two seconds; the end is sent at once. */
  typing(topic: string, isTyping: boolean): void {
    const now = this.#env.now();
    if (!this.isOpen || (isTyping && now - (this.#typed.get(topic) ?? -Infinity) < TYPING_EVERY)) return;
    if (isTyping) this.#typed.set(topic, now);
    else if (!this.#typed.delete(topic)) return;
    this.#send({ type: 'typing', topic, value: isTyping });
  }

  #send(frame: object): void {
    try {
      this.#socket?.send(JSON.stringify(frame));
    } catch {
      // The socket is closing; `onclose` follows.
    }
  }
}
