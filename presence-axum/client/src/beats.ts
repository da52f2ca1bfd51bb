/**
 * The heartbeats of one tab: enters, renews, sends changes, and leaves. At most one hit is in
 * flight.
 */

import { backoff, jitter } from './backoff.ts';
import type { Alarm, Env } from './env.ts';
import { Leave } from './leave.ts';
import { type Answer, type Sender, isRefused, isAccepted } from './http.ts';
import type { Beat, Json, Options, Problem, Status } from './types.ts';

type Meta = { [key: string]: Json };

/** The session of this tab, and the fields that are sent with its heartbeats. */
export interface SessionFields {
  user: string | null;
  session: string;
  topics: readonly string[];
  status: Status | null;
  message: string | null;
  meta: Meta | null;
}

/** The transport for heartbeats. */
export interface Transport {
  deliver: Sender;
  /** A sender that keeps using the credentials of this moment. */
  capture(): Sender;
  sendFinal(beat: Beat): void;
}

/** The server's time windows, in ms. */
interface Windows {
  active_for: number;
  lease_for: number;
  idle_for: number;
}

const REFUSED_AT_MOST = 300_000;
/**
 * The idle time to send for a page that nobody has looked at: long enough to be idle under any
 * policy.
 */
const NEVER = 30 * 86_400_000;

export class Beats {
  fields: SessionFields;
  /** Whether the server accepted the last hit. */
  here = false;
  /** Whether the host wants this tab to be present. */
  wanted = false;
  /** Whether the server refused this tab and heartbeats have ended. */
  stopped = false;
  error: Problem | null = null;
  /** `idle_for`: the longest time without a frame on a socket. */
  windows: Windows = { active_for: 300_000, lease_for: 62_500, idle_for: Infinity };

  #env: Env;
  #options: Options;
  #transport: Transport;
  #changed: (answer: Answer | null, hadFailed?: boolean) => void;
  #alarm: Alarm;
  /** Whether the session is to be kept up: wanted, and the page is not leaving. */
  #live = false;
  #entered = false;
  /** Whether the transport has changed since the pending hit was sent. */
  #isMoved = false;
  #flight: object | null = null;
  #again = false;
  #failures = 0;
  #sentAt = -Infinity;
  #placedAt: number | undefined;
  #topicsSent: readonly string[] | null = null;
  /** A counter of changes to status, message and meta, and its value at the last accepted hit. */
  #declared = 0;
  #declaredSent = 0;
  #touched: { now: number; wall: number } | null = null;
  #touchSent = -Infinity;
  #leaves: Leave[] = [];

