import { SIGNAL_NAMES } from "@nacre/connection";
import { exitSignal, exitStatus, SshError, utf8Decode } from "@nacre/wire";
import type { Channel, ChannelRequest } from "../mux/channel.ts";
import { EventBuffer } from "../mux/event-buffer.ts";
import { ownValue } from "../mux/own-value.ts";
import type { ServerConnection } from "../server/connection.ts";
import type { ServeOptions, ServerEvent, ServerLimits } from "../server/options.ts";
import type { GrantedPermissions } from "../server/permissions.ts";
import type {
  BaseSession,
  Pty,
  SessionExit,
  SessionHandler,
  SessionMaker,
  SessionResult,
  SessionStart,
} from "./base-session.ts";

/** What a session channel has of its connection. */
export interface SessionContext<S> {
  readonly options: ServeOptions<S>;
  readonly limits: ServerLimits;
  readonly login: Pick<SessionStart, "user" | "factors" | "remoteAddress">;
  readonly permissions: GrantedPermissions;
  readonly makeSession: SessionMaker<S>;
  readonly connection: ServerConnection;
  /** Whether commands may still be started. */
  isOpen(this: void): boolean;
  log(this: void, event: ServerEvent): void;
}

/** Status of a session whose handler failed. */
const FAILED = 255;
/** Longest error message of an "exit-signal" report, in characters. */
const LONGEST_TEXT = 1024;

/** A session channel, from its opening to its end (RFC 4254 §6): prepares, and then runs one handler. */
export class SessionChannel<S extends BaseSession> {
  readonly #context: SessionContext<S>;
  readonly #channel: Channel;
  readonly #env: [name: string, value: string][] = [];
  #envLength = 0;
  #pty: Pty | undefined;
  #session: S | undefined;
  /** The handler has come to its end. */
  #done = false;
  #run: Promise<void> | undefined;

  constructor(context: SessionContext<S>, channel: Channel) {
    this.#context = context;
    this.#channel = channel;
    channel.handler = new EventBuffer(channel, (request) => this.#onRequest(request));
  }

  /** Whether it has been asked to run something, and was granted that. */
  get started(): boolean {
    return this.#session !== undefined;
  }

  /** Settles when the handler that runs has come to its end; `undefined` where none runs. */
  get handling(): Promise<void> | undefined {
    return this.#done ? undefined : this.#run;
  }

  #onRequest(request: ChannelRequest): void {
    const { granted, start } = this.#decide(request);
    this.#channel.reply(request, granted);
    start?.();
  }

  /** Decides a request of the client. `start`: call it after the reply. */
  #decide(event: ChannelRequest): { readonly granted: boolean; readonly start?: () => void } {
    switch (event.type) {
      case "env":
        return { granted: this.#onEnv(event.name, event.value) };
      case "pty-req":
        return { granted: this.#onPty(event) };
      case "window-change":
        return { granted: this.#onResize(event) };
      case "signal":
        return { granted: this.#tell("signal", this.#session?.onSignal, event.signalName) };
      case "break":
        return { granted: this.#tell("break", this.#session?.onBreak, event.breakLength) };
      case "x11-req":
        return this.#refuse("x11-req");
      case "exec": {
        const command = utf8Decode(event.command);
        if (command === undefined || command.includes("\0")) return this.#refuse("exec (not UTF-8 text)");
        return this.#onStart("exec", command);
      }
      case "shell":
        return this.#onStart("shell", undefined);
      case "subsystem":
        // With a forced command it is a string of the environment.
        if (event.name.includes("\0")) return this.#refuse("subsystem (with a NUL)");
        return this.#onStart("subsystem", event.name);
      case "channel-request":
        return this.#onOther(event);
      default:
        // Only a server sends the others.
        return { granted: false };
    }
  }

  #onEnv(name: string, value: string): boolean {
    const { options, limits } = this.#context;
    const length = this.#envLength + name.length + value.length;
    const fits = this.#env.length < limits.envVariables && length <= limits.envLength;
    const { acceptEnv } = options;
    const granted =
      this.#session === undefined &&
      fits &&
      // A NUL would end the string early in a C program, and a name must not contain the sign that ends it.
      /^[^=\0]+$/.test(name) &&
      !value.includes("\0") &&
      acceptEnv !== undefined &&
      this.#approved(`env ${name}`, () => acceptEnv(name, value));
    if (!granted) return this.#refuse(`env ${name}`).granted;
    this.#envLength = length;
    this.#env.push([name, value]);
    return true;
  }

  #onPty(event: Extract<ChannelRequest, { type: "pty-req" }>): boolean {
    const { options, permissions } = this.#context;
    const { term, columns, rows, widthPixels, heightPixels, modes } = event;
    const pty: Pty = { term, columns, rows, widthPixels, heightPixels, modes };
    const { acceptPty = false } = options;
    const granted =
      this.#session === undefined &&
      this.#pty === undefined &&
      /* rule: pty-permission */ permissions.pty &&
      !term.includes("\0") &&
      this.#approved("pty-req", () => (typeof acceptPty === "function" ? acceptPty(pty) : acceptPty));
    if (!granted) return this.#refuse("pty-req").granted;
    this.#pty = pty;
    return true;
  }

  #onResize(event: Extract<ChannelRequest, { type: "window-change" }>): boolean {
    if (this.#pty === undefined) return false;
    const { columns, rows, widthPixels, heightPixels } = event;
    this.#pty = { ...this.#pty, columns, rows, widthPixels, heightPixels };
    if (this.#session === undefined) return true;
    this.#session.pty = this.#pty;
    this.#tell("window-change", this.#session.onResize, this.#pty);
    return true;
  }

  #onOther({ requestType, data, token }: Extract<ChannelRequest, { type: "channel-request" }>): { granted: boolean } {
    const { options, permissions, connection } = this.#context;
    const handler = permissions.sessionRequests.includes(requestType)
      ? ownValue(options.sessionRequests, requestType)
      : undefined;
    const request = { name: requestType, data, session: this.#channel.id };
    if (handler !== undefined && this.#approved(requestType, () => handler(request, connection)))
      return { granted: true };
    // RFC 4254 §5.4: an unknown request without want_reply only informs, so that ignoring it refuses nothing.
    return token === undefined ? { granted: false } : this.#refuse(requestType);
  }

  #onStart(
    kind: "exec" | "shell" | "subsystem",
    what: string | undefined,
  ): { readonly granted: boolean; readonly start?: () => void } {
    const { options, permissions, isOpen } = this.#context;
    const request = what === undefined ? kind : `${kind} ${what}`;
    // rule: forced-command
    const forced = permissions.command;
    const handler =
      kind === "subsystem" && forced === undefined ? ownValue(options.subsystems, what!) : options.session;
    if (this.#session !== undefined || handler === undefined || !isOpen()) return this.#refuse(request);
    const env = Object.fromEntries([
      ...this.#env,
      ...Object.entries(permissions.environment),
      ...(forced !== undefined && what !== undefined ? [["SSH_ORIGINAL_COMMAND", what] as const] : []),
    ]);
    const asked =
      forced !== undefined
        ? { kind: "exec" as const, command: forced, subsystem: undefined }
        : {
            kind,
            command: kind === "exec" ? what : undefined,
            subsystem: kind === "subsystem" ? what : undefined,
          };
    const abort = new AbortController();
    const session = this.#context.makeSession(this.#channel, {
      ...this.#context.login,
      ...asked,
      env,
      pty: this.#pty,
      signal: abort.signal,
      onRequest: (request) => this.#onRequest(request),
    });
    this.#session = session;
    void this.#channel.ended.then(({ error, broken }) => {
      if (this.#done) return;
      abort.abort(broken ? error : new SshError("channel-closed", "the client has closed the session"));
    });
    return {
      granted: true,
      start: () => {
        this.#run = this.#handle(session, handler);
      },
    };
  }

  async #handle(session: S, handler: SessionHandler<S>): Promise<void> {
    const { log } = this.#context;
    const { id } = this.#channel;
    const { user, kind, command, subsystem, pty } = session;
    log({ type: "session-started", session: id, user, kind, command, subsystem, pty: pty !== undefined });
    let exit: SessionExit;
    let failure: { readonly error: unknown } | undefined;
    try {
      exit = exitOf(await handler(session));
    } catch (error) {
      exit = { status: FAILED };
      failure = { error };
    }
    this.#done = true;
    await session.flush();
    const gone = this.#channel.closed || !this.#end(exit);
    log({ type: "session-ended", session: id, exit: gone ? undefined : exit, ...failure });
  }

