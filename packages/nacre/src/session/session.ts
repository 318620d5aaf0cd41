import { type Bytes, SshError } from "@nacre/wire";
import type { Channel } from "../mux/channel.ts";
import { Input, Output } from "../streams/web-streams.ts";
import { BaseSession, type SessionStart } from "./session-base.ts";

/** A session that a client has asked for, to be served with Web streams. */
export class Session extends BaseSession {
  /** What the client sends. Unread, it stops the client at the channel's window. It fails when the client goes without an end. */
  readonly stdin: ReadableStream<Bytes>;
  /** What the client gets; text goes as UTF-8. A write is done when it is on its way, which waits for a client that does not read. */
  readonly stdout: WritableStream<Uint8Array | string>;
  /** The same, as errors. Closing both outputs tells the client their end before the handler is done. */
  readonly stderr: WritableStream<Uint8Array | string>;
  readonly #outputs: readonly Input[];

  constructor(channel: Channel, start: SessionStart) {
    super(start);
    const stdin = new Output((bytes) => channel.consumed(bytes), Number.POSITIVE_INFINITY);
    let unended = 2;
    const output = (stream?: "stderr"): Input =>
      new Input({
        write: (bytes) => channel.write(bytes, stream),
        end: () => {
          if (--unended === 0) channel.end();
        },
        abort() {},
      });
    const stdout = output();
    const stderr = output("stderr");
    this.stdin = stdin.stream;
    this.stdout = stdout.stream;
    this.stderr = stderr.stream;
    this.#outputs = [stdout, stderr];
    channel.handler = {
      // RFC 4254 §5.2 has no error output towards a server.
      data: (stream, bytes) => (stream === "stdout" ? stdin.push(bytes) : channel.consumed(bytes.length)),
      writable: () => {
        stdout.writable();
        stderr.writable();
      },
      eof: () => stdin.end(),
      request: (request) => start.onRequest(request),
      closed: ({ error }) => {
        const reason = error ?? new SshError("channel-closed", "the session is over: its channel is closed");
        stdin.end(reason);
        stdout.closed(reason);
        stderr.closed(reason);
      },
    };
  }

  override async flush(): Promise<void> {
    await Promise.all(this.#outputs.map((output) => output.drained()));
  }
}
