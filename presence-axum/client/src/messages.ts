/** Messages that are waiting for the server's confirmation. */

import { backoff } from './backoff.ts';
import type { Env } from './env.ts';
import { type Answer, isRefused } from './http.ts';
import type { Json, Problem, Published } from './types.ts';

/** How long a message is retried, and how many messages may wait. */
const TRIED_FOR = 30_000;
const MOST = 64;

interface Waiting {
  frame: { type: 'publish'; topic: string; data: Json; key: string };
  isUnderWay: boolean;
  end(published: Published): void;
}

export class Outbox {
  #env: Env;
  /** Sends a frame; `null` while that is not possible. */
  #ask: (frame: object) => Promise<Answer> | null;
  #waiting: Set<Waiting> = new Set();

  constructor(env: Env, ask: (frame: object) => Promise<Answer> | null) {
    [this.#env, this.#ask] = [env, ask];
  }

  /** The key makes the server store the message once, however often it is sent. */
  publish(topic: string, data: Json): Promise<Published> {
    return new Promise((resolve) => {
      if (this.#waiting.size >= MOST) return resolve(failed('refused', 'too many messages wait'));
      const message: Waiting = {
        frame: { type: 'publish', topic, data, key: this.#env.id() },
        isUnderWay: false,
        end: (published) => {
          cancel();
          this.#waiting.delete(message);
          resolve(published);
        },
      };
      const cancel = this.#env.timer(TRIED_FOR, () => message.end(failed('network', 'no answer')));
      this.#waiting.add(message);
      this.flush();
    });
  }

  /** Sends all waiting messages in order. */
  flush(): void {
    for (const message of this.#waiting) if (!message.isUnderWay) void this.#send(message);
  }

  /** Fails all waiting messages, because the user changes. */
  forget(): void {
    for (const message of this.#waiting) message.end(failed('refused', 'another user'));
  }

  async #send(message: Waiting): Promise<void> {
    const asked = this.#ask(message.frame);
    if (!asked) return;
    message.isUnderWay = true;
    const answer = await asked;
    const { id, error = '' } = answer.body;
    if (answer.status === 200 && id !== undefined) message.end({ id, error: null });
    else if (isRefused(answer)) message.end(failed(answer.code, error));
    // After a lost socket, messages are sent again when it is back.
    else if (answer.status) await new Promise<void>((resolve) => this.#env.timer(500 + backoff(this.#env, 2), resolve));
    message.isUnderWay = false;
    if (answer.status) this.flush();
  }
}

const failed = (code: Problem['code'], message: string): Published => ({ id: null, error: { code, message } });
