import { type Bytes, checkLimit, escapeText, SshError, utf8DecodeLossy } from "@nacre/wire";
import { checkOpen, checkSignal, usage } from "../../check.ts";
import type { Channel } from "../../mux/channel.ts";
import type { Duplex } from "../../mux/duplex.ts";
import { type Opener, openChannel } from "../../mux/open-channel.ts";
import { abortedError, onAbort, unlessAborted } from "../../on-abort.ts";
import { checkAlgorithms } from "../../options/algorithms.ts";
import { checkOptions, checkValues } from "../../options/schema.ts";
import { Backlog } from "../../streams/backlog.ts";
import type { StreamKind, StreamTypes } from "../../streams/stream-kind.ts";
import { type WebStreams, webStreams } from "../../streams/web-streams.ts";
import { BaseProcess } from "../../users/session/base-process.ts";
import { cutShort, ExitReport } from "../../users/session/exit.ts";
import { STDOUT } from "../../users/session/names.ts";
import { openSession } from "../../users/session/open-session.ts";
import {
  EXEC_OPTIONS,
  type ExecOptions,
  type ExecResult,
  SESSION_OPTIONS,
  type SessionOpenOptions,
  SPAWN_OPTIONS,
  type SpawnOptions,
} from "../../users/session/options.ts";
import { Process } from "../../users/session/process.ts";
import {
  type EncodedRequest,
  encodeCommand,
  encodeSignal,
  encodeSubsystem,
  startRequests,
  toBytes,
} from "../../users/session/requests.ts";
import { SessionOpener } from "../../users/session/session-opener.ts";
import { withCaller } from "../../with-caller.ts";
import { type ConnectionInfo, Driver } from "./driver.ts";
import { checkLoginMethods } from "./method.ts";
import { type ClientProvider, CONNECT_OPTIONS, type ConnectOptions } from "./options.ts";

/** Factory for the streams and processes that a client returns. */
export interface ClientKind<K extends StreamTypes, P> {
  readonly streams: StreamKind<K>;
  /**
   * Makes the process for a channel, immediately before the client requests its command. `hasTerminal` tells whether it runs on a
   * pseudo-terminal.
   */
  readonly makeProcess: (channel: Channel, hasTerminal: boolean) => P;
}

/** Makes clients with Web streams. */
export const webClient: ClientKind<WebStreams, Process> = {
  streams: webStreams,
  makeProcess: (channel, hasTerminal) => new Process(channel, hasTerminal),
};

/** An authenticated connection, ready to make a client. */
export interface LoggedIn {
  readonly driver: Driver;
  readonly info: ConnectionInfo;
  /** The session channel opened together with the login, if any. */
  readonly early: Promise<Channel> | undefined;
  /** Host and port of the server for messages, if known. */
  readonly place?: string | undefined;
}

/**
 * Authenticated SSH connection without forwarding. A page that does not need forwarding avoids loading that code. Any number of commands
 * can share the connection.
 */
export class BaseClient<K extends StreamTypes = WebStreams, P = Process> implements AsyncDisposable {
  /** Server version, negotiated algorithms and host key. */
  readonly info: ConnectionInfo;
  /**
   * Resolves with the error that ended the connection; its code is `closed` after `close()`. Never rejects. Later calls reject with a new
   * error that has the same code and culprit, and this error as `cause`.
   */
  readonly ended: Promise<SshError>;
  readonly #driver: Driver;
  readonly #kind: ClientKind<K, P>;
  readonly #place: string | undefined;
  readonly #sessions: SessionOpener;

  /** Call `connect`, or `connectDuplex` for other byte connections, instead of this constructor. */
  constructor({ driver, info, early, place }: LoggedIn, kind: ClientKind<K, P>) {
    this.#driver = driver;
    this.info = info;
    this.ended = driver.ended;
    this.#kind = kind;
    this.#place = place;
    this.#sessions = new SessionOpener(driver.mux, early);
  }

  /**
   * Runs a command to its end. Returns its output and how it ended. Output is text decoded as UTF-8, or bytes with `{ encoding: "bytes" }`.
   * A nonzero exit status is a result, not an error. Rejects with `output-limit`, `aborted`, `channel-open-failed`,
   * `channel-request-failed`, `usage` for invalid arguments, or the error that ended the connection.
   *
   * Input follows the server's answer to the request for the command. Servers known to bear it get both at once.
   */
  exec(
    command: string | Uint8Array,
    options?: ExecOptions & { readonly encoding?: "utf8" | undefined },
  ): Promise<ExecResult>;
  exec(command: string | Uint8Array, options: ExecOptions & { readonly encoding: "bytes" }): Promise<ExecResult<Bytes>>;
  async exec(
    command: string | Uint8Array,
    options: ExecOptions & { readonly encoding?: "utf8" | "bytes" | undefined } = {},
  ): Promise<ExecResult<string | Bytes>> {
    checkOptions(options, EXEC_OPTIONS, "`exec`");
    const { maxOutput = MAX_OUTPUT, encoding = "utf8" } = options;
    if (encoding !== "utf8" && encoding !== "bytes")
      throw usage(`\`encoding\` must be "utf8" or "bytes", got ${escapeText(String(encoding))}`);
    if (maxOutput !== Number.POSITIVE_INFINITY) checkLimit("maxOutput", maxOutput, OUTPUT_RANGE);
    const start = this.#startRequests(options, "exec", encodeCommand(command, options));
    // Send no EOF to a terminal without input: on EOF, dropbear would hang up the command and lose its output.
    const endless = options.input === undefined && Boolean(options.pty);
    const input = endless ? undefined : toBytes(options.input ?? "", "the input");
    const result = await this.#withSession(options, (channel) => collect(channel, start, input, maxOutput));
    if (encoding === "bytes") return result;
    return { ...result, stdout: utf8DecodeLossy(result.stdout), stderr: utf8DecodeLossy(result.stderr) };
  }

