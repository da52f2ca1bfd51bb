import type { Env } from './env.ts';

/**
 * A random delay up to a limit that doubles with each failure, so that clients that lost a server
 * do not reconnect in step.
 */
export const backoff = (env: Env, failures: number, most = 30_000): number =>
  env.random() * Math.min(most, 2_000 * 2 ** Math.max(0, failures - 1));

/** A random deviation of up to a fifth. */
export const jitter = (env: Env, ms: number): number => ms * (0.8 + 0.4 * env.random());

export const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * Calls a function of the host; an exception in it is reported and does not disturb the client.
 */
export function call<A extends unknown[]>(env: Env, listener: (...args: A) => void, ...args: A): void {
  try {
    listener(...args);
  } catch (error) {
    env.report(error);
  }
}

/** Settles like the promise, or rejects after this time. */
export function within<T>(env: Env, ms: number, what: string, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = env.timer(ms, () => reject(new Error(`${what} took longer than ${ms / 1000} s`)));
    promise.then(resolve, reject).finally(cancel);
  });
}
