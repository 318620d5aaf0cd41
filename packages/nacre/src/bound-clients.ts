import type { Bytes } from "@nacre/wire";
import type { Channel } from "./mux/channel.ts";
import type { StreamKind, StreamTypes } from "./streams/stream-kind.ts";
import { Client, type LoggedIn } from "./users/client/client.ts";
import { dial, dialChannel, listen } from "./users/forward/client.ts";
import type { DialOptions } from "./users/forward/dial.ts";
import type { ListenAddress, RemoteListener } from "./users/forward/remote-listener.ts";
import type { ForwardTarget } from "./users/forward/target.ts";
import { exec } from "./users/session/exec.ts";
import type { ExecOptions, ExecResult, SpawnOptions } from "./users/session/options.ts";
import { type ProcessMaker, shell, spawn, subsystem } from "./users/session/spawn.ts";

/** A client with the functions for commands as methods. Processes are of type `P`. */
export abstract class CommandClient<P> extends Client {
  readonly #makeProcess: ProcessMaker<P>;

  /** Call `connect` instead of this constructor. */
  constructor(connection: LoggedIn, makeProcess: ProcessMaker<P>) {
    super(connection);
    this.#makeProcess = makeProcess;
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
  exec(command: string | Uint8Array, options?: ExecOptions): Promise<ExecResult<string | Bytes>> {
    return exec(this, command, options);
  }

  /** Starts a command and returns the running process, with streams for its input, output and error output. */
  spawn(command: string | Uint8Array, options?: SpawnOptions): Promise<P> {
    return spawn(this, command, options, this.#makeProcess);
  }

  /** Starts the user's shell, with a pseudo-terminal unless `pty` is false. */
  shell(options?: SpawnOptions): Promise<P> {
    return shell(this, options, this.#makeProcess);
  }

  /** Starts a subsystem, such as `"sftp"`. */
  subsystem(name: string, options?: SpawnOptions): Promise<P> {
    return subsystem(this, name, options, this.#makeProcess);
  }
}

/** A client with the functions for commands and forwarding as methods. Forwarded connections are streams of kind `K`. */
export abstract class ForwardingClient<K extends StreamTypes, P> extends CommandClient<P> {
  readonly #streams: StreamKind<K>;

  /** Call `connect` instead of this constructor. */
  constructor(connection: LoggedIn, streams: StreamKind<K>, makeProcess: ProcessMaker<P>) {
    super(connection, makeProcess);
    this.#streams = streams;
  }

  /**
   * Connects from the server to a TCP port or a Unix socket, and returns the connection as a pair of byte streams (RFC 4254 §7.2, OpenSSH
   * PROTOCOL §2.4).
   *
   * Rejects with `forward-denied` if the server prohibits it, `forward-unreachable` if it cannot connect, `forward-unsupported` if it does
   * not support the channel type, `forward-limit` if it is short of resources, or `channel-open-failed` for another reason. Also rejects
   * with `channel-limit`, `aborted`, `usage`, or the error that ended the connection.
   */
  dial(target: ForwardTarget, options?: DialOptions): Promise<K["pair"]> {
    return dial(this, target, options, this.#streams);
  }

  /** Connects as `dial` does, but returns the channel, for callbacks instead of streams. Rejects as `dial` does. */
  dialChannel(target: ForwardTarget, options?: DialOptions): Promise<Channel> {
    return dialChannel(this, target, options);
  }

  /**
   * Makes the server listen (RFC 4254 §7.1, OpenSSH PROTOCOL §2.4). Iterate the returned listener to receive connections. With port 0 the
   * server chooses the port. Rejects with `forward-denied` if the server refuses, `usage`, or the error that ended the connection.
   * Waits for the answer as long as the connection lasts; the keepalive ends it if the server sends nothing.
   */
  listen(address: ListenAddress): Promise<RemoteListener<K>> {
    return listen(this, address, this.#streams);
  }
}
