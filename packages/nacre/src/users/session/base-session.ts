import type { Factor } from "@nacre/auth";
import { SshError } from "@nacre/wire";
import type { Channel, ChannelEnd, ChannelHandler, ChannelRequest } from "../../mux/channel.ts";
import { EventBuffer } from "../../mux/event-buffer.ts";
import type { StreamKind, StreamTypes, WriteEnd } from "../../streams/stream-kind.ts";
import { STDERR, STDOUT } from "./names.ts";

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
  readonly clientVersion: string | undefined;
  readonly kind: "exec" | "shell" | "subsystem";
  readonly command: string | undefined;
  readonly forced: boolean;
  readonly subsystem: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly pty: Pty | undefined;
  readonly signal: AbortSignal;
  /** Handles a later request of the client. The channel's handler must pass on each one. */
  onRequest(this: void, request: ChannelRequest): void;
}

/** Makes a session for a channel, such as a `Session` with Web streams. */
export type SessionMaker<S = BaseSession> = (channel: Channel, start: SessionStart) => S;

/**
 * Handles a request on a session that is not one of RFC 4254 §6. `session` is the number of the session. A function grants the request, and
 * is called with the session when its command starts.
 */
export type SessionRequestHandler = (data: Uint8Array, session: number) => boolean | ((session: BaseSession) => void);

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

/** Handles the bytes of a session without streams; see `BaseSession.takeChannel`. */
export type SessionBytes = Omit<ChannelHandler, "request">;

/** A session requested by a client, with streams of kind `K`. */
export abstract class BaseSession<K extends StreamTypes = StreamTypes> {
  /** Output to the client. Await pending pipes before the handler returns. */
  readonly stdout: K["writable"];
  /** Error output to the client. Once both outputs are ended, EOF is sent, even before the handler returns. */
  readonly stderr: K["writable"];
  readonly user: string;
  /** Factors that the client logged in with. The signatures of keys and certificates are verified. */
  readonly factors: readonly Factor[];
  readonly remoteAddress: string | undefined;
  /** The client's identification string, such as `"SSH-2.0-OpenSSH_10.0"`. Escape it before display. */
  readonly clientVersion: string | undefined;
  readonly kind: "exec" | "shell" | "subsystem";
  /** The command to run, for kind "exec"; the forced command if the login has one. */
  readonly command: string | undefined;
  /** Whether `command` is the forced command of the login (`permissions.command`), not the client's. */
  readonly forced: boolean;
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

  /** Makes the streams of this session, and others of the same kind. */
  readonly streams: StreamKind<K>;
  readonly #channel: Channel;
  /** Receives the input: an `EventBuffer` until the streams or the channel are used. */
  #input: SessionBytes;
  #stdin: K["readable"] | undefined;
  readonly #outputs: readonly WriteEnd<K["writable"]>[];
  #flushing = false;

  constructor(channel: Channel, start: SessionStart, streams: StreamKind<K>) {
    this.user = start.user;
    this.factors = start.factors;
    this.remoteAddress = start.remoteAddress;
    this.clientVersion = start.clientVersion;
    this.kind = start.kind;
    this.command = start.command;
    this.forced = start.forced;
    this.subsystem = start.subsystem;
    this.env = start.env;
    this.pty = start.pty;
    this.signal = start.signal;
    this.#channel = channel;
    this.streams = streams;
    this.#input = new EventBuffer(channel);
    let unended = 2;
    const output = (stream: number): WriteEnd<K["writable"]> =>
      streams.writable({
        write: (bytes) => channel.write(bytes, stream),
        end: () => {
          if (--unended === 0 && !this.#flushing) channel.end();
        },
        abort() {},
      });
    const stdout = output(STDOUT);
    const stderr = output(STDERR);
    this.stdout = stdout.stream;
    this.stderr = stderr.stream;
    this.#outputs = [stdout, stderr];
    channel.handler = {
      // RFC 4254 §5.2 defines no extended data from client to server.
      data: (stream, bytes) => (stream === STDOUT ? this.#input.data(stream, bytes) : channel.consumed(bytes.length)),
      writable: () => {
        this.#input.writable();
        stdout.room();
        stderr.room();
      },
      eof: () => this.#input.eof(),
      request: (request) => start.onRequest(request),
      closed: (end) => {
        this.#input.closed(end);
        const reason = endReason(end);
        stdout.fail(reason);
        stderr.fail(reason);
      },
    };
  }

  /**
   * The client's input. If it is not read, the client stalls once the channel's window is full. It fails if the channel closes without an
   * EOF. Throws `usage` after `takeChannel`.
   */
  get stdin(): K["readable"] {
    if (this.#stdin !== undefined) return this.#stdin;
    const stdin = this.streams.readable(this.#channel);
    this.#setInput({
      data: (_, bytes) => stdin.receive(bytes),
      writable() {},
      eof: () => stdin.finish(),
      closed: (end) => stdin.finish(endReason(end)),
    });
    this.#stdin = stdin.stream;
    return this.#stdin;
  }

  /**
   * Passes the client's input to `handler` instead of `stdin`, beginning with the bytes that have arrived, and returns the channel to write
   * to. For subsystems that need no streams. The handler must report the bytes with `Channel.consumed`. Throws `usage` if `stdin` or the
   * channel is in use.
   */
  takeChannel(handler: SessionBytes): Channel {
    this.#setInput(handler);
    return this.#channel;
  }

  /**
   * Resolves when all output is taken or can no longer be. Called by the session's channel when the handler returns, so that EOF follows
   * the exit status. Never rejects.
   */
  async flush(): Promise<void> {
    this.#flushing = true;
    await Promise.all(this.#outputs.map((output) => output.finished()));
  }

  #setInput(handler: SessionBytes): void {
    const buffer = this.#input;
    if (!(buffer instanceof EventBuffer))
      throw new SshError("usage", "the session's input is in use; use either `stdin` or `takeChannel`, once");
    this.#input = handler;
    // The buffer has no requests: they go to `onRequest`.
    buffer.replayTo({
      data: (stream, bytes) => handler.data(stream, bytes),
      writable() {},
      eof: () => handler.eof(),
      request() {},
      closed: (end) => handler.closed(end),
    });
  }
}

function endReason({ error }: ChannelEnd): SshError {
  return error ?? new SshError("channel-closed", "the session has ended: its channel is closed");
}
