/** The heartbeat of one tab: enters, renews, tells what changed, and leaves. At most one hit is under way. */

import { backoff, jitter } from './backoff.ts';
import type { Alarm, Env } from './env.ts';
import { Farewell } from './farewell.ts';
import { type Answer, type Sender, isRefused, isTaken } from './http.ts';
import type { Beat, Json, Options, Problem, Status } from './types.ts';

type Meta = { [key: string]: Json };

/** Whose presence, and what is said with it. */
export interface Said {
  user: string | null;
  session: string;
  topics: readonly string[];
  status: Status | null;
  message: string | null;
  meta: Meta | null;
}

/** Where heartbeats go. */
export interface Way {
  deliver: Sender;
  /** A sender with the credentials of this moment. */
  asNow(): Sender;
  lastWord(beat: Beat): void;
}

/** What the server says of time, in ms. */
interface Windows {
  active_for: number;
  lease_for: number;
  idle_for: number;
}

const REFUSED_AT_MOST = 300_000;
/** Told for a page that nobody has seen yet: long enough ago to be idle anywhere. */
const NEVER = 30 * 86_400_000;

export class Beats {
  said: Said;
  /** Whether the server took the last hit. */
  here = false;
  /** The host wants us here. */
  wanted = false;
  /** Refused for good. */
  stopped = false;
  error: Problem | null = null;
  /** `idle_for`: how long a socket may be silent. */
  windows: Windows = { active_for: 300_000, lease_for: 62_500, idle_for: Infinity };

  #env: Env;
  #options: Options;
  #way: Way;
  #changed: (answer: Answer | null, hadFailed?: boolean) => void;
  #alarm: Alarm;
  /** Wanted, and the page is not away. */
  #live = false;
  #entered = false;
  /** Heartbeats go another way since the one that is under way was sent. */
  #isMoved = false;
  #flight: object | null = null;
  #again = false;
  #failures = 0;
  #sentAt = -Infinity;
  #placedAt: number | undefined;
  #topicsTold: readonly string[] | null = null;
  /** Counts what is declared; the hit that was taken last told this one. */
  #declared = 0;
  #declaredTold = 0;
  #touched: { now: number; wall: number } | null = null;
  #touchTold = -Infinity;
  #farewells: Farewell[] = [];

