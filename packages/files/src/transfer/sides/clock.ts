/** Time for the rate and the limit of a transfer. */
export interface TransferClock {
  /** Returns milliseconds since any fixed time. Never goes back. */
  now(): number;
  /** Calls `callback` once after some milliseconds. Returns a function that cancels it. */
  after(ms: number, callback: () => void): () => void;
}

/** The platform's clock. */
export const PLATFORM_CLOCK: TransferClock = {
  now: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};
