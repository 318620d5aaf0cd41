import type {
  LocalFiles,
  OpenSftpOptions,
  RemotePath,
  RemotePattern,
  TransferOptions,
  TransferResult,
  TransferSink,
  UploadOptions,
  UploadSource,
} from "@nacre/files";
import { type Bytes, escapeText, SshError } from "@nacre/wire";
import {
  type ExecOptions,
  type ExecResult,
  ForwardingClient,
  type ForwardTarget,
  type ListenAddress,
  type LoggedIn,
  listenersOf,
  type Reconnection,
} from "nacre/extend";
import {
  type Forward,
  Forwarder,
  type ForwarderMux,
  type ForwardOptions,
  type LocalForwardOptions,
  type ProxyOptions,
} from "../forward/forward.ts";
import { ForwardSocket, type SocketOptions } from "../forward/forward-socket.ts";
import { type NodeStreams, nodeStreams } from "../streams/node-streams.ts";
import { NodeProcess } from "./process.ts";
import type { Sftp } from "./sftp.ts";

/** Source of `ssh.upload`: a path, a pattern, or the contents of one file, such as a readable stream of bytes. */
export type LocalSource = string | { readonly glob: string } | AsyncIterable<Uint8Array>;

/** Options of `ssh.upload` and `ssh.download`. */
export interface ClientTransferOptions extends TransferOptions {
  /**
   * Protocol of the transfer; default `"sftp"`. `"scp"` is the old one, for servers and devices without SFTP. It moves one path, and
   * `usage` refuses the options that it cannot honour: see `uploadScp` and `downloadScp` of `@nacre/files/scp`.
   */
  readonly protocol?: "sftp" | "scp" | undefined;
}

/** Loads the forwards on demand: most connections forward nothing. */
const forwards = (): Promise<typeof import("../forward/forwards.ts")> => import("../forward/forwards.ts");

/** A logged-in SSH connection with Node streams. */
export class Client extends ForwardingClient<NodeStreams, NodeProcess> {
  readonly #mux: ForwarderMux;
  readonly #reconnection: Reconnection | undefined;
  #forwarder: Forwarder | undefined;

  constructor(connection: LoggedIn) {
    super(connection, nodeStreams, (channel, hasTerminal) => new NodeProcess(channel, hasTerminal));
    this.#mux = connection.driver.mux;
    this.#reconnection = connection.reconnection;
  }

  /**
   * Runs a command to its end. Returns its output and how it ended. Output is text decoded as UTF-8, or as `encoding` says, with the names
   * of `node:child_process`: a `BufferEncoding` such as `"latin1"` gives text, and `"buffer"` or `null` a `Buffer`. `"bytes"` gives a
   * `Uint8Array`. A nonzero exit status is a result, not an error. Rejects as `exec` of `nacre` does.
   */
  override exec(
    command: string | Uint8Array,
    options?: ExecOptions & { readonly encoding?: BufferEncoding | undefined },
  ): Promise<ExecResult>;
  override exec(
    command: string | Uint8Array,
    options: ExecOptions & { readonly encoding: "bytes" },
  ): Promise<ExecResult<Bytes>>;
  override exec(
    command: string | Uint8Array,
    options: ExecOptions & { readonly encoding: "buffer" | null },
  ): Promise<ExecResult<Buffer>>;
  override async exec(
    command: string | Uint8Array,
    options: ExecOptions & { readonly encoding?: BufferEncoding | "bytes" | "buffer" | null | undefined } = {},
  ): Promise<ExecResult<string | Uint8Array>> {
    const encoding = options?.encoding;
    if (encoding === undefined || encoding === "utf8" || encoding === "bytes")
      return super.exec(command, options as ExecOptions);
    const isText = encoding !== "buffer" && encoding !== null;
    if (isText && !Buffer.isEncoding(encoding))
      throw new SshError(
        "usage",
        `\`encoding\` must be "buffer", "bytes" or an encoding of Node's Buffer, got ${escapeText(String(encoding))}`,
      );
    const result = await super.exec(command, { ...options, encoding: "bytes" });
    const decode = ({ buffer, byteOffset, length }: Bytes): string | Buffer => {
      const bytes = Buffer.from(buffer, byteOffset, length);
      return isText ? bytes.toString(encoding) : bytes;
    };
    return { ...result, stdout: decode(result.stdout), stderr: decode(result.stderr) };
  }

