import { type Bytes, readUint32, Writer } from "@nacre/wire";
import {
  decodeRequest,
  encodeReply,
  SFTP_EXTENSIONS,
  SftpClient,
  type SftpClientEvent,
  type SftpClientOptions,
  type SftpExtension,
  type SftpReply,
  type SftpRequest,
  SSH_FXP,
} from "../src/index.ts";

/** A request as the server received it. */
export interface Received {
  readonly id: number;
  readonly request: SftpRequest;
}

/** Puts the length field before a packet. */
export function framed(packet: Uint8Array): Bytes {
  return new Writer().string(packet).finish();
}

/** SSH_FXP_VERSION with its length field. */
export function versionPacket(version: number, extensions: readonly SftpExtension[] = []): Bytes {
  const writer = new Writer().byte(SSH_FXP.VERSION).uint32(version);
  for (const { name, data } of extensions) writer.string(name).string(data);
  return framed(writer.finish());
}

/** A client under test whose server is the test itself: any replies, in any order. */
export class ScriptedServer {
  readonly client: SftpClient<string>;
  /** Requests that the test has not answered, oldest first. */
  readonly requests: Received[] = [];

  constructor(options?: SftpClientOptions) {
    this.client = new SftpClient(options);
  }

  /** Sends VERSION with all extensions except limits@openssh.com, or with those given, and takes "ready". */
  ready(
    extensions: readonly SftpExtension[] = Object.values(SFTP_EXTENSIONS).filter(
      (one) => one !== SFTP_EXTENSIONS.limits,
    ),
  ): this {
    const { unsent } = this.client;
    this.client.sent(unsent.length);
    const [event] = this.send(versionPacket(3, extensions));
    if (event?.type !== "ready") throw new Error(`expected "ready", got ${event?.type}`);
    return this;
  }

  /** Sends bytes to the client and returns its events. */
  send(...chunks: readonly Uint8Array[]): SftpClientEvent<string>[] {
    for (const chunk of chunks) this.client.receive(chunk);
    return this.events();
  }

  /** Takes the client's requests and events. */
  events(): SftpClientEvent<string>[] {
    const events: SftpClientEvent<string>[] = [];
    for (let event = this.client.nextEvent(); event !== undefined; event = this.client.nextEvent()) events.push(event);
    this.take();
    return events;
  }

  /** Takes the client's unsent requests. */
  take(): Received[] {
    const bytes = this.client.unsent.slice();
    this.client.sent(bytes.length);
    for (let at = 0; at < bytes.length; ) {
      const length = readUint32(bytes, at);
      const packet = bytes.subarray(at + 4, at + 4 + length);
      this.requests.push({ id: readUint32(packet, 1), request: decodeRequest(packet)! });
      at += 4 + length;
    }
    return this.requests;
  }

  /** Answers a request by its id, and returns the client's events. */
  reply(id: number, reply: SftpReply): SftpClientEvent<string>[] {
    return this.send(framed(encodeReply(id, reply)));
  }

  /** Answers a request with a status. */
  status(id: number, status: number, message = ""): SftpClientEvent<string>[] {
    return this.reply(id, { type: "status", status, message, languageTag: "" });
  }
}