  constructor(env: Env, options: Options, fields: SessionFields, transport: Transport, changed: (answer: Answer | null, hadFailed?: boolean) => void) {
    [this.#env, this.#options, this.fields, this.#transport, this.#changed] = [env, options, fields, transport, changed];
    this.#alarm = env.alarm(() => void this.#send());
  }

  /** Whether the server has accepted an enter on the current transport. */
  get isEntered(): boolean {
    return this.#live && this.#entered;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Stores the windows that the server names, if they are valid. */
  learn(fields: { [of in keyof Windows]?: unknown }): void {
    for (const of of Object.keys(this.windows) as (keyof Windows)[]) {
      const ms = Number(fields[of]);
      if (ms > 0) this.windows[of] = ms;
    }
  }

  /** Restores the user's idle time, as an earlier page of this tab saved it. */
  resumeActivity(idleFor: number | null): void {
    if (idleFor !== null) this.#touched = { now: this.#env.now() - idleFor, wall: this.#env.wall() - idleFor };
    else if (!this.#env.page.hidden() && !this.#env.page.prerendering()) this.#touch();
  }

  /**
   * Milliseconds since the user's last activity; `null` if nobody has looked at the page. The
   * larger of two clocks counts, because one of them may stand still while the device sleeps.
   */
  idleFor(): number | null {
    if (this.#touched === null) return null;
    return Math.max(0, this.#env.now() - this.#touched.now, this.#env.wall() - this.#touched.wall);
  }

  enter(): void {
    this.wanted = true;
    if (this.#live) return;
    for (const leave of this.#leaves) {
      if (leave.beat.session === this.fields.session && leave.beat.user === this.fields.user) leave.end('unconfirmed');
    }
    [this.#live, this.#entered, this.#failures, this.stopped, this.error] = [true, false, 0, false, null];
    this.#changed(null);
    void this.#send();
  }

  /** Ends heartbeats; the leave is repeated until it is confirmed. */
  leave(now: boolean): Promise<'confirmed' | 'unconfirmed'> {
    this.wanted = false;
    if (!this.#live) return Promise.resolve('confirmed');
    const beat = this.#end(now);
    this.#changed(null);
    const leave = new Leave(this.#env, beat, this.#transport.capture(), this.windows.lease_for);
    this.#leaves = [...this.#leaves.filter((it) => !it.isOver), leave];
    return leave.result;
  }

  /** Switches to another user; nothing of the previous one is kept. */
  become(fields: SessionFields): void {
    this.fields = fields;
    this.#placedAt = undefined;
    this.#topicsSent = null;
    this.#touchSent = -Infinity;
  }

  set(fields: Partial<SessionFields>): void {
    this.fields = { ...this.fields, ...fields };
    if ('status' in fields || 'message' in fields || 'meta' in fields) this.#declared += 1;
    this.soon();
  }

  /** The transport has changed: the session has to be entered there. */
  moved(after?: number): void {
    [this.#entered, this.#isMoved] = [false, true];
    this.#placedAt = undefined;
    this.soon(after);
  }

  /** Sends soon: changes in quick succession share one hit, and a failing server is spared. */
  soon(after: number = 0): void {
    if (!this.#live) return;
    if (this.#flight) this.#again = true;
    else this.#alarm.set(Math.max(after, this.#sentAt + (this.#failures ? 1_000 : 100) - this.#env.now()));
  }

  /** The page is unloaded or frozen; it may be restored later. */
  away(): void {
    for (const leave of this.#leaves) if (!leave.isOver) this.#transport.sendFinal(leave.beat);
    if (this.#live) this.#transport.sendFinal(this.#end(false));
  }

  close(): void {
    this.#alarm.close();
  }

  #touch(): void {
    this.#touched = { now: this.#env.now(), wall: this.#env.wall() };
  }

  /** The user did something, or looks at the page again. */
  activity(): void {
    const idle = this.idleFor();
    if (this.#env.page.hidden() || (idle !== null && idle < 1_000)) return;
    this.#touch();
    const activeFor = this.#options.activeFor ?? this.windows.active_for;
    if (this.#failures === 0 && this.#env.now() - this.#touchSent >= activeFor / 4) this.soon();
  }

  /**
   * The network or a stream is back: retries at once, also because a server that was down may have
   * lost the session.
   */
  reachable(): void {
    for (const leave of this.#leaves) void leave.again();
    if (this.#failures || this.#env.now() - this.#sentAt >= 1_000) this.soon();
  }

  #end(now: boolean): Beat {
    [this.#live, this.here, this.#flight] = [false, false, null];
    this.#alarm.clear();
    const beat: Beat = { kind: 'leave', session: this.fields.session };
    if (this.fields.user !== null) beat.user = this.fields.user;
    if (now) beat.now = true;
    if (this.#placedAt !== undefined) beat.placed_at = this.#placedAt;
    return beat;
  }

  async #send(): Promise<void> {
    if (!this.#live || this.#flight) return;
    const flight = (this.#flight = {});
    const { fields } = this;
    const [declared, touched, placedBefore] = [this.#declared, this.#touched?.now ?? -Infinity, this.#placedAt];
    const kind = this.#entered ? 'beat' : 'enter';
    const places = kind === 'enter' || fields.topics !== this.#topicsSent;
    this.#again = this.#isMoved = false;
    this.#sentAt = this.#env.now();
    // Until the response arrives, the newest placement is unknown. A leave sent before names none,
    // and so ends any placement.
    if (places) this.#placedAt = undefined;
    const beat: Beat = { kind, session: fields.session, topics: [...fields.topics], idle_ms: Math.round(this.idleFor() ?? NEVER) };
    if (fields.user !== null) beat.user = fields.user;
    if (kind === 'enter' || declared !== this.#declaredSent) {
      if (fields.status !== null) beat.status = fields.status;
      if (fields.status !== null && fields.message !== null) beat.message = fields.message;
      if (fields.meta !== null) beat.meta = fields.meta;
    }
    const answer = await this.#transport.deliver(beat);
    if (this.#flight !== flight) return; // left meanwhile: this answer is about the past
    this.#flight = null;
    const hadFailed = this.#failures > 0;
    if (isAccepted(answer)) {
      const { body } = answer;
      // A new placement without a change of topics: the server had lost the session, including
      // fields that only an enter sends. So enter again.
      const lost = !places && body.placed_at! > placedBefore!;
      [this.#entered, this.#again] = [!lost && !this.#isMoved, this.#again || lost];
      [this.#failures, this.error, this.here, this.#placedAt] = [0, null, true, body.placed_at];
      [this.#touchSent, this.#topicsSent, this.#declaredSent] = [touched, fields.topics, declared];
      // The server identified the user.
      if (body.user !== undefined && this.fields.user === null) this.fields = { ...this.fields, user: body.user };
      this.learn(body);
      this.#alarm.set(jitter(this.#env, this.#every));
    } else this.#failed(answer);
    this.#changed(answer, hadFailed);
    if (this.#again) this.soon();
  }

  #failed(answer: Answer): void {
    this.#failures += 1;
    this.here = false;
    const message = answer.body.error ?? 'no answer';
    if (answer.status === 401 || answer.status === 403) {
      // The newest token or the user was refused: only the host can change that.
      [this.#live, this.stopped, this.error] = [false, true, { code: 'refused', message }];
      this.#alarm.clear();
      return;
    }
    // Repeating a refused hit is useless, so wait longer than a heartbeat interval. `Retry-After`
    // is respected up to a limit.
    const delay = isRefused(answer)
      ? Math.min(REFUSED_AT_MOST, (1 + this.#env.random()) * this.#every * 2 ** (this.#failures - 1))
      : backoff(this.#env, this.#failures);
    const wait = Math.max(delay, Math.min(answer.retryAfter * (1 + 0.5 * this.#env.random()), REFUSED_AT_MOST));
    this.#alarm.set(wait);
    this.error = { code: answer.code, message, retryIn: Math.round(wait) };
  }

  get #every(): number {
    return this.#options.beatEvery ?? Math.min(0.4 * this.windows.lease_for, 0.4 * this.windows.idle_for);
  }
}
