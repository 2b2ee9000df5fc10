// SPDX-License-Identifier: Apache-2.0

/** How long to wait before try number `attempt` (from 1): what the server asked for, else 0.5 s doubled each time, at most 20 s; with jitter. */
export function backoffMs(attempt: number, asked: number | undefined, random: () => number = Math.random): number {
  const base = asked ?? Math.min(500 * 2 ** (attempt - 1), 20_000);
  // Never before the moment that the server named, and not all callers at once.
  return asked === undefined ? base * (0.5 + random() / 2) : base + random() * Math.min(1000, base);
}

export type Sleep = (ms: number, signal?: AbortSignal) => Promise<void>;

/** Resolves after `ms`; off the network, once the browser is back on it. Rejects when `signal` aborts. */
export const sleep: Sleep = (ms, signal) =>
  new Promise((resolve, reject) => {
    const page = typeof window === 'undefined' ? undefined : window;
    const end = (settle: () => void) => () => {
      clearTimeout(timer);
      page?.removeEventListener('online', wake);
      signal?.removeEventListener('abort', stop);
      settle();
    };
    const wake = end(resolve);
    const stop = end(() => reject(signal?.reason));
    // A phone in a tunnel: it may be an hour, and trying costs tries.
    const timer = page?.navigator.onLine === false ? undefined : setTimeout(wake, ms);
    page?.addEventListener('online', wake);
    signal?.addEventListener('abort', stop);
    if (signal?.aborted) stop();
  });
