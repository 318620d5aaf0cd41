import type { DigestExecOptions, DigestExecResult } from "@nacre/files";
import {
  SFTP_EXTENSIONS,
  SftpServer,
  type SftpServerEvent,
  type SftpServerOptions,
  type SftpServerRequest,
  SSH_FXP,
} from "@nacre/sftp";
import { SshError } from "@nacre/wire";
import type { Channel, ChannelEnd, ChannelHandler } from "nacre";
import { MemoryFiles, type OpenNode } from "../sftp/memory-files.ts";
import { type ChooseHandle, countPackets, HandleAliases } from "./handle-aliases.ts";

type Request = Extract<SftpServerEvent<OpenNode>, { readonly type: "request" }>;

/** How the server differs from a well-behaved one. */
export interface MemorySftpOptions {
  /** Extensions to announce; default all of those that the client uses. */
  readonly extensions?: readonly (keyof typeof SFTP_EXTENSIONS)[];
  /** Limits of the server machine. */
  readonly limits?: SftpServerOptions["limits"];
  /** Answers a request itself, now or later, or returns false for the usual answer. */
  readonly answer?: (event: Request, server: SftpServer<OpenNode>) => boolean;
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
  /** Number of handles given. */
  opens = 0;
  /** Number of SSH_FXP_CLOSE received, not counted with `window`. */
  closes = 0;
  /** Runs a command, if the options have a function for that. */
  readonly exec?: (command: string, options: DigestExecOptions) => Promise<DigestExecResult>;
  /** Types of the requests received, oldest first. */
  readonly requests: SftpServerRequest<OpenNode>["type"][] = [];
  /** Number of times that the client has written to the channel. */
  writes = 0;
  /** Maximum number of requests that were pending at the same time. */
  mostRequests = 0;
  /** Names of the requests on the channel. */
  readonly calls: string[] = [];
  /** Number of channels opened. */
  opened = 0;
  /** Bytes received by the client whose window credit it has not returned. */
  unconsumed = 0;
  readonly server: SftpServer<OpenNode>;
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
    this.#aliases = handles && new HandleAliases(handles);
    if (exec !== undefined) this.exec = async (command, { input }) => exec(command, input, files);
    this.server = new SftpServer<OpenNode>({
      extensions: extensions.map((name) => SFTP_EXTENSIONS[name]),
      ...(limits !== undefined && { limits }),
    });
  }

  /** Opens the channel to this server, once. */
  async openChannel(): Promise<Channel> {
    this.opened++;
    const channel: Partial<Channel> = {
      peerVersion: this.#options.serverVersion ?? "SSH-2.0-Nacre_0.1.0",
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
    const { files, server } = this;
    const wasFull = this.#input.length > 0;
    for (const bytes of this.#input.splice(0)) server.receive(bytes);
    const events: Request[] = [];
    for (let event = server.nextEvent(); event !== undefined; event = server.nextEvent())
      if (event.type === "request") events.push(event);
    this.mostRequests = Math.max(this.mostRequests, server.requestCount);
    for (const event of events) {
      this.requests.push(event.request.type);
      if (this.#options.answer?.(event, server) !== true) files.answer(server, event);
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

  #finish(end: ChannelEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.server.close();
    for (let event = this.server.nextEvent(); event !== undefined; event = this.server.nextEvent());
    this.#handler?.closed(end);
    this.#onEnd(end);
  }
}
