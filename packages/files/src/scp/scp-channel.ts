import type { ScpClosedEvent, ScpMachine } from "@nacre/sftp/scp";
import { SshError } from "@nacre/wire";
import type { Channel, SessionBytes } from "nacre/extend";

/**
 * Runs an `ScpSink` or `ScpSource` over a channel: writes its bytes, and returns window credit for those that its events have passed on. One
 * caller at a time waits.
 */
export class ScpChannel<Event> implements SessionBytes {
  readonly #machine: ScpMachine<Event>;
  #channel: Channel | undefined;
  /** Received bytes without window credit. */
  #unconsumed = 0;
  #wake: (() => void) | undefined;
  #isOver = false;

  constructor(machine: ScpMachine<Event>) {
    this.#machine = machine;
  }

  /** Whether the channel is closed, or scp was ended with an error. Nothing more is sent then. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Sets the channel to write to. Its handler must pass on the events. */
  start(channel: Channel): void {
    this.#channel = channel;
  }

  /** Sends what the machine has to send, and resolves with the next event. Do not call it after the event `closed`. */
  async next(): Promise<Event | ScpClosedEvent> {
    for (;;) {
      this.#write();
      const event = this.#machine.nextEvent();
      this.#returnCredit();
      if (event !== undefined) return event;
      // Times are answered without an event.
      this.#write();
      await this.#change();
    }
  }

  /** Resolves when the channel has taken all bytes, or takes no more. */
  async flush(): Promise<void> {
    for (this.#write(); this.#machine.unsent.length > 0 && !this.#isOver; this.#write()) await this.#change();
  }

  /** Ends scp with an error, which the next event has. */
  end(error: SshError): void {
    this.#isOver = true;
    this.#machine.end(error);
    this.#wake?.();
  }

  data(_: number, bytes: Uint8Array): void {
    this.#unconsumed += bytes.length;
    this.#machine.receive(bytes);
    this.#wake?.();
  }

  writable(): void {
    this.#wake?.();
  }

  eof(): void {
    this.#machine.end();
    this.#wake?.();
  }

  closed({ error }: { readonly error: SshError | undefined }): void {
    this.#isOver = true;
    this.#machine.end(error);
    this.#wake?.();
  }

  async #change(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }

  /** Writes as many bytes as the channel takes. */
  #write(): void {
    for (let { unsent } = this.#machine; unsent.length > 0 && !this.#channel!.closed; { unsent } = this.#machine) {
      const taken = this.#take(unsent);
      this.#machine.sent(taken);
      if (taken < unsent.length) return;
    }
  }

  /** Returns the number of bytes that the channel takes. */
  #take(bytes: Uint8Array): number {
    try {
      return this.#channel!.write(bytes);
    } catch (error) {
      // The peer's CLOSE has arrived, and its event follows.
      if (error instanceof SshError) return 0;
      throw error;
    }
  }

  #returnCredit(): void {
    // rule: scp-backpressure
    const bytes = this.#unconsumed - this.#machine.held;
    this.#unconsumed -= bytes;
    if (bytes > 0) this.#channel!.consumed(bytes);
  }
}
