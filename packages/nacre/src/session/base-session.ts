import type { Factor } from "@nacre/auth";
import { SshError } from "@nacre/wire";
import type { Channel, ChannelRequest } from "../mux/channel.ts";
import type { StreamKind, StreamTypes, WriteEnd } from "../streams/stream-kind.ts";

/** A pseudo-terminal requested by a client (RFC 4254 §6.2). Sizes are in characters and pixels; 0 if unknown. */
export interface Pty {
  /** Value of TERM. */
  readonly term: string;
  readonly columns: number;
  readonly rows: number;
  readonly widthPixels: number;
  readonly heightPixels: number;
  /** Terminal modes by name (RFC 4254 §8), such as `{ ECHO: 0 }`. */
  readonly modes: Readonly<Record<string, number>>;
}

/** The granted request of a session, from which a session with streams is made. */
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
  /** Handles a later request of the client. The channel's handler must pass on each one. */
  onRequest(this: void, request: ChannelRequest): void;
}

/** Makes a session for a channel, such as a `Session` with Web streams. */
export type SessionMaker<S> = (channel: Channel, start: SessionStart) => S;

/** How a session ended: with a status from 0 to 2^32 − 1, or killed by a signal such as `"TERM"`. */
export type SessionExit =
  | { readonly status: number }
  | { readonly signal: string; readonly coreDumped?: boolean | undefined; readonly message?: string | undefined };

/**
 * Runs a session and returns how it ended: an exit status, `{ status }`, `{ signal }`, or nothing for status 0. All written data is sent
 * before the exit report. An exception is logged and reported to the client as status 255.
 */
export type SessionHandler<S> = (session: S) => SessionResult | Promise<SessionResult>;

/** Result of a session handler: an exit status, a `SessionExit`, or nothing for status 0. */
export type SessionResult = number | SessionExit | void;

/** A session requested by a client, with streams of kind `K`. */
export abstract class BaseSession<K extends StreamTypes = StreamTypes> {
  /**
   * The client's input. If it is not read, the client stalls once the channel's window is full. It fails if the channel closes without an
   * EOF.
   */
  readonly stdin: K["readable"];
  /** Output to the client. Await pending pipes before the handler returns. */
  readonly stdout: K["writable"];
  /** Error output to the client. Once both outputs are ended, EOF is sent, even before the handler returns. */
  readonly stderr: K["writable"];
  readonly user: string;
  /** Factors that the client logged in with. The key of a "publickey" factor has a verified signature. */
  readonly factors: readonly Factor[];
  readonly remoteAddress: string | undefined;
  readonly kind: "exec" | "shell" | "subsystem";
  /** The command to run, for kind "exec"; the forced command if the login has one. */
  readonly command: string | undefined;
  /** Name of the subsystem, for kind "subsystem". */
  readonly subsystem: string | undefined;
  /** Accepted environment variables of the client, and those of the login's permissions. */
  readonly env: Readonly<Record<string, string>>;
  /** The granted pseudo-terminal with its current size; `undefined` without one. */
  pty: Pty | undefined;
  /** Aborts when the session ends before the handler, because the client closed it or the connection ended. */
  readonly signal: AbortSignal;
  /** Called when the terminal size changes, after `pty` is updated. */
  onResize: ((pty: Pty) => void) | undefined;
  /**
   * Called when the client sends a signal, with its name without "SIG": `"INT"`. The name may be any text: look it up, do not pass it on.
   */
  onSignal: ((name: string) => void) | undefined;
  /** Called when the client sends a break, with its length in milliseconds (RFC 4335). Without this handler, breaks are refused. */
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
      // RFC 4254 §5.2 defines no extended data from client to server.
      data: (stream, bytes) => (stream === "stdout" ? stdin.receive(bytes) : channel.consumed(bytes.length)),
      writable: () => {
        stdout.room();
        stderr.room();
      },
      eof: () => stdin.finish(),
      request: (request) => start.onRequest(request),
      closed: ({ error }) => {
        const reason = error ?? new SshError("channel-closed", "the session has ended: its channel is closed");
        stdin.finish(reason);
        stdout.fail(reason);
        stderr.fail(reason);
      },
    };
  }

  /**
   * Resolves when all output is taken or can no longer be. Called by the session's channel when the handler returns, so that EOF follows
   * the exit status. Never rejects.
   */
  async flush(): Promise<void> {
    this.#flushing = true;
    await Promise.all(this.#outputs.map((output) => output.finished()));
  }
}
