import { exitSignal, exitStatus, SshError, utf8Decode } from "@nacre/wire";
import type { Channel, ChannelRequest } from "../../../mux/channel.ts";
import { EventBuffer } from "../../../mux/event-buffer.ts";
import { ownValue } from "../../../mux/own-value.ts";
import type { ServerContext } from "../../server/server-user.ts";
import type {
  BaseSession,
  Pty,
  SessionExit,
  SessionHandler,
  SessionRequestHandler,
  SessionResult,
} from "../base-session.ts";
import { decodeSessionRequest, type SessionRequest } from "../client-requests.ts";
import { SIGNAL_NAMES } from "../names.ts";
import type { SessionTypes } from "./server.ts";
import type { RunningSession } from "./server-sessions.ts";

export type SessionContext = ServerContext<SessionTypes>;

/** Exit status of a session after its handler failed. */
const FAILED = 255;
/** Maximum length of the error message in "exit-signal", in characters. */
const LONGEST_TEXT = 1024;

/** A session channel, from open to close (RFC 4254 §6). Collects preparing requests, then runs one handler. */
export class SessionChannel implements RunningSession {
  readonly #context: SessionContext;
  readonly #channel: Channel;
  /** Functions of granted requests, to call when the command starts, by request type. */
  readonly #onSession = new Map<string, (session: BaseSession) => void>();
  readonly #env: [name: string, value: string][] = [];
  #envLength = 0;
  #pty: Pty | undefined;
  #session: BaseSession | undefined;
  /** The handler has returned. */
  #done = false;
  #run: Promise<void> | undefined;

  constructor(context: SessionContext, channel: Channel) {
    this.#context = context;
    this.#channel = channel;
    channel.handler = new EventBuffer(channel, (request) => this.#onRequest(request));
  }

  /** Whether a command was requested and granted. */
  get started(): boolean {
    return this.#session !== undefined;
  }

  get handling(): Promise<void> | undefined {
    return this.#done ? undefined : this.#run;
  }

  #onRequest(request: ChannelRequest): void {
    let decoded: SessionRequest;
    try {
      decoded = decodeSessionRequest(request.requestType, request.data);
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      this.#channel.reject(error);
      return;
    }
    const { granted, start } = this.#decide(decoded, request);
    this.#channel.reply(request, granted);
    start?.();
  }

