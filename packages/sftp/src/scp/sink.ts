import { type Bytes, completeLimits, type Overrides, SshError } from "@nacre/wire";
import { SCP_LIMITS, type ScpLimits } from "./limits.ts";
import { type ScpClosedEvent, ScpMachine } from "./machine.ts";
import {
  decodeRecord,
  type ScpDirectoryRecord,
  type ScpFileRecord,
  type ScpTimes,
  scpNameProblem,
  shown,
} from "./records.ts";
import { encodeProblem, fatalError, isProblem, problemText, STATUS } from "./status.ts";

/** Options of an `ScpSink`. */
export interface ScpSinkOptions {
  /**
   * Name of the only file or directory that was requested. The source must send it, and nothing else beside it. Default: the source
   * chooses names and number.
   */
  readonly requestedName?: Uint8Array | undefined;
  /**
   * Whether the source may end after all bytes of a file without its report, as libssh2 does. Such a file is whole. Default false:
   * `channel-closed`.
   */
  readonly allowMissingReport?: boolean | undefined;
  /** Limits that override the defaults. */
  readonly limits?: Overrides<ScpLimits> | undefined;
}

/** What happened at an `ScpSink`. Answer events marked so with `accept` or `refuse` before the next event. */
export type ScpSinkEvent =
  /** A file. Answer it. If accepted, `data` and `file-end` follow. */
  | (ScpFileRecord & { readonly times: ScpTimes | undefined })
  /** A directory. Answer it. If accepted, its entries follow, and `directory-end`. */
  | (ScpDirectoryRecord & { readonly times: ScpTimes | undefined })
  /** Part of the contents of the file. */
  | { readonly type: "data"; readonly data: Bytes }
  /** All bytes of the file have come. Answer it. With a `problem`, the contents are invalid. */
  | { readonly type: "file-end"; readonly problem: string | undefined }
  /** The directory is complete. Answer it. */
  | { readonly type: "directory-end" }
  /** The source could not send something. The text may contain any character: escape it before display. */
  | { readonly type: "problem"; readonly message: string }
  /** The last event. `error` is undefined if the source ended after whole files. */
  | ScpClosedEvent;

type Answered = "start" | "file" | "directory" | "file-end" | "directory-end";

/** Any event but the last. */
type Received = Exclude<ScpSinkEvent, ScpClosedEvent>;

type State =
  | { readonly kind: "record" }
  /** Waits for `accept` or `refuse`. */
  | { readonly kind: "answer"; readonly to: Answered; readonly size: number }
  /** Reads contents of a file. */
  | { readonly kind: "contents"; readonly left: number }
  /** Reads the source's report after the contents. */
  | { readonly kind: "report" };

/**
 * The receiving side of scp, `scp -t` on a server, as a pure state machine. `receive` takes the source's bytes, `nextEvent` returns what
 * the source sends, `accept` and `refuse` answer it, and `unsent` has the bytes to send.
 *
 * Call `accept` first: it tells the source to begin. Names are checked: they never contain "/" or NUL, and are not "", "." or "..". A
 * source that violates the protocol ends scp with `malformed-message` or `unexpected-message`, and one that reports a fatal problem with
 * `scp-failure`.
 */
export class ScpSink extends ScpMachine<Received> {
  readonly #limits: ScpLimits;
  readonly #requestedName: Uint8Array | undefined;
  readonly #allowMissingReport: boolean;
  #state: State = { kind: "answer", to: "start", size: 0 };
  /** Number of directories around the next record. */
  #depth = 0;
  /** Number of files and directories received outside of directories. */
  #roots = 0;
  #times: ScpTimes | undefined;
  /** A fatal problem that the source reported after a file. */
  #fatal: SshError | undefined;

  /** Throws `usage` for a limit out of range. */
  constructor({ requestedName, allowMissingReport = false, limits }: ScpSinkOptions = {}) {
    const complete = completeLimits(SCP_LIMITS, limits);
    super(complete.maxLineLength);
    this.#limits = complete;
    this.#requestedName = requestedName;
    this.#allowMissingReport = allowMissingReport;
  }

  /** Number of directories that are not complete. */
  get depth(): number {
    return this.#depth;
  }

  /** Answers the last event with yes, or lets the source begin. Does nothing after the end. Throws `usage` if no event awaits an answer. */
  accept(): void {
    this.#answer(true);
    this.output.push(Uint8Array.of(STATUS.ok));
  }

  /**
   * Refuses what the last event asks, with a text for the source. It goes on with its next file. No effect after the end. Throws `usage` if
   * nothing waits for an answer.
   */
  refuse(message: string): void {
    this.#answer(false);
    this.output.push(encodeProblem(STATUS.warning, message));
  }

  /** Ends scp with a text for the source. */
  fail(message: string): void {
    if (this.isClosed) return;
    this.output.push(encodeProblem(STATUS.fatal, message));
    this.close(undefined);
  }