  /** Starts a command and returns the running process, with streams for its input, output and error output. */
  async spawn(command: string | Uint8Array, options: SpawnOptions = {}): Promise<P> {
    checkOptions(options, SPAWN_OPTIONS, "`spawn`");
    return await this.#start(options, this.#startRequests(options, "exec", encodeCommand(command, options)));
  }

  /** Starts the user's shell, with a pseudo-terminal unless `pty` is false. */
  async shell(options: SpawnOptions = {}): Promise<P> {
    checkOptions(options, SPAWN_OPTIONS, "`shell`");
    const { pty = true, ...others } = options;
    return await this.#start(options, this.#startRequests({ pty, ...others }, "shell", new Uint8Array()));
  }

  /** Starts a subsystem, such as `"sftp"`. */
  async subsystem(name: string, options: SpawnOptions = {}): Promise<P> {
    checkOptions(options, SPAWN_OPTIONS, "`subsystem`");
    const start = this.#startRequests(options, "subsystem", encodeSubsystem(name));
    const refused = `the server refused the subsystem "${escapeText(name)}"; enable it there (Subsystem in sshd_config)`;
    return await this.#start(options, start, refused);
  }

  /**
   * Opens a channel of any type (RFC 4254 §5.1). `data` is type-specific. Set the channel's `handler` to receive its events; until then
   * they are buffered, bounded by the window. Rejects with `channel-open-failed`, `channel-limit`, `usage` for an invalid type, or the
   * error that ended the connection.
   *
   * A channel of type "session" is the one that was opened with the login, unless a command uses it already. `options` apply to that type
   * alone.
   */
  async openChannel(channelType: string, data?: Uint8Array, options: SessionOpenOptions = {}): Promise<Channel> {
    checkOptions(options, SESSION_OPTIONS, "`openChannel`");
    if (channelType === "session" && data === undefined) return this.#sessions.open(options);
    checkOpen(channelType, data);
    return openChannel(this.#driver.mux, channelType, data);
  }

  /** Channels and global requests of the connection. For subclasses. */
  protected get mux(): Driver["mux"] {
    return this.#driver.mux;
  }

  /** Starts a key exchange now, before a rekey limit is reached. */
  rekey(): void {
    this.#driver.rekey();
  }

  /** Disconnects. Resolves when the connection and all its resources are released. Running commands fail with `closed`. */
  close(): Promise<void> {
    return this.#driver.close();
  }

  /** Calls `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #startRequests(
    options: SpawnOptions,
    type: "exec" | "shell" | "subsystem",
    data: Uint8Array,
  ): readonly EncodedRequest[] {
    // Mistakes in `options` throw first, before anything is offered to the server.
    const requests = startRequests(options, type, data, this.#driver.encodeModes);
    return [...this.#driver.sessionRequests(), ...requests];
  }

  async #start(options: SpawnOptions, start: readonly EncodedRequest[], refused?: string): Promise<P> {
    return await this.#withSession(options, async (channel) => {
      const hasTerminal = start.some(({ type }) => type === "pty-req");
      const process = this.#kind.makeProcess(channel, hasTerminal);
      await begin(channel, start, () => process instanceof BaseProcess && process.exited, refused);
      return process;
    });
  }

  /**
   * Opens a session channel and passes it to `use`. Closes the channel if `use` fails. If the signal aborts, also while the command runs,
   * sends `killSignal` and closes the channel.
   */
  async #withSession<T>(options: SpawnOptions, use: (channel: Channel) => Promise<T>): Promise<T> {
    const { signal, killSignal = "TERM" } = options;
    checkSignal(signal);
    const kill = encodeSignal(killSignal);
    const where = this.#place === undefined ? "" : ` at ${this.#place}`;
    const makeError = (aborted: AbortSignal): SshError =>
      abortedError(`the command${where}`, aborted, "; its channel is closed");
    if (signal?.aborted) throw makeError(signal);
    const opening = this.#sessions.open(options);
    const using = opening.then((channel) => {
      if (signal !== undefined) closeOnAbort(channel, signal, kill, makeError);
      return use(channel);
    });
    try {
      return await unlessAborted(using, signal, makeError);
    } catch (error) {
      opening.then(
        (channel) => channel.close(),
        () => {},
      );
      throw withCaller(error);
    }
  }
}