  constructor(env: Env, options: Options, said: Said, way: Way, changed: (answer: Answer | null, hadFailed?: boolean) => void) {
    [this.#env, this.#options, this.said, this.#way, this.#changed] = [env, options, said, way, changed];
    this.#alarm = env.alarm(() => void this.#send());
  }

  /** Whether the server has us in where heartbeats go now. */
  get isEntered(): boolean {
    return this.#live && this.#entered;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Takes what makes sense of what the server says of its windows. */
  learn(said: { [of in keyof Windows]?: unknown }): void {
    for (const of of Object.keys(this.windows) as (keyof Windows)[]) {
      const ms = Number(said[of]);
      if (ms > 0) this.windows[of] = ms;
    }
  }

  /** What an earlier page of this tab knew of the user's activity. */
  resumeActivity(idleFor: number | null): void {
    if (idleFor !== null) this.#touched = { now: this.#env.now() - idleFor, wall: this.#env.wall() - idleFor };
    else if (!this.#env.page.hidden() && !this.#env.page.prerendering()) this.#touch();
  }

  /** Milliseconds since the user did something; null while nobody has seen the page. A clock that stood still in sleep is mended by the other. */
  idleFor(): number | null {
    if (this.#touched === null) return null;
    return Math.max(0, this.#env.now() - this.#touched.now, this.#env.wall() - this.#touched.wall);
  }

  enter(): void {
    this.wanted = true;
    if (this.#live) return;
    for (const farewell of this.#farewells) {
      if (farewell.beat.session === this.said.session && farewell.beat.user === this.said.user) farewell.end('unconfirmed');
    }
    [this.#live, this.#entered, this.#failures, this.stopped, this.error] = [true, false, 0, false, null];
    this.#changed(null);
    void this.#send();
  }

  /** Stops; the farewell is told until it is confirmed. */
  leave(now: boolean): Promise<'confirmed' | 'unconfirmed'> {
    this.wanted = false;
    if (!this.#live) return Promise.resolve('confirmed');
    const beat = this.#end(now);
    this.#changed(null);
    const farewell = new Farewell(this.#env, beat, this.#way.asNow(), this.windows.lease_for);
    this.#farewells = [...this.#farewells.filter((it) => !it.isOver), farewell];
    return farewell.result;
  }

  /** Somebody else from now on: nothing of the former is kept. */
  become(said: Said): void {
    this.said = said;
    this.#placedAt = undefined;
    this.#topicsTold = null;
    this.#touchTold = -Infinity;
  }

  say(said: Partial<Said>): void {
    this.said = { ...this.said, ...said };
    if ('status' in said || 'message' in said || 'meta' in said) this.#declared += 1;
    this.soon();
  }

  /** Heartbeats go another way: the session is entered there. */
  moved(after?: number): void {
    [this.#entered, this.#isMoved] = [false, true];
    this.#placedAt = undefined;
    this.soon(after);
  }

  /** Sends as soon as may be: a burst of changes makes one hit, and a failing server is not hammered. */
  soon(after: number = 0): void {
    if (!this.#live) return;
    if (this.#flight) this.#again = true;
    else this.#alarm.set(Math.max(after, this.#sentAt + (this.#failures ? 1_000 : 100) - this.#env.now()));
  }

  /** The page dies, or goes to where it may come back from. */
  away(): void {
    for (const farewell of this.#farewells) if (!farewell.isOver) this.#way.lastWord(farewell.beat);
    if (this.#live) this.#way.lastWord(this.#end(false));
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
    if (this.#failures === 0 && this.#env.now() - this.#touchTold >= activeFor / 4) this.soon();
  }

  /** The network is back, or a stream was: what failed may get through now, and a server that was away may not know us. */
  reachable(): void {
    for (const farewell of this.#farewells) void farewell.again();
    if (this.#failures || this.#env.now() - this.#sentAt >= 1_000) this.soon();
  }

  #end(now: boolean): Beat {
    [this.#live, this.here, this.#flight] = [false, false, null];
    this.#alarm.clear();
    const beat: Beat = { kind: 'leave', session: this.said.session };
    if (this.said.user !== null) beat.user = this.said.user;
    if (now) beat.now = true;
    if (this.#placedAt !== undefined) beat.placed_at = this.#placedAt;
    return beat;
  }

  async #send(): Promise<void> {
    if (!this.#live || this.#flight) return;
    const flight = (this.#flight = {});
    const { said } = this;
    const [declared, touched, placedBefore] = [this.#declared, this.#touched?.now ?? -Infinity, this.#placedAt];
    const kind = this.#entered ? 'beat' : 'enter';
    const places = kind === 'enter' || said.topics !== this.#topicsTold;
    this.#again = this.#isMoved = false;
    this.#sentAt = this.#env.now();
    // Until the answer comes the newest placement is unknown; a leave then names none and ends whichever there is.
    if (places) this.#placedAt = undefined;
    const beat: Beat = { kind, session: said.session, topics: [...said.topics], idle_ms: Math.round(this.idleFor() ?? NEVER) };
    if (said.user !== null) beat.user = said.user;
    if (kind === 'enter' || declared !== this.#declaredTold) {
      if (said.status !== null) beat.status = said.status;
      if (said.status !== null && said.message !== null) beat.message = said.message;
      if (said.meta !== null) beat.meta = said.meta;
    }
    const answer = await this.#way.deliver(beat);
    if (this.#flight !== flight) return; // left meanwhile: this answer is about the past
    this.#flight = null;
    const hadFailed = this.#failures > 0;
    if (isTaken(answer)) {
      const { body } = answer;
      // Placed anew although we did not move: the server had lost us, and with us what only an enter says. So we enter again.
      const lost = !places && body.placed_at! > placedBefore!;
      [this.#entered, this.#again] = [!lost && !this.#isMoved, this.#again || lost];
      [this.#failures, this.error, this.here, this.#placedAt] = [0, null, true, body.placed_at];
      [this.#touchTold, this.#topicsTold, this.#declaredTold] = [touched, said.topics, declared];
      // The server knows who we are.
      if (body.user !== undefined && this.said.user === null) this.said = { ...this.said, user: body.user };
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
      // The newest token was refused, or we are not wanted here: only the host can change that.
      [this.#live, this.stopped, this.error] = [false, true, { code: 'refused', message }];
      this.#alarm.clear();
      return;
    }
    // The same again would be refused again: the refused wait longer than a beat. `Retry-After` is kept, within reason.
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
