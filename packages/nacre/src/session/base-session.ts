import type { Factor } from "@nacre/auth";
import { SshError } from "@nacre/wire";
import type { Channel, ChannelRequest } from "../mux/channel.ts";
import type { StreamKind, StreamTypes, WriteEnd } from "../streams/stream-kind.ts";

/** A pseudo-terminal that a client wants (RFC 4254 §6.2). Sizes in characters and pixels; 0 where unknown. */
export interface Pty {
  /** TERM */
  readonly term: string;
  readonly columns: number;
  readonly rows: number;
  readonly widthPixels: number;
  readonly heightPixels: number;
  /** Terminal modes by their names in RFC 4254 §8: `{ ECHO: 0 }`. */
  readonly modes: Readonly<Record<string, number>>;
}

/** What a session is about: what the client asked for and was granted, with the streams still to be made. */
export interface SessionStart {
  readonly user: string;
  readonly factors: readonly Factor[];
  readonly remoteAddress: string | undefined;
  readonly kind: "exec" | "shell" | "subsystem";
  readonly command: string | undefined;
  readonly subsystem: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly pty: Pty | undefined;
  readonly signal: AbortSignal;
  /** Handles a request of the client on the session's channel: the channel's handler passes each on. */
  onRequest(this: void, request: ChannelRequest): void;
}

/** How a server makes a session of a channel: `Session` with Web streams, or another kind with Node's. */
export type SessionMaker<S> = (channel: Channel, start: SessionStart) => S;

/** How a session ended: by a status, 0 to 2^32 − 1, or killed by a signal: `"TERM"`. */
export type SessionExit =
  | { readonly status: number }
  | { readonly signal: string; readonly coreDumped?: boolean | undefined; readonly message?: string | undefined };

/**
 * Serves a session: an exit status, `{ status }`, `{ signal }`, or nothing for 0. All written data is sent before the end is
 * reported. An exception is logged, and the client gets status 255.
 */
export type SessionHandler<S> = (session: S) => SessionResult | Promise<SessionResult>;

/** Result of a session: an exit status, an exit, or nothing for status 0. */
export type SessionResult = number | SessionExit | void;

/** A session that a client has requested, with streams of the kind `K`. */
export abstract class BaseSession<K extends StreamTypes = StreamTypes> {
  /** The client's input. Unread, it stops the client at the channel's window. It fails if the client goes without an EOF. */
  readonly stdin: K["readable"];
  /** Output to the client. Await what is piped here before the handler returns. */
  readonly stdout: K["writable"];
  /** Error output to the client. Ending both outputs sends EOF before the handler is done. */
  readonly stderr: K["writable"];
  readonly user: string;
  /** What the client proved to log in. The key of a "publickey" factor is the one whose signature was verified. */
  readonly factors: readonly Factor[];
  readonly remoteAddress: string | undefined;
  readonly kind: "exec" | "shell" | "subsystem";
  /** What to run, of kind "exec"; the login's forced command, where there is one. */
  readonly command: string | undefined;
  /** The name of the subsystem, of kind "subsystem". */
  readonly subsystem: string | undefined;
  /** What was accepted of the environment that the client sent, and what the login's permissions add. */
  readonly env: Readonly<Record<string, string>>;
  /** The pseudo-terminal, where the client wants one and may have it, with its present size. */
  pty: Pty | undefined;
  /** Aborted when the session ends before its handler: the client closed it, or the connection broke. */
  readonly signal: AbortSignal;
  /** The terminal has a new size, which `pty` has as well. */
  onResize: ((pty: Pty) => void) | undefined;
  /** The client sends a signal, named without "SIG": `"INT"`. Any text: look it up, do not pass it on. */
  onSignal: ((name: string) => void) | undefined;
  /** The client sends a break of that many milliseconds (RFC 4335). Without this handler the request is refused. */
  onBreak: ((length: number) => void) | undefined;

  readonly #outputs: readonly WriteEnd<K["writable"]>[];
  #flushing = false;

  constructor(channel: Channel, start: SessionStart, streams: StreamKind<K>) {
    this.user = start.user;
    this.factors = start.factors;
    this.remoteAddress = start.remoteAddress;
    this.kind = start.kind;
    this.command = start.command;
    this.subsystem = start.subsystem;
    this.env = start.env;
    this.pty = start.pty;
    this.signal = start.signal;
    const stdin = streams.readable(channel);
    let unended = 2;
    const output = (stream?: "stderr"): WriteEnd<K["writable"]> =>
      streams.writable({
        write: (bytes) => channel.write(bytes, stream),
        end: () => {
          if (--unended === 0 && !this.#flushing) channel.end();
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
      // RFC 4254 §5.2 defines no extended data towards a server.
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
        stdout.fail(reason);
        stderr.fail(reason);
      },
    };
  }

  /**
   * For the session's channel, when the handler is done: resolves when all output was taken, or never will be. EOF is then sent behind the
   * exit status. Never rejects.
   */
  async flush(): Promise<void> {
    this.#flushing = true;
    await Promise.all(this.#outputs.map((output) => output.finished()));
  }
}