  /** Sends the exit report, EOF and CLOSE. Returns false if the client has closed the channel. */
  #end(exit: SessionExit): boolean {
    try {
      if ("status" in exit) {
        this.#channel.notify("exit-status", exitStatus.encode({ exitStatus: exit.status }));
      } else {
        this.#channel.notify("exit-signal", encodeSignal(exit));
      }
      this.#channel.end();
      this.#channel.close();
      return true;
    } catch (error) {
      // The client's CLOSE has arrived, and its event is still to come.
      if (error instanceof SshError) return false;
      throw error;
    }
  }

  /** Calls a handler of the session's for something that happened; false when there is none. What it throws is logged. */
  #tell<T>(request: string, handler: ((value: T) => void) | undefined, value: T): boolean {
    if (handler === undefined) return false;
    return this.#approved(request, () => {
      handler(value);
      return true;
    });
  }

  /** Whether the application says yes: only `true` is one, and what it throws is a no. */
  #approved(request: string, ask: () => boolean): boolean {
    try {
      return (ask() as unknown) === true;
    } catch (error) {
      this.#context.log({ type: "request-refused", session: this.#channel.id, request, error });
      return false;
    }
  }

  #refuse(request: string): { readonly granted: false } {
    this.#context.log({ type: "request-refused", session: this.#channel.id, request });
    return { granted: false };
  }
}

/** Reads a handler's result as an exit. Throws `usage` if it is no exit. */
function exitOf(result: SessionResult): SessionExit {
  // Programs pass on what they have: null beside a signal, as Node's child processes tell their end.
  const { status, signal, ...rest } = (typeof result === "object" && result !== null ? result : { status: result }) as {
    readonly status?: number | null;
    readonly signal?: string | null;
    readonly coreDumped?: boolean;
    readonly message?: string;
  };
  if (typeof signal === "string") return { signal: signal.replace(/^SIG/, ""), ...rest };
  const number = status ?? 0;
  if (!(Number.isInteger(number) && number >= 0 && number <= 0xffff_ffff))
    throw new SshError("usage", `a session cannot end with the status ${String(number)}`);
  return { status: number };
}

/** RFC 4254 §6.10 has few signals; for others there is OpenSSH's name of none in particular. */
function encodeSignal({ signal, coreDumped = false, message }: Extract<SessionExit, { signal: string }>): Uint8Array {
  const known = (SIGNAL_NAMES as readonly string[]).includes(signal);
  return exitSignal.encode({
    signalName: known ? signal : "SIG@openssh.com",
    coreDumped,
    // Whatever a handler passes on, it must fit into a packet.
    errorMessage: (message ?? (known ? "" : signal)).slice(0, LONGEST_TEXT),
    languageTag: "",
  });
}
