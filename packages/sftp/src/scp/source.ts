import { completeLimits, type Overrides, SshError } from "@nacre/wire";
import { SCP_LIMITS, type ScpLimits } from "./limits.ts";
import { type ScpClosedEvent, ScpMachine } from "./machine.ts";
import { encodeRecord, type ScpTimes } from "./records.ts";
import { encodeProblem, fatalError, isProblem, problemText, STATUS } from "./status.ts";

/** A file or directory for `ScpSource` to send. */
export interface ScpEntry {
  /** Name without directory. */
  readonly name: Uint8Array;
  /** Permission bits, at most 0o7777. */
  readonly mode: number;
  /** Times to send before it; default none. */
  readonly times?: ScpTimes | undefined;
}

/** Event of an `ScpSource`. */
export type ScpSourceEvent =
  /** The sink has accepted the last record or file, or is ready for the first record. */
  | { readonly type: "accepted" }
  /** The sink refuses the last record or file. Go on with the next file. The text may contain any character: escape it before display. */
  | { readonly type: "refused"; readonly message: string }
  /** The last event. `error` is undefined if the sink ended while no answer was pending. */
  | ScpClosedEvent;

/** Any event except the last. */
type Answer = Exclude<ScpSourceEvent, ScpClosedEvent>;

type State =
  /** Waits for the sink's answer. `size` is that of the file whose record was sent. */
  | { readonly kind: "answer"; readonly size: number | undefined; readonly next: Uint8Array | undefined }
  /** The next record may be sent. */
  | { readonly kind: "idle" }
  /** Contents of a file may be sent. */
  | { readonly kind: "contents"; readonly left: number };

/**
 * The sending side of scp, `scp -f` on a server, as a pure state machine. The methods send records and contents; `receive` takes the sink's
 * bytes, `nextEvent` returns its answers, and `unsent` has the bytes to send.
 *
 * The sink first answers that it is ready, then answers each `file`, `directory`, `endFile` and `endDirectory`. Wait for the answer
 * before the next call. A method called at another time throws `usage`; after the end it has no effect. A sink that violates the protocol
 * ends scp with `malformed-message`, and one that reports a fatal problem with `scp-failure`.
 */
export class ScpSource extends ScpMachine<Answer> {
  #state: State = { kind: "answer", size: undefined, next: undefined };

  /** Throws `usage` for a limit out of range. */
  constructor({ limits }: { readonly limits?: Overrides<ScpLimits> | undefined } = {}) {
    super(completeLimits(SCP_LIMITS, limits).maxLineLength);
  }

  /** Announces a file. If it is accepted, send exactly `size` bytes with `contents`, then `endFile`. */
  file({ name, mode, times }: ScpEntry, size: number): void {
    this.#entry(encodeRecord({ type: "file", name, mode, size }), size, times);
  }

  /** Begins a directory. If it is accepted, send its entries, then `endDirectory`. */
  directory({ name, mode, times }: ScpEntry): void {
    this.#entry(encodeRecord({ type: "directory", name, mode }), undefined, times);
  }

  /** Ends the directory begun last. */
  endDirectory(): void {
    this.#entry(encodeRecord({ type: "directory-end" }), undefined, undefined);
  }

  /** Sends part of the contents of the file. The caller must not change the bytes until they are sent. */
  contents(bytes: Uint8Array): void {
    const state = this.#expect("contents");
    if (state === undefined) return;
    if (bytes.length > state.left)
      throw new SshError("usage", `${bytes.length} bytes of contents, but the file has only ${state.left} more`);
    this.output.push(bytes);
    this.#state = { kind: "contents", left: state.left - bytes.length };
  }

  /** Ends a file. A `problem` tells the sink that the contents are invalid. */
  endFile(problem?: string): void {
    const state = this.#expect("contents");
    if (state === undefined) return;
    if (state.left > 0) throw new SshError("usage", `the file has ${state.left} more bytes; send them first`);
    this.output.push(problem === undefined ? Uint8Array.of(STATUS.ok) : encodeProblem(STATUS.warning, problem));
    this.#state = { kind: "answer", size: undefined, next: undefined };
  }

  /** Reports that something cannot be sent. The sink does not answer it. */
  problem(message: string): void {
    if (this.#expect("idle") !== undefined) this.output.push(encodeProblem(STATUS.warning, message));
  }

  protected read(): Answer | undefined {
    const state = this.#state;
    const { first } = this.reader;
    if (state.kind !== "answer") {
      if (first === undefined && this.reader.hasEnded) this.close(state.kind === "idle" ? undefined : endedEarly());
      return undefined;
    }
    if (first === STATUS.ok) {
      this.reader.skip();
      return this.#accepted(state);
    }
    // rule: scp-answer
    if (first !== undefined && !isProblem(first)) throw this.reader.unexpected();
    const line = first === undefined ? undefined : this.reader.line();
    if (line === undefined) {
      if (this.reader.hasEnded) throw endedEarly();
      return undefined;
    }
    if (first === STATUS.fatal) throw fatalError(line);
    this.#state = { kind: "idle" };
    return { type: "refused", message: problemText(line) };
  }

  #accepted({ size, next }: Extract<State, { readonly kind: "answer" }>): Answer | undefined {
    if (next !== undefined) {
      // The times were accepted.
      this.output.push(next);
      this.#state = { kind: "answer", size, next: undefined };
      return this.read();
    }
    this.#state = size === undefined ? { kind: "idle" } : { kind: "contents", left: size };
    return { type: "accepted" };
  }

  #entry(record: Uint8Array, size: number | undefined, times: ScpTimes | undefined): void {
    if (this.#expect("idle") === undefined) return;
    this.output.push(times === undefined ? record : encodeRecord({ type: "times", ...times }));
    this.#state = { kind: "answer", size, next: times && record };
  }

  /** Returns the state, or `undefined` after the end. Throws `usage` if it is of another kind. */
  #expect<K extends "idle" | "contents">(kind: K): Extract<State, { readonly kind: K }> | undefined {
    if (this.isClosed) return undefined;
    const state = this.#state;
    if (state.kind === kind) return state as Extract<State, { readonly kind: K }>;
    throw new SshError("usage", "scp cannot send this now; wait for the answer, and end the file first");
  }

  protected override close(error: SshError | undefined): void {
    super.close(error);
    this.output.clear();
  }
}

function endedEarly(): SshError {
  return new SshError("channel-closed", "the peer ended scp before its answer; transfer the last file again");
}
