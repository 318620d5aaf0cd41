import { SftpDriver } from "@nacre/files/blocks";
import { SFTP_EXTENSIONS, SftpError, type SftpLimits } from "@nacre/sftp";
import { SshError } from "@nacre/wire";
import type { Channel } from "nacre/extend";
import { callProgram, programReturned } from "../call-program.ts";
import type { Answer } from "./call.ts";

/** Learns what happens to SFTP as a whole. */
export interface DriverOwner {
  /** Called when requests can be sent. */
  ready(): void;
  /** Called when SFTP has ended, before the callbacks of its requests. */
  ended(error: SshError): void;
  /** Called after the callbacks of requests without an answer. */
  answered(): void;
}

/** Runs the SFTP machine. Callbacks of requests without an answer wait until the owner knows of the end, as in ssh2. */
export class Driver extends SftpDriver {
  /** Whether the server has stated its limits. */
  hasLimits = false;
  readonly #connection: object;
  readonly #owner: DriverOwner;
  /** Limits before the server states its own. */
  #assumed: SftpLimits | undefined;
  /** Callbacks of requests that get no answer. */
  #unanswered: (() => void)[] = [];
  #isEnding = false;
  #isFinished = false;
  /** Whether the program threw, and the connection ends. Replies that arrived in the same packet count as lost. */
  #hasThrown = false;

  constructor(connection: object, channel: Channel, owner: DriverOwner) {
    // Without `serverVersion`, `symlink` alone decides the order of paths. Reused handles are allowed as in ssh2: test servers often use
    // one handle for all files.
    super(channel, { allowsReusedHandles: true });
    this.#connection = connection;
    this.#owner = owner;
  }

  protected override answer(answer: Answer): void {
    const passed = this.#hasThrown ? lost(answer) : answer;
    if (!programReturned(this.#connection, () => passed.waiter.answered(passed))) this.#hasThrown = true;
  }

  /** Sends SSH_FXP_INIT. */
  start(): void {
    this.write();
  }

  /** Sends the last requests, before this side closes the channel. */
  finish(): void {
    this.write();
    this.#isFinished = true;
  }

  protected override write(): void {
    if (!this.#isFinished) super.write();
  }

  /**
   * Calls `callback` with the outcome of a failed request: now if the server has answered, otherwise when SFTP ends, or later if it has
   * ended.
   */
  settle(error: SshError, callback: () => void): void {
    if (error instanceof SftpError || error.code === "sftp-handle-reused" || error.code === "usage") callback();
    else this.#atEnd(callback);
  }

  #atEnd(callback: () => void): void {
    if (this.over === undefined || this.#isEnding) this.#unanswered.push(callback);
    // Deferred, so that a program that retries at once does not block the event loop.
    else setImmediate(callback);
  }

  protected override onReady(): void {
    this.#assumed = this.machine.serverLimits;
    if (!this.machine.supports(SFTP_EXTENSIONS.limits)) this.#owner.ready();
  }

  protected override onLimits(): void {
    // A server that refuses the request leaves them as they are.
    this.hasLimits = this.machine.serverLimits !== this.#assumed;
    this.#owner.ready();
  }

  protected override onClosed(error: SshError): void {
    this.#isEnding = true;
    this.#owner.ended(error);
    this.#isEnding = false;
    const unanswered = this.#unanswered;
    this.#unanswered = [];
    for (const callback of unanswered) callProgram(this.#connection, callback);
    this.#owner.answered();
  }
}

/** Returns the answer to a request whose reply is lost. */
function lost({ request, waiter }: Answer): Answer {
  return { type: "unanswered", request, waiter, error: new SshError("closed", "the program threw") };
}