/** Function that opens a channel together with the login. */
export type EarlyOpen = (mux: Opener) => Promise<Channel>;

/**
 * Connects over any kind of byte connection, logs in, and returns the result of `makeClient`. `@nacre/node` builds on this. `earlyOpen`
 * replaces the session channel that is opened together with the login. Closes the byte connection before it rejects.
 */
export async function connectDuplex<C>(
  duplex: Duplex,
  options: ConnectOptions & ClientProvider,
  makeClient: (connection: LoggedIn) => C,
  earlyOpen: EarlyOpen | undefined = options.earlyChannel === false ? undefined : openSession,
): Promise<C> {
  let driver: Driver;
  try {
    const { users } = options;
    checkValues(options, users?.options ?? CONNECT_OPTIONS);
    checkAlgorithms(options.algorithms);
    checkLoginMethods(options);
    users?.check(options);
    driver = new Driver(duplex, options);
  } catch (error) {
    await duplex.close();
    throw error;
  }
  const early = earlyOpen?.(driver.mux);
  early?.catch(() => {}); // The first command that uses the channel gets the error.
  const info = await driver.start();
  return makeClient({ driver, info, early });
}

/** Kills the command and closes its channel when `signal` aborts. Throws `aborted` if it has. */
function closeOnAbort(
  channel: Channel,
  signal: AbortSignal,
  kill: Uint8Array,
  makeError: (signal: AbortSignal) => SshError,
): void {
  if (signal.aborted) throw makeError(signal);
  const unwatch = onAbort(signal, () => {
    // Many servers let a command run on when its channel closes.
    channel.notify("signal", kill);
    channel.close(makeError(signal));
  });
  void channel.ended.then(unwatch);
}

/**
 * Sends the preparing requests and the command without waiting in between, then waits for the replies. `hasExited` reports whether the
 * server sent an exit report. If so, a missing reply to the command is ignored: paramiko replies from another thread, so its channel may
 * close before the reply. `refused` is the message for a refused command.
 */
async function begin(
  channel: Channel,
  start: readonly EncodedRequest[],
  hasExited: () => boolean,
  refused?: string,
): Promise<void> {
  const replies: Promise<void>[] = [];
  for (const [index, { type, data, wantReply }] of start.entries()) {
    if (!wantReply) {
      channel.notify(type, data);
      continue;
    }
    const isLast = index === start.length - 1;
    replies.push(isLast ? unlessExited(channel.start(type, data), hasExited, refused) : channel.request(type, data));
  }
  await Promise.all(replies);
}

async function unlessExited(reply: Promise<void>, hasExited: () => boolean, refused?: string): Promise<void> {
  try {
    await reply;
  } catch (cause) {
    if (hasExited()) return;
    const isRefused = refused !== undefined && cause instanceof SshError && cause.code === "channel-request-failed";
    throw isRefused ? new SshError("channel-request-failed", refused, { cause }) : cause;
  }
}

const MAX_OUTPUT = 64 * 1024 * 1024;
const OUTPUT_RANGE = { least: 0, most: Number.MAX_SAFE_INTEGER, unit: "bytes" };

/** Runs a command on a channel to its end and collects its output. `given` is the complete input; if `undefined`, no EOF is sent. */
function collect(
  channel: Channel,
  start: readonly EncodedRequest[],
  given: Uint8Array | undefined,
  limit: number,
): Promise<ExecResult<Bytes>> {
  const kept = { stdout: new Backlog(), stderr: new Backlog() };
  let size = 0;
  let input = given;
  let isWhole = false;
  const report = new ExitReport(channel);

  return new Promise((resolve, reject) => {
    const begun = begin(channel, start, () => report.hasExit);
    begun.catch(reject);
    const feed = (): void => {
      if (input === undefined) return;
      try {
        input = input.subarray(channel.write(input));
        if (input.length === 0) channel.end();
      } catch (error) {
        // The channel may have closed just before the write.
        reject(error);
      }
    };
    channel.handler = {
      data(stream, bytes) {
        size += bytes.length;
        if (size > limit) {
          reject(
            new SshError(
              "output-limit",
              `the command printed more than ${limit} bytes; use \`spawn\` or raise \`maxOutput\``,
            ),
          );
          channel.close();
          return;
        }
        (stream === STDOUT ? kept.stdout : kept.stderr).push(bytes, 0);
        channel.consumed(bytes.length);
      },
      writable: feed,
      eof() {
        isWhole = true;
      },
      request: (request) => report.onRequest(request),
      closed({ error }) {
        const { exit } = report;
        const cut = isWhole ? error : cutShort(exit, error);
        if (cut !== undefined) {
          reject(cut);
          return;
        }
        // Wait for the replies: a command may run to its end even if the server refused a preparing request.
        const result = { ...exit, stdout: kept.stdout.takeAll(), stderr: kept.stderr.takeAll() };
        begun.then(() => resolve(result), reject);
      },
    };
    feed();
  });
}
