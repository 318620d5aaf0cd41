import { type FileSystem, type SftpServerSettings, sftpServer } from "@nacre/files/server";
import { SftpClient, type SftpClientRequest, type SftpReplyEvent } from "@nacre/sftp";
import { SshError } from "@nacre/wire";
import type { BaseSession, Channel, SessionBytes } from "nacre";

type Answered = (answer: SftpReplyEvent<Answered>) => void;

/** A client that sends any request to a server over a channel in memory, without SSH. */
export class RawClient {
  readonly machine: SftpClient<Answered> = new SftpClient<Answered>();
  /** Settles as the server's handler does. */
  readonly ended: Promise<unknown>;
  /** Bytes whose window credit the server returned. */
  consumed = 0;
  /** Bytes sent to the server. */
  sent = 0;
  /** Bytes that the channel still takes from the server. */
  room = Number.POSITIVE_INFINITY;
  #handler!: SessionBytes;
  #onReady!: () => void;
  #isClosed = false;

  /** Starts a server. Resolves when it has answered with its version. */
  static async start(fileSystem: FileSystem, settings: SftpServerSettings = {}): Promise<RawClient> {
    const client = new RawClient(fileSystem, settings);
    await new Promise<void>((resolve) => {
      client.#onReady = resolve;
      client.flush();
    });
    return client;
  }

  private constructor(fileSystem: FileSystem, settings: SftpServerSettings) {
    const isClosed = (): boolean => this.#isClosed;
    const channel: Pick<Channel, "write" | "consumed" | "closed"> = {
      write: (bytes) => this.#received(bytes),
      consumed: (bytes) => {
        this.consumed += bytes;
      },
      get closed() {
        return isClosed();
      },
    };
    const session: Pick<BaseSession, "user" | "takeChannel"> = {
      user: "alice",
      takeChannel: (handler) => {
        this.#handler = handler;
        return channel as Channel;
      },
    };
    this.ended = Promise.resolve(sftpServer(fileSystem, settings)(session as BaseSession));
  }

  /** Sends a request. Resolves with its answer. */
  request(request: SftpClientRequest): Promise<SftpReplyEvent<Answered>> {
    return new Promise((resolve) => {
      this.machine.request(request, resolve);
      this.flush();
    });
  }

  /** Opens a path. Resolves with the handle. */
  async open(path: string, flags: number): Promise<Uint8Array> {
    const answer = await this.request({ type: "open", path: new TextEncoder().encode(path), flags, attributes: {} });
    if (answer.type !== "handle") throw new Error(`the open was answered with "${answer.type}"`);
    return answer.handle;
  }

  /** Sends bytes as they are. */
  send(bytes: Uint8Array): void {
    this.give(bytes.slice());
  }

  /** Sends bytes as they are, and gives their buffer away. */
  give(bytes: Uint8Array<ArrayBuffer>): void {
    this.sent += bytes.length;
    this.#handler.data(0, bytes);
  }

  /** Lets the channel take more bytes from the server. */
  makeRoom(bytes: number): void {
    this.room += bytes;
    this.#handler.writable();
  }

  eof(): void {
    this.#handler.eof();
  }

  close(): void {
    this.#isClosed = true;
    this.#handler.closed({ error: undefined, broken: false });
  }

  /** Sends the bytes of the machine. */
  flush(): void {
    const bytes = this.machine.unsent.slice();
    this.machine.sent(bytes.length);
    if (bytes.length > 0) this.send(bytes);
  }

  #received(bytes: Uint8Array): number {
    if (this.#isClosed) throw new SshError("channel-closed", "the channel is closed");
    const taken = bytes.slice(0, Math.min(bytes.length, this.room));
    this.room -= taken.length;
    queueMicrotask(() => {
      this.machine.receive(taken);
      for (let event = this.machine.nextEvent(); event !== undefined; event = this.machine.nextEvent())
        if (event.type === "ready") this.#onReady();
        else if ("waiter" in event) event.waiter(event);
      this.flush();
    });
    return taken.length;
  }
}