  /** Decides a request of the client. If there is a `start`, call it after the reply. */
  #decide(event: SessionRequest, request: ChannelRequest): { readonly granted: boolean; readonly start?: () => void } {
    switch (event.type) {
      case "env":
        return { granted: this.#onEnv(event.name, event.value) };
      case "pty-req":
        return { granted: this.#onPty(event) };
      case "window-change":
        return { granted: this.#onResize(event) };
      case "signal":
        return { granted: this.#notify("signal", this.#session?.onSignal, event.signalName) };
      case "break":
        return { granted: this.#notify("break", this.#session?.onBreak, event.breakLength) };
      case "x11-req":
        return this.#refuse("x11-req");
      case "exec": {
        const command = utf8Decode(event.command);
        if (command === undefined || command.includes("\0"))
          return this.#refuse("exec (not valid UTF-8, or with a NUL)");
        return this.#onStart("exec", command);
      }
      case "shell":
        return this.#onStart("shell", undefined);
      case "subsystem":
        // A forced command receives the name in an environment variable, which cannot contain NUL.
        if (event.name.includes("\0")) return this.#refuse("subsystem (with a NUL)");
        return this.#onStart("subsystem", event.name);
      case "unfit":
        return { granted: false };
      case "other":
        return this.#onOther(request);
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
      // A NUL would end the string early in a C program. "=" ends the name.
      /^[^=\0]+$/.test(name) &&
      !value.includes("\0") &&
      acceptEnv !== undefined &&
      this.#approved(`env ${name}`, () => acceptEnv(name, value));
    if (!granted) return this.#refuse(`env ${name}`).granted;
    this.#envLength = length;
    this.#env.push([name, value]);
    return true;
  }

  #onPty(event: Extract<SessionRequest, { type: "pty-req" }>): boolean {
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

  #onResize(event: Extract<SessionRequest, { type: "window-change" }>): boolean {
    if (this.#pty === undefined) return false;
    const { columns, rows, widthPixels, heightPixels } = event;
    this.#pty = { ...this.#pty, columns, rows, widthPixels, heightPixels };
    if (this.#session === undefined) return true;
    this.#session.pty = this.#pty;
    this.#notify("window-change", this.#session.onResize, this.#pty);
    return true;
  }

  #onOther({ requestType, data, token }: ChannelRequest): { granted: boolean } {
    const handler = this.#context.sessionRequests.get(requestType);
    if (
      handler !== undefined &&
      this.#approved(requestType, () => this.#grants(requestType, handler(data, this.#channel.id)))
    )
      return { granted: true };
    // An unknown request without want_reply may be ignored (RFC 4254 §5.4), so it is not logged as refused.
    return token === undefined ? { granted: false } : this.#refuse(requestType);
  }

  /** Returns whether a handler's answer grants the request. A function waits for the command to start; a repeated request replaces it. */
  #grants(requestType: string, answer: ReturnType<SessionRequestHandler>): boolean {
    if (typeof answer !== "function") return answer;
    if (this.#session === undefined) this.#onSession.set(requestType, answer);
    else answer(this.#session);
    return true;
  }

  #onStart(
    kind: "exec" | "shell" | "subsystem",
    what: string | undefined,
  ): { readonly granted: boolean; readonly start?: () => void } {
    const { permissions, isOpen } = this.#context;
    const request = what === undefined ? kind : `${kind} ${what}`;
    // rule: forced-command
    const forced = permissions.command;
    const handler = forced === undefined ? this.#handlerOf(kind, what) : this.#forcedHandler(forced);
    if (this.#session !== undefined || handler === undefined || !isOpen()) return this.#refuse(request);
    const env = Object.fromEntries([
      ...this.#env,
      ...Object.entries(permissions.environment),
      ...(forced !== undefined && what !== undefined ? [["SSH_ORIGINAL_COMMAND", what] as const] : []),
    ]);
    const asked =
      forced !== undefined
        ? { kind: "exec" as const, command: forced, forced: true, subsystem: undefined }
        : {
            kind,
            command: kind === "exec" ? what : undefined,
            forced: false,
            subsystem: kind === "subsystem" ? what : undefined,
          };
    const abort = new AbortController();
    const session = this.#context.makeSession(this.#channel, {
      ...this.#context.login,
      clientVersion: this.#context.connection.clientVersion,
      ...asked,
      env,
      pty: this.#pty,
      signal: abort.signal,
      onRequest: (request) => this.#onRequest(request),
    });
    this.#session = session;
    for (const onSession of this.#onSession.values()) onSession(session);
    void this.#channel.ended.then(({ error, broken }) => {
      if (this.#done) return;
      abort.abort(broken ? error : new SshError("channel-closed", "the client closed the session"));
    });
    return {
      granted: true,
      start: () => {
        this.#run = this.#handle(session, handler);
      },
    };
  }

  #handlerOf(kind: "exec" | "shell" | "subsystem", what: string | undefined): SessionHandler<BaseSession> | undefined {
    const { subsystems, session } = this.#context.options;
    return kind === "subsystem" ? ownValue(subsystems, what!) : session;
  }

  #forcedHandler(command: string): SessionHandler<BaseSession> | undefined {
    const { forcedCommands, session } = this.#context.options;
    const [word = ""] = command.split(/[ \t]/, 1);
    return ownValue(forcedCommands, word) ?? session;
  }

  async #handle(session: BaseSession, handler: SessionHandler<BaseSession>): Promise<void> {
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

  /** Sends the exit report, EOF and CLOSE. Returns false if the client has already closed the channel. */
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
      // The client's CLOSE has arrived, but its event is not handled yet.
      if (error instanceof SshError) return false;
      throw error;
    }
  }

  /** Calls a handler of the session. Returns false without a handler, or if it throws; exceptions are logged. */
  #notify<T>(request: string, handler: ((value: T) => void) | undefined, value: T): boolean {
    if (handler === undefined) return false;
    return this.#approved(request, () => {
      handler(value);
      return true;
    });
  }

  /** Returns whether the application grants the request. Only `true` grants it; exceptions refuse and are logged. */
  #approved(request: string, approve: () => boolean): boolean {
    try {
      return (approve() as unknown) === true;
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

/** Converts a handler's result to an exit. Throws `usage` for an invalid result. */
function exitOf(result: SessionResult): SessionExit {
  // JavaScript programs may pass the result of a Node child process, which has `status` null beside a signal.
  const { status, signal, ...rest } = (typeof result === "object" && result !== null ? result : { status: result }) as {
    readonly status?: number | null;
    readonly signal?: string | null;
    readonly coreDumped?: boolean;
    readonly message?: string;
  };
  if (typeof signal === "string") return { signal: signal.replace(/^SIG/, ""), ...rest };
  const number = status ?? 0;
  if (!(Number.isInteger(number) && number >= 0 && number <= 0xffff_ffff))
    throw new SshError("usage", `invalid exit status ${String(number)}; expected an integer from 0 to 4294967295`);
  return { status: number };
}

/** Encodes "exit-signal". RFC 4254 §6.10 defines few signals; others are sent as OpenSSH's "SIG@openssh.com", with the name as message. */
function encodeSignal({ signal, coreDumped = false, message }: Extract<SessionExit, { signal: string }>): Uint8Array {
  const known = SIGNAL_NAMES.includes(signal);
  return exitSignal.encode({
    signalName: known ? signal : "SIG@openssh.com",
    coreDumped,
    // A long message must not exceed the packet size.
    errorMessage: (message ?? (known ? "" : signal)).slice(0, LONGEST_TEXT),
    languageTag: "",
  });
}
