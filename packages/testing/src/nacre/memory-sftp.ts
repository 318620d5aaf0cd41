import type { DigestExecOptions, DigestExecResult } from "@nacre/files";
import {
  decodePath,
  encodePath,
  SFTP_EXTENSIONS,
  SftpServer,
  type SftpServerEvent,
  type SftpServerOptions,
  type SftpServerRequest,
  SSH_FX,
  SSH_FXF,
  SSH_FXP,
} from "@nacre/sftp";
import { SshError } from "@nacre/wire";
import type { Channel, ChannelEnd, ChannelHandler } from "nacre";
import { type ChooseHandle, countPackets, HandleAliases } from "./handle-aliases.ts";
import { attributesOf, MemoryFiles, type MemoryNode, Refusal, setAttributes, writeAt } from "./memory-files.ts";

/** An open file or directory of the server. */
interface Handle {
  readonly node: MemoryNode;
  readonly isAppend: boolean;
  /** Names of a directory that are not sent yet. */
  unsent: string[];
}

type Request = Extract<SftpServerEvent<Handle>, { readonly type: "request" }>;

/** How the server differs from a well-behaved one. */
export interface MemorySftpOptions {
  /** Extensions to announce; default all of those that the client uses. */
  readonly extensions?: readonly (keyof typeof SFTP_EXTENSIONS)[];
  /** Limits of the server machine. */
  readonly limits?: SftpServerOptions["limits"];
  /** Answers a request itself, now or later, or returns false for the usual answer. */
  readonly answer?: (event: Request, server: SftpServer<Handle>) => boolean;
  /** Identification string of the SSH server; default that of a Nacre server. */
  readonly serverVersion?: string;
  /** Chooses the handles on the wire; default those of Nacre's server. Not with `window`. */
  readonly handles?: ChooseHandle;
  /** Number of bytes that the channel takes before the server reads on; default unlimited. */
  readonly window?: number;
  /** Whether the server refuses the subsystem. */
  readonly refuses?: boolean;
  /** Files of the server; default new ones. */
  readonly files?: MemoryFiles;
  /** Runs a command and returns its output, or how it failed. Without it, the connection runs no commands. */
  readonly exec?: (command: string, input: Uint8Array, files: MemoryFiles) => DigestExecResult;
}

/** Maximum length of the data in a packet of the channel, that of OpenSSH. */
const PACKET_LENGTH = 32 * 1024;

const ALL = ["posixRename", "statvfs", "hardlink", "fsync", "lsetstat", "copyData"] as const;

/**
 * An SFTP server in memory, and the session channel to it. Pass it to `sftp` in place of a connection. Each direction is delivered in a
 * microtask, so nothing depends on time.
 */
