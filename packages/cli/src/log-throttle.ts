/** Length of a counting period in milliseconds. */
const PERIOD = 60_000;
/** Identical lines written per period. Further ones are only counted. */
const MAX_SAME = 20;
/** Different lines counted separately per period, to bound memory. All others share one count. */
const MAX_DIFFERENT = 200;

/** A log whose events a `LogThrottle` limits. */
export interface ThrottledLog<Event> {
  /** Writes an event. */
  write(event: Event): void;
  /**
   * Returns the text that an event shares with the events it is counted with; `undefined` for an event that is always written. A text that
   * clients can choose may contain any character.
   */
  textOf(event: Event): string | undefined;
  /** Writes that `count` further events with this text were not written. */
  repeated(count: number, text: string): void;
  /** Writes that `count` events with various texts were not written. */
  suppressed(count: number): void;
}

/**
 * Limits what unauthenticated clients can write to a log. Per minute, passes on the first `MAX_SAME` events with the same text; at the end
 * of the minute, reports how many more there were.
 */
export class LogThrottle<Event> {
  readonly #log: ThrottledLog<Event>;
  /** Occurrences of each text in this period. */
  readonly #counts = new Map<string, number>();
  #others = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(log: ThrottledLog<Event>) {
    this.#log = log;
  }

  log(event: Event): void {
    const text = this.#log.textOf(event);
    if (text === undefined || this.#mayPass(text)) this.#log.write(event);
  }

  /** Ends the period: reports the events that were counted but not passed on. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [text, count] of this.#counts) if (count > MAX_SAME) this.#log.repeated(count - MAX_SAME, text);
    if (this.#others > 0) this.#log.suppressed(this.#others);
    this.#counts.clear();
    this.#others = 0;
  }

  #mayPass(text: string): boolean {
    this.#timer ??= setTimeout(() => this.flush(), PERIOD).unref();
    const count = this.#counts.get(text) ?? 0;
    if (count === 0 && this.#counts.size >= MAX_DIFFERENT) {
      this.#others++;
      return false;
    }
    this.#counts.set(text, count + 1);
    return count < MAX_SAME;
  }
}
