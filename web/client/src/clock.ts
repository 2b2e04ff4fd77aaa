/** Time and chance, in one place so that tests can hold both still. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls back after `ms`; the result cancels it. */
  after(ms: number, call: () => void): () => void;
  /** Uniform in [0, 1). */
  random(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};

const BASE_MS = 500;
const CAP_MS = 30_000;

/**
 * Full jitter: anything between nothing and the doubled limit, so that clients
 * cut off at one moment do not come back at one moment.
 */
export function backoff(attempt: number, clock: Clock): number {
  return Math.round(clock.random() * Math.min(CAP_MS, BASE_MS * 2 ** Math.min(attempt, 16)));
}
