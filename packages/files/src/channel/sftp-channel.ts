import { SshError } from "@nacre/wire";
import { type Channel, ExitReport, encodeSubsystem } from "nacre/extend";
import { OpenQueue } from "./open-queue.ts";
import { SftpDriver, type Waiter } from "./sftp-driver.ts";

export { COLLECT_AT, type OpenFile, type Sender, type Waiter } from "./sftp-driver.ts";

type Starting = { readonly resolve: () => void; readonly reject: (error: SshError) => void };

/** SFTP over a channel of its own: starts the subsystem, returns window credit, and closes the channel at the end. */
export class SftpChannel extends SftpDriver {
  /** Resolves with the reason when SFTP has ended. Never rejects. */
  readonly ended: Promise<SshError>;
  /** Turns of the calls that open a file or directory and close it again. Files that an application holds open take no part. */
  readonly opens: OpenQueue = new OpenQueue(() => this.isOneByOne);
  /** The caller of `start`, until the server has answered with its version. */
  #starting: Starting | undefined;
  #onEnd!: (error: SshError) => void;

  /** `serverVersion` is the server's identification string, if it is known. */
  constructor(channel: Channel, serverVersion: string | undefined) {
    super(channel, { serverVersion });
    this.ended = new Promise((resolve) => {
      this.#onEnd = resolve;
    });
  }

  /** Whether the server may have only one open file: it says so, or has given an open handle again. */
  get isOneByOne(): boolean {
    return this.machine.serverLimits.maxOpenHandles === 1;
  }

  /**
   * Requests the subsystem and sends SSH_FXP_INIT: at once if the server is known to accept early data, otherwise after its reply.
   * Resolves when the server has answered with its version. Rejects with `channel-request-failed` if the server has no SFTP, or with the
   * error that ended SFTP.
   */
  start(): Promise<void> {
    const { channel } = this;
    const report = new ExitReport(channel);
    return new Promise((resolve, reject) => {
      this.#starting = { resolve, reject };
      channel.handler = {
        data: (stream, bytes) => {
          // The machine keeps at most one packet, so credit returns at once.
          channel.consumed(bytes.length);
          if (stream === 0) this.receive(bytes);
        },
        writable: () => this.writable(),
        eof: () => this.end(),
        request: (request) => report.onRequest(request),
        closed: ({ error }) => this.end(error),
      };
      channel.start("subsystem", encodeSubsystem("sftp")).catch((cause: unknown) => {
        if ((cause as SshError).code !== "channel-request-failed") return;
        const message = 'the server refused the subsystem "sftp"; enable it there (Subsystem in sshd_config)';
        this.end(new SshError("channel-request-failed", message, { cause }));
      });
      this.write();
    });
  }

  /** Closes a handle without waiting for the reply. No effect after the end. */
  release(handle: Uint8Array): void {
    if (this.over === undefined) this.machine.abandon(this.request({ type: "close", handle }, IGNORE));
  }

  /** Ends SFTP and resolves when the channel is closed, at most two seconds later. */
  async close(): Promise<void> {
    this.end(new SshError("closed", "SFTP was closed by this side; open it again to go on"));
    await this.channel.ended;
  }

  protected override onReady(): void {
    this.#starting?.resolve();
    this.#starting = undefined;
  }

  protected override onClosed(error: SshError): void {
    this.#starting?.reject(error);
    this.#starting = undefined;
    this.channel.close(error);
    this.#onEnd(error);
  }
}

/** The waiter of requests whose reply is ignored. */
const IGNORE: Waiter = { answered() {} };
