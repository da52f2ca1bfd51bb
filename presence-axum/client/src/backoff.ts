import type { Env } from './env.ts';

/** Spread over the whole of a span that doubles, so that a crowd that lost its server does not come back in step. */
export const backoff = (env: Env, failures: number, most = 30_000): number =>
  env.random() * Math.min(most, 2_000 * 2 ** Math.max(0, failures - 1));

/** Give or take a fifth. */
export const jitter = (env: Env, ms: number): number => ms * (0.8 + 0.4 * env.random());

export const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Calls the host's code so that what it throws is the host's affair and not ours. */
export function call<A extends unknown[]>(env: Env, heard: (...args: A) => void, ...args: A): void {
  try {
    heard(...args);
  } catch (error) {
    env.report(error);
  }
}

/** Settles as the promise does, or rejects after so long. */
export function within<T>(env: Env, ms: number, what: string, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = env.timer(ms, () => reject(new Error(`${what} took longer than ${ms / 1000} s`)));
    promise.then(resolve, reject).finally(cancel);
  });
}
