import { lineText, type ServeEvent } from "./serve-log.ts";

/** Length of a counting period in milliseconds. */
const PERIOD = 60_000;
/** Identical lines written per period. Further ones are only counted. */
const MAX_SAME = 20;
/** Different lines counted separately per period, to bound memory. All others share one count. */
const MAX_DIFFERENT = 200;

/** Events that are always written. Only the server itself or a logged-in user can cause them. */
const ALWAYS: ReadonlySet<ServeEvent["type"]> = new Set([
  "listening",
  "login",
  "session-started",
  "session-ended",
  "stopping",
  "stopped",
]);

/**
 * Limits what unauthenticated clients can write to the log. Per minute, passes on the first `MAX_SAME` events with the same text and
 * client address; at the end of the minute, reports how many more there were.
 */
export class LogThrottle {
  readonly #write: (event: ServeEvent) => void;
  /** Occurrences of each line in this period. */
  readonly #counts = new Map<string, number>();
  #others = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(write: (event: ServeEvent) => void) {
    this.#write = write;
  }

  log(event: ServeEvent): void {
    if (ALWAYS.has(event.type) || this.#mayPass(event)) this.#write(event);
  }

  /** Ends the period: reports the events that were counted but not passed on. */
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
