import { lineText, type ServeEvent } from "./serve-log.ts";

/** The period that lines are counted in: milliseconds. */
const PERIOD = 60_000;
/** The most lines that say the same in one period; the rest are counted. */
const MAX_SAME = 20;
/** Different lines counted separately in one period, which bounds the memory. Others share one count. */
const MAX_DIFFERENT = 200;

/** Events that only the server itself, or someone who has logged in, can cause: always written, as the record of who did what. */
const ALWAYS: ReadonlySet<ServeEvent["type"]> = new Set([
  "listening",
  "login",
  "session-started",
  "session-ended",
  "stopping",
  "stopped",
]);

/**
 * Keeps strangers from filling the log: passes on the first `MAX_SAME` events a minute that say the same of the same address, and at
 * the end of the minute how many more there were.
 */
export class LogThrottle {
  readonly #write: (event: ServeEvent) => void;
  /** How often each line came in this period. */
  readonly #counts = new Map<string, number>();
  #others = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(write: (event: ServeEvent) => void) {
    this.#write = write;
  }

  log(event: ServeEvent): void {
    if (ALWAYS.has(event.type) || this.#mayPass(event)) this.#write(event);
  }

  /** Ends the period: writes what was counted in it and not passed on. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [text, count] of this.#counts)
      if (count > MAX_SAME) this.#write({ type: "repeated", count: count - MAX_SAME, text });
    if (this.#others > 0) this.#write({ type: "suppressed", count: this.#others });
    this.#counts.clear();
    this.#others = 0;
  }

  #mayPass(event: ServeEvent): boolean {
    this.#timer ??= setTimeout(() => this.flush(), PERIOD).unref();
    const text = lineText(event, { origin: "address" });
    const count = this.#counts.get(text) ?? 0;
    if (count === 0 && this.#counts.size >= MAX_DIFFERENT) {
      this.#others++;
      return false;
    }
    this.#counts.set(text, count + 1);
    return count < MAX_SAME;
  }
}