export class MemorySftp {
  readonly files: MemoryFiles;
  /** Facts about the connection. */
  readonly info: { readonly peerVersion: string };
  /** Number of handles given. */
  opens = 0;
  /** Number of SSH_FXP_CLOSE received, not counted with `window`. */
  closes = 0;
  /** Runs a command, if the options have a function for that. */
  readonly exec?: (command: string, options: DigestExecOptions) => Promise<DigestExecResult>;
  /** Types of the requests received, oldest first. */
  readonly requests: SftpServerRequest<Handle>["type"][] = [];
  /** Number of times that the client has written to the channel. */
  writes = 0;
  /** Maximum number of requests that were under way at the same time. */
  mostRequests = 0;
  /** Names of the requests on the channel. */
  readonly calls: string[] = [];
  /** Number of channels opened. */
  opened = 0;
  /** Bytes received by the client whose window credit it has not returned. */
  unconsumed = 0;
  readonly server: SftpServer<Handle>;
  readonly #options: MemorySftpOptions;
  readonly #aliases: HandleAliases | undefined;
  #handler: ChannelHandler | undefined;
  /** Bytes that the client has written and the server has not read. */
  readonly #input: Uint8Array[] = [];
  #isScheduled = false;
  #end: ChannelEnd | undefined;
  #onEnd!: (end: ChannelEnd) => void;
  readonly #ended = new Promise<ChannelEnd>((resolve) => {
    this.#onEnd = resolve;
  });

  constructor(options: MemorySftpOptions = {}) {
    this.#options = options;
    const { extensions = ALL, limits, files = new MemoryFiles(), exec, handles } = options;
    this.files = files;
    this.info = { peerVersion: options.serverVersion ?? "SSH-2.0-Nacre_0.1.0" };
    this.#aliases = handles && new HandleAliases(handles);
    if (exec !== undefined) this.exec = async (command, { input }) => exec(command, input, files);
    this.server = new SftpServer<Handle>({
      extensions: extensions.map((name) => SFTP_EXTENSIONS[name]),
      ...(limits !== undefined && { limits }),
    });
  }

  /** Opens the channel to this server, once. */
  async openChannel(): Promise<Channel> {
    this.opened++;
    const channel: Partial<Channel> = {
      write: (bytes) => this.#write(bytes),
      consumed: (length) => void (this.unconsumed -= length),
      start: async (type) => {
        this.calls.push(type);
        if (this.#options.refuses === true) throw new SshError("channel-request-failed", "refused");
      },
      reply() {},
      close: (reason) => {
        this.calls.push("close");
        this.#finish({ error: reason, broken: false });
      },
    };
    Object.defineProperties(channel, {
      closed: { get: () => this.#end !== undefined },
      ended: { get: () => this.#ended },
      handler: { set: this.#setHandler.bind(this) },
    });
    return channel as Channel;
  }

  /** Ends the connection with an error. */
  lose(error: SshError): void {
    this.#finish({ error, broken: true });
  }

  /** Sends EOF, as a server whose process has ended. */
  sendEof(): void {
    this.#handler?.eof();
  }

  /** Sends bytes past the server machine, which is well-behaved. */
  send(bytes: Uint8Array<ArrayBuffer>): void {
    this.unconsumed += bytes.length;
    this.#handler?.data(0, bytes);
  }

  /** Sends the output of the server. Call it after an answer that is given later. */
  flush(): void {
    this.#schedule();
  }

  #setHandler(handler: ChannelHandler): void {
    this.#handler = handler;
    if (this.#end !== undefined) handler.closed(this.#end);
  }

  #write(bytes: Uint8Array): number {
    if (this.#end !== undefined) throw new SshError("channel-closed", "the channel is closed");
    const waiting = this.#input.reduce((sum, { length }) => sum + length, 0);
    const taken = bytes.slice(0, Math.max(0, (this.#options.window ?? Number.POSITIVE_INFINITY) - waiting));
    if (this.#options.window === undefined) {
      this.closes += countPackets(taken, SSH_FXP.CLOSE);
      this.#aliases?.toServer(taken);
    }
    if (taken.length > 0) {
      this.#input.push(taken);
      this.writes++;
    }
    this.#schedule();
    return taken.length;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#run();
    });
  }

  #run(): void {
    if (this.#end !== undefined) return;
    const { server } = this;
    const wasFull = this.#input.length > 0;
    for (const bytes of this.#input.splice(0)) server.receive(bytes);
    const events: Request[] = [];
    for (let event = server.nextEvent(); event !== undefined; event = server.nextEvent())
      if (event.type === "request") events.push(event);
    this.mostRequests = Math.max(this.mostRequests, server.requestCount);
    for (const event of events) {
      this.requests.push(event.request.type);
      if (this.#options.answer?.(event, server) !== true) this.#answer(event);
    }
    const { unsent } = server;
    if (unsent.length > 0) {
      const bytes = unsent.slice();
      this.opens += countPackets(bytes, SSH_FXP.HANDLE);
      this.#aliases?.toClient(bytes);
      server.sent(bytes.length);
      this.unconsumed += bytes.length;
      for (let at = 0; at < bytes.length; at += PACKET_LENGTH)
        this.#handler?.data(0, bytes.slice(at, at + PACKET_LENGTH));
      this.#schedule();
    }
    // Answers let requests go on that waited for others.
    if (events.length > 0) this.#schedule();
    if (wasFull) this.#handler?.writable();
  }

  /** Answers a request as a server with these files does. */
  #answer({ token, request }: Request): void {
    try {
      this.#perform(token, request);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.server.status(token, error.status);
    }
  }

  #perform(token: Request["token"], request: SftpServerRequest<Handle>): void {
    const { files, server } = this;
    const path = "path" in request ? decodePath(request.path) : "";
    switch (request.type) {
      case "open": {
        const node = files.open(path, request.flags, request.attributes.permissions);
        server.handle(token, { node, isAppend: (request.flags & SSH_FXF.APPEND) !== 0, unsent: [] });
        return;
      }
      case "read": {
        const bytes = request.handle.node.data.subarray(request.offset, request.offset + request.length);
        if (bytes.length === 0) server.status(token, SSH_FX.EOF);
        else server.data(token, bytes);
        return;
      }
      case "write": {
        const { node, isAppend } = request.handle;
        writeAt(node, isAppend ? node.data.length : request.offset, request.data);
        break;
      }
      case "stat":
      case "lstat":
        server.attributes(token, attributesOf(files.find(path, request.type === "stat")));
        return;
      case "fstat":
        server.attributes(token, attributesOf(request.handle.node));
        return;
      case "setstat":
      case "lsetstat":
        setAttributes(files.find(path, request.type === "setstat"), request.attributes);
        break;
      case "fsetstat":
        setAttributes(request.handle.node, request.attributes);
        break;
      case "opendir": {
        const node = files.find(path);
        if (node.kind !== "directory") throw new Refusal(SSH_FX.FAILURE);
        server.handle(token, { node, isAppend: false, unsent: [".", "..", ...node.entries.keys()] });
        return;
      }
      case "readdir": {
        const { node, unsent } = request.handle;
        const names = unsent.splice(0, 100);
        if (names.length === 0) server.status(token, SSH_FX.EOF);
        else
          server.names(
            token,
            names.map((name) => ({
              filename: encodePath(name),
              longname: longnameOf(name, node.entries.get(name) ?? node),
              attributes: attributesOf(node.entries.get(name) ?? node),
            })),
          );
        return;
      }
      case "remove":
      case "rmdir":
        files.remove(path, request.type === "remove" ? "file" : "directory");
        break;
      case "mkdir":
        files.makeDirectory(path, request.attributes.permissions);
        break;
      case "realpath":
        server.name(token, encodePath(files.realPath(path)));
        return;
      case "rename":
      case "posix-rename":
        files.rename(decodePath(request.oldPath), decodePath(request.newPath), request.type === "posix-rename");
        break;
      case "readlink": {
        const node = files.find(path, false);
        if (node.kind !== "link") throw new Refusal(SSH_FX.FAILURE);
        server.name(token, node.data);
        return;
      }
      case "symlink":
        files.symlink(decodePath(request.targetPath), decodePath(request.linkPath));
        break;
      case "hardlink":
        files.hardlink(decodePath(request.oldPath), decodePath(request.newPath));
        break;
      case "statvfs":
        server.statvfs(token, STATVFS);
        return;
      case "copy-data":
        writeAt(request.writeHandle.node, request.writeOffset, request.readHandle.node.data.slice(request.readOffset));
        break;
      case "close":
      case "fsync":
        break;
      default:
        throw new Refusal(SSH_FX.OP_UNSUPPORTED);
    }
    server.status(token, SSH_FX.OK);
  }

  #finish(end: ChannelEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.server.close();
    for (let event = this.server.nextEvent(); event !== undefined; event = this.server.nextEvent());
    this.#handler?.closed(end);
    this.#onEnd(end);
  }
}

/** Returns the beginning of a line of OpenSSH's listing. Only the number of links is exact. */
function longnameOf(name: string, { links }: MemoryNode): Uint8Array<ArrayBuffer> {
  return encodePath(`-rw-r--r--    ${links} alice    users           1 Jan  1  1970 ${name}`);
}

/** Facts about a file system of 1 GiB, half of it free. */
const STATVFS = {
  bsize: 4096n,
  frsize: 4096n,
  blocks: 262_144n,
  bfree: 131_072n,
  bavail: 131_072n,
  files: 1000n,
  ffree: 500n,
  favail: 500n,
  fsid: 1n,
  flag: 0n,
  namemax: 255n,
};
