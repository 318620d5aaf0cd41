import { setTimeout as sleep } from "node:timers/promises";

/** Codes with which Windows refuses a file that another program has open, such as a virus scanner, or that is being deleted. */
const HELD: ReadonlySet<string> = new Set(["EPERM", "EACCES", "EBUSY"]);

/** Milliseconds for which a file is tried again, and between two attempts. A scanner is done with a new file within that time. */
const HELD_TIME = 1000;
const RETRY_AFTER = 50;

/** The clock of `whileHeld`. */
export interface HeldClock {
  readonly now: () => number;
  readonly sleep: (milliseconds: number) => Promise<unknown>;
}

const systemClock: HeldClock = { now: () => performance.now(), sleep };

/** Returns whether an error, or its cause, may mean that another program has the file open. */
export function isHeld(error: unknown): boolean {
  const { code = "", cause } = error as NodeJS.ErrnoException;
  return HELD.has(code) || (cause instanceof Error && isHeld(cause));
}

/**
 * Does something with a file of Windows, and again for a second while another program may have the file open. `prepare` runs before the
 * second attempt, and its errors are ignored. Rejects with the last error.
 */
export async function whileHeld<T>(
  work: () => Promise<T>,
  prepare: () => Promise<unknown> = async () => {},
  { now, sleep }: HeldClock = systemClock,
): Promise<T> {
  const deadline = now() + HELD_TIME;
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!isHeld(error) || now() >= deadline) throw error;
    }
    if (attempt === 1) await prepare().catch(() => {});
    else await sleep(RETRY_AFTER);
  }
}