  /**
   * Listens on this side and forwards each connection to `target` through the server, like `ssh -L`. The default host `"localhost"` listens
   * on both 127.0.0.1 and ::1. Resets a connection if the server refuses its target. Rejects with `listen-failed`, `aborted`, `usage`, or
   * the error that ended the connection.
   */
  async forwardLocal(listen: ListenAddress, target: ForwardTarget, options?: LocalForwardOptions): Promise<Forward> {
    const { forwardLocal } = await forwards();
    return forwardLocal(this.#forwards, listen, target, options);
  }

  /**
   * Makes the server listen and forwards each connection to `target` from this side, like `ssh -R`. If the target cannot be reached, this
   * side rejects the channel and the server closes the connection. Rejects like `listen`, and also with `aborted`.
   */
  async forwardRemote(listen: ListenAddress, target: ForwardTarget, options?: ForwardOptions): Promise<Forward> {
    const { forwardRemote } = await forwards();
    return forwardRemote(this.#forwards, listen, target, options);
  }

  /**
   * Listens on this side as a proxy; the server connects to the requested targets, like `ssh -D`. Supports SOCKS 4, 4a, 5 and HTTP CONNECT.
   * Host names are resolved by the server. Rejects like `forwardLocal`.
   */
  async forwardDynamic(listen: ListenAddress, options?: LocalForwardOptions & ProxyOptions): Promise<Forward> {
    const { forwardDynamic } = await forwards();
    return forwardDynamic(this.#forwards, listen, options);
  }

  /**
   * Makes the server listen as a proxy; this side connects to the requested targets, like `ssh -R` with only a port. Every host that can
   * reach the server's port can then reach every host that this machine can reach. Rejects like `forwardRemote`.
   */
  async forwardRemoteDynamic(listen: ListenAddress, options?: ForwardOptions & ProxyOptions): Promise<Forward> {
    const { forwardRemoteDynamic } = await forwards();
    return forwardRemoteDynamic(this.#forwards, listen, options);
  }

  /**
   * Returns an unconnected socket for a library that accepts one: `new pg.Client({ stream: () => ssh.socket(target)
   * })`. It connects on `connect()`, or on the first read or write. Throws `usage` for an invalid target.
   */
  socket(target: ForwardTarget, options: SocketOptions = {}): ForwardSocket {
    return new ForwardSocket(this.#mux, target, options);
  }

  /**
   * Opens SFTP, with the names of `node:fs/promises` and Node streams. Use `await using`, or call `close()` in the end. Rejects with
   * `channel-request-failed` if the server has no SFTP, `sftp-version`, `channel-open-failed`, `aborted`, or the error that ended the
   * connection. Without a signal, such as `AbortSignal.timeout(10_000)`, it waits for the server as long as the connection lasts.
   */
  async sftp(options?: OpenSftpOptions): Promise<Sftp> {
    // Loaded on demand: most connections move no files.
    const { openSftp } = await import("@nacre/files");
    return openSftp(this, nodeStreams, options);
  }

  /**
   * Copies a file, or with `recursive` a directory, to the server over a new SFTP channel. `local` is a path, a pattern, or an async
   * iterable of bytes, such as a readable stream; `remote` is the path of the copy. See `upload` of `@nacre/files`. Rejects like `sftp` and
   * `upload`, with `file-unreadable` for local files. With `protocol: "scp"`, see `uploadScp` of `@nacre/files/scp`.
   */
  async upload(
    local: LocalSource,
    remote: RemotePath,
    { protocol, ...options }: ClientTransferOptions & UploadOptions = {},
  ): Promise<TransferResult> {
    if (isScp(protocol)) return (await import("./scp.ts")).upload(this, local, remote, options);
    const [{ upload }, { nodeFiles }] = await Promise.all([import("@nacre/files"), import("../disk/local-files.ts")]);
    const source = sourceOf(local, nodeFiles);
    return this.#transfer(options, async (own) => {
      const sftp = await this.sftp({ signal: options.signal });
      try {
        return await upload(sftp, source, remote, own);
      } finally {
        await sftp.close();
      }
    });
  }

  /**
   * Copies a file, or with `recursive` a directory, from the server over a new SFTP channel. `remote` is a path or a pattern; `local` is
   * the path of the copy, or a function that takes the contents: `(chunks) => pipeline(chunks, stream)`. See `download` of `@nacre/files`.
   * Rejects like `sftp` and `download`, with `file-unwritable` for local files. With `protocol: "scp"`, see `downloadScp` of
   * `@nacre/files/scp`.
   */
  async download(
    remote: RemotePath | RemotePattern,
    local: string | TransferSink,
    { protocol, ...options }: ClientTransferOptions = {},
  ): Promise<TransferResult> {
    if (isScp(protocol)) return (await import("./scp.ts")).download(this, remote, local, options);
    const [{ download }, { nodeFiles }] = await Promise.all([import("@nacre/files"), import("../disk/local-files.ts")]);
    const target = typeof local === "string" ? { files: nodeFiles, path: local } : local;
    return this.#transfer(options, async (own) => {
      const sftp = await this.sftp({ signal: options.signal });
      try {
        return await download(sftp, remote, target, own);
      } finally {
        await sftp.close();
      }
    });
  }

  /**
   * Copies a file, or with `recursive` a directory, from this server to another one, over a new SFTP channel of each. The contents travel
   * through this program, which stores nothing. See `copy` of `@nacre/files`. Rejects like `sftp` and `copy`.
   */
  async copy(
    path: RemotePath | RemotePattern,
    other: Client,
    target: RemotePath,
    options: TransferOptions = {},
  ): Promise<TransferResult> {
    const { copy } = await import("@nacre/files");
    const { signal } = options;
    const run = async (own: TransferOptions): Promise<TransferResult> => {
      const opening = [this.sftp({ signal }), other.sftp({ signal })] as const;
      try {
        const [from, to] = await Promise.all(opening);
        return await copy(from, path, to, target, own);
      } finally {
        // One may have opened although the other failed.
        for (const result of await Promise.allSettled(opening))
          if (result.status === "fulfilled") await result.value.close();
      }
    };
    return this.#transfer(options, run, #reconnection in other ? other.#reconnection : undefined);
  }

  /** Does a transfer; with `resume` again when the connection, or the one of `other`, was lost and is made again. */
  async #transfer<T extends TransferOptions>(
    options: T,
    run: (options: T) => Promise<TransferResult>,
    other?: Reconnection,
  ): Promise<TransferResult> {
    const connections = [this.#reconnection, other].filter((one) => one !== undefined);
    if (options.resume !== true || connections.length === 0) return run(options);
    const { transferAgain } = await import("./transfer-again.ts");
    return transferAgain(connections, options, (own) => run({ ...options, ...own }));
  }

  get #forwards(): Forwarder {
    this.#forwarder ??= new Forwarder(this.#mux, () => listenersOf(this), this.ended);
    return this.#forwarder;
  }
}

/** Throws `usage` for another protocol. */
function isScp(protocol: ClientTransferOptions["protocol"]): boolean {
  if (protocol === undefined || protocol === "sftp") return false;
  if (protocol === "scp") return true;
  throw new SshError("usage", `\`protocol\` must be "sftp" or "scp", got ${String(protocol)}`);
}

function sourceOf(local: LocalSource, files: LocalFiles): UploadSource {
  if (typeof local === "string") return { files, path: local };
  return typeof local === "object" && local !== null && "glob" in local ? { files, glob: local.glob } : local;
}
