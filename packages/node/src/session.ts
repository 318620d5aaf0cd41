import type { Readable, Writable } from "node:stream";
import { SshError } from "@nacre/wire";
import { type SessionHandler as AnySessionHandler, BaseSession, type Channel, type SessionStart } from "nacre/parts";
import { ChannelReadable, ChannelWritable } from "./channel-streams.ts";

/** The two ends of a TCP connection. */
export interface Endpoints {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
}

/** Serves a session of `listen`: see `SessionHandler` of `nacre`. */
export type SessionHandler<S = NodeSession> = AnySessionHandler<S>;

/** A session that a client has asked for, to be served with Node streams. None of them ends the program by an error that nobody hears. */
export class NodeSession extends BaseSession {
  /** What the client sends. Unread, it stops the client at the channel's window. It fails when the client goes without an end. */
  readonly stdin: Readable;
  /** What the client gets. Await what is piped here before the handler returns: by then it is ended. */
  readonly stdout: Writable;
  /** The same, as errors. Ending both outputs tells the client their end before the handler is done. */
  readonly stderr: Writable;
  /** Between which addresses it goes: what `SSH_CONNECTION` tells a command. */
  readonly endpoints: Endpoints;
  readonly #outputs: readonly ChannelWritable[];
  #flushing = false;

  constructor(channel: Channel, start: SessionStart, endpoints: Endpoints) {
    super(start);
    this.endpoints = endpoints;
    const stdin = new ChannelReadable(channel, Number.POSITIVE_INFINITY);
    let unended = 2;
    const output = (stream?: "stderr"): ChannelWritable =>
      new ChannelWritable({
        write: (bytes) => channel.write(bytes, stream),
        end: () => {
          if (--unended === 0 && !this.#flushing) channel.end();
        },
        abort() {},
      });
    const stdout = output();
    const stderr = output("stderr");
    this.stdin = stdin;
    this.stdout = stdout;
    this.stderr = stderr;
    this.#outputs = [stdout, stderr];
    channel.handler = {
      // RFC 4254 §5.2 has no error output towards a server.
      data: (stream, bytes) => (stream === "stdout" ? stdin.receive(bytes) : channel.consumed(bytes.length)),
      writable: () => {
        stdout.room();
        stderr.room();
      },
      eof: () => stdin.finish(),
      request: (request) => start.onRequest(request),
      closed: ({ error }) => {
        const reason = error ?? new SshError("channel-closed", "the session is over: its channel is closed");
        stdin.finish(reason);
        stdout.destroy(reason);
        stderr.destroy(reason);
      },
    };
  }

  override async flush(): Promise<void> {
    this.#flushing = true;
    await Promise.all(this.#outputs.map(ended));
  }
}

/** Ends a stream, and waits until all was taken, or never will be. */
async function ended(stream: Writable): Promise<void> {
  if (stream.destroyed) return;
  if (!stream.writableEnded) stream.end();
  if (stream.writableFinished) return;
  await new Promise<void>((resolve) => {
    stream.once("finish", resolve);
    stream.once("close", resolve);
  });
}
