import { SshError } from "@nacre/wire";
import { LineReader } from "./line-reader.ts";
import { OutputQueue } from "./output-queue.ts";

/** The last event of a side of scp. */
export interface ScpClosedEvent {
  readonly type: "closed";
  /** Why scp ended; `undefined` if it ended where it may. */
  readonly error: SshError | undefined;
}

/**
 * What `ScpSink` and `ScpSource` share: bytes come in through `receive`, events out through `nextEvent`, and bytes to send through
 * `unsent`. The end is the last event. After it, received bytes are dropped.
 */
export abstract class ScpMachine<Event> {
  protected readonly reader: LineReader;
  protected readonly output: OutputQueue = new OutputQueue();
  /** `undefined` until scp ends, then the event, then "taken". */
  #end: ScpClosedEvent | "taken" | undefined;

  /** `maxLineLength` is the maximum length in bytes of a record or message. */
  protected constructor(maxLineLength: number) {
    this.reader = new LineReader(maxLineLength);
  }

  /** Bytes to send next. Report them with `sent`, then look again. */
  get unsent(): Uint8Array {
    return this.output.unsent;
  }

  /** Number of received bytes that no event has passed on. */
  get held(): number {
    return this.reader.held;
  }

  /** Reports the first `length` bytes of `unsent` as sent. Throws `usage` if there are fewer. */
  sent(length: number): void {
    this.output.sent(length);
  }

  /** Adds bytes from the peer; this side then owns them. */
  receive(bytes: Uint8Array): void {
    if (!this.isClosed) this.reader.push(bytes);
  }

  /** Reports that no more bytes come. With an error, scp ends with it now, without the events of bytes that were received. */
  end(error?: SshError): void {
    if (error === undefined) this.reader.end();
    else this.close(error);
  }

  /** Returns the next event, or `undefined` until more is received, sent or answered. */
  nextEvent(): Event | ScpClosedEvent | undefined {
    if (!this.isClosed) {
      try {
        const event = this.read();
        if (event !== undefined) return event;
      } catch (error) {
        if (!(error instanceof SshError)) throw error;
        this.close(error);
      }
    }
    const end = this.#end;
    if (end === undefined || end === "taken") return undefined;
    this.#end = "taken";
    return end;
  }

  /** Whether scp has ended. */
  protected get isClosed(): boolean {
    return this.#end !== undefined;
  }

  /** Ends scp. Has no effect after the end. */
  protected close(error: SshError | undefined): void {
    if (this.isClosed) return;
    this.#end = { type: "closed", error };
    this.reader.clear();
  }

  /** Returns the next event from the received bytes. Throws an `SshError` that ends scp. */
  protected abstract read(): Event | undefined;
}
