import { MemoryFiles, type OpenNode } from "@nacre/testing/sftp/memory-files";
import { RECORDED_FILES } from "@nacre/testing/sftp/recorded-session";
import type { Bytes } from "@nacre/wire";
import {
  SFTP_EXTENSIONS,
  SftpClient,
  type SftpClientEvent,
  type SftpClientOptions,
  type SftpClientRequest,
  SftpServer,
  type SftpServerOptions,
} from "../src/index.ts";

/** An SFTP client and a server over files in memory, joined without a channel. */
export class SftpPair {
  readonly client: SftpClient<string>;
  readonly server: SftpServer<OpenNode>;
  readonly files = new MemoryFiles(RECORDED_FILES);
  /** Events of the client, oldest first. */
  readonly events: SftpClientEvent<string>[] = [];
  /** Cuts the bytes of either side into chunks; by default one chunk. */
  split: (bytes: Bytes) => readonly Uint8Array[] = (bytes) => [bytes];
  /** Whether the server's application answers at once. */
  answers = true;

  constructor(options: { readonly client?: SftpClientOptions; readonly server?: SftpServerOptions } = {}) {
    this.client = new SftpClient(options.client);
    this.server = new SftpServer({ extensions: Object.values(SFTP_EXTENSIONS), ...options.server });
  }

  /** Passes bytes in both directions until neither side has more. */
  run(): this {
    for (let moved = true; moved; ) {
      moved = false;
      for (const [from, to] of [[this.client, this.server] as const, [this.server, this.client] as const]) {
        const bytes = from.unsent.slice();
        from.sent(bytes.length);
        if (bytes.length > 0) moved = true;
        for (const chunk of this.split(bytes)) {
          to.receive(chunk);
          this.settle();
        }
      }
      this.settle();
    }
    return this;
  }

  /** Takes the events of both sides. */
  settle(): void {
    for (let event = this.client.nextEvent(); event !== undefined; event = this.client.nextEvent())
      this.events.push(event);
    if (!this.answers) return;
    for (let event = this.server.nextEvent(); event !== undefined; event = this.server.nextEvent())
      this.files.handle(this.server, event);
  }

  /** Removes and returns the client's events. */
  take(): SftpClientEvent<string>[] {
    return this.events.splice(0);
  }

  /** Runs, and returns the one event that the client has then. Throws if there are more or fewer. */
  one(): SftpClientEvent<string> {
    const events = this.run().take();
    if (events.length !== 1) throw new Error(`expected one event, got ${events.map(({ type }) => type).join(", ")}`);
    return events[0]!;
  }

  /** Sends a request, runs, and returns its answer. Throws if it has no answer. */
  ask(request: SftpClientRequest): SftpClientEvent<string> {
    this.client.request(request, "ask");
    return this.one();
  }
}