  protected read(): Received | undefined {
    const state = this.#state;
    switch (state.kind) {
      case "record":
        return this.#record();
      case "contents":
        return this.#contents(state.left);
      case "report":
        return this.#report();
      default:
        return undefined;
    }
  }

  #record(): Received | undefined {
    const { first } = this.reader;
    if (first === undefined) return this.#checkEnd();
    if (!isProblem(first) && !RECORDS.has(first)) throw this.reader.unexpected();
    const line = this.reader.line();
    if (line === undefined) return this.#checkEnd();
    if (first === STATUS.fatal) throw fatalError(line);
    if (first === STATUS.warning) {
      this.#times = undefined;
      return { type: "problem", message: problemText(line) };
    }
    const record = decodeRecord(line);
    switch (record.type) {
      case "times":
        // rule: scp-times-twice
        if (this.#times !== undefined) throw unexpected(`times twice, the second as ${shown(line)}`);
        this.#times = { mtime: record.mtime, atime: record.atime };
        this.output.push(Uint8Array.of(STATUS.ok));
        return this.#record();
      case "directory-end":
        // rule: scp-end-of-nothing
        if (this.#depth === 0) throw unexpected("the end of a directory without its beginning");
        this.#state = { kind: "answer", to: "directory-end", size: 0 };
        this.#times = undefined;
        return record;
      default: {
        this.#checkName(record.name);
        const times = this.#times;
        this.#times = undefined;
        if (record.type === "directory" && /* rule: scp-depth */ this.#depth >= this.#limits.maxDepth)
          throw new SshError("malformed-message", `more than ${this.#limits.maxDepth} directories below each other`);
        this.#state = { kind: "answer", to: record.type, size: record.type === "file" ? record.size : 0 };
        return { ...record, times };
      }
    }
  }

  /** Throws unless the source may send an entry with this name now. */
  #checkName(name: Uint8Array): void {
    // rule: scp-name-length
    if (name.length > this.#limits.maxNameLength)
      throw new SshError("malformed-message", `a name is longer than ${this.#limits.maxNameLength} bytes`);
    if (this.#depth === 0 && this.#requestedName !== undefined) {
      // rule: scp-one-requested
      if (this.#roots > 0) throw unexpected(`${shown(name)} after the one file or directory that was requested`);
      // rule: scp-requested-name
      if (!isSame(name, this.#requestedName))
        throw unexpected(`${shown(name)} where ${shown(this.#requestedName)} was requested`);
      this.#roots++;
      return;
    }
    const problem = scpNameProblem(name);
    if (problem !== undefined)
      throw new SshError("malformed-message", `the peer sent an entry with the name ${shown(name)}: ${problem}`);
  }

  #contents(left: number): Received | undefined {
    const data = this.reader.contents(left);
    if (data.length === 0) return this.#checkEnd();
    this.#state = data.length === left ? { kind: "report" } : { kind: "contents", left: left - data.length };
    return { type: "data", data };
  }

  #report(): Received | undefined {
    const { first, hasEnded } = this.reader;
    let problem: string | undefined;
    if (first === undefined) {
      if (!hasEnded || !this.#allowMissingReport) return this.#checkEnd();
    } else if (first === STATUS.ok) this.reader.skip();
    else {
      // rule: scp-report
      if (!isProblem(first)) throw this.reader.unexpected();
      const line = this.reader.line();
      if (line === undefined) return this.#checkEnd();
      problem = problemText(line);
      if (first === STATUS.fatal) this.#fatal = fatalError(line);
    }
    this.#state = { kind: "answer", to: "file-end", size: 0 };
    return { type: "file-end", problem };
  }

  #answer(isAccepted: boolean): void {
    const state = this.#state;
    if (this.isClosed) return;
    if (state.kind !== "answer") throw new SshError("usage", "scp waits for no answer; answer each event once");
    if (state.to === "file" && isAccepted)
      this.#state = state.size === 0 ? { kind: "report" } : { kind: "contents", left: state.size };
    else this.#state = { kind: "record" };
    if (state.to === "directory" && isAccepted) this.#depth++;
    if (state.to === "directory-end") this.#depth--;
    if (this.#fatal !== undefined) this.close(this.#fatal);
  }

  /** Ends scp if the source has. It may end only between the files and outside of directories. */
  #checkEnd(): undefined {
    const { first, held } = this.reader;
    if (!this.reader.hasEnded) return;
    const isWhole = this.#state.kind === "record" && this.#depth === 0 && first === undefined && held === 0;
    // rule: scp-truncated
    if (!isWhole)
      throw new SshError("channel-closed", "the peer ended scp within a file or directory; transfer it again");
    this.close(undefined);
  }
}

/** First bytes of records. */
const RECORDS: ReadonlySet<number> = /* @__PURE__ */ new Set([0x43, 0x44, 0x45, 0x54]);

function unexpected(what: string): SshError {
  return new SshError("unexpected-message", `the peer sent ${what}`);
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
