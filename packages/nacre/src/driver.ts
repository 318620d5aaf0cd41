import { fingerprint, type PrivateKey } from "@nacre/keys";
import { ClientSession, type ClientSessionEvent, type ClientSessionOptions } from "@nacre/session";
import type { NegotiatedAlgorithms } from "@nacre/transport";
import { CHANNEL_OPEN_FAILURE_REASON, escapeText, type RandomSource, SshError } from "@nacre/wire";
import { Channel } from "./channel.ts";
import { defaultAlgorithms } from "./defaults.ts";
import type { Duplex } from "./duplex.ts";
import type { ConnectOptions, HostKey, PromptRequest, RemoteIdentity } from "./options.ts";

/** What is known of a connection once it stands. */
export interface ConnectionInfo {
  /** The server's identification: `"SSH-2.0-OpenSSH_10.0"`. */
  readonly peerVersion: string;
  readonly negotiated: NegotiatedAlgorithms;
  readonly hostKey: HostKey;
}

/** Where random bytes come from when nobody says otherwise. */
export const platformRandom: RandomSource = (length) => {
  const bytes = new Uint8Array(length);
  // getRandomValues takes at most 65,536 bytes a call.
  for (let offset = 0; offset < length; offset += 65_536) {
    crypto.getRandomValues(bytes.subarray(offset, Math.min(offset + 65_536, length)));
  }
  return bytes;
};

interface Opening {
  readonly resolve: (channel: Channel) => void;
  readonly reject: (error: SshError) => void;
}

/**
 * Drives a client session over a byte connection: carries bytes, keeps the timer, asks the application what the session
 * asks, and hands events to channels. One `write` a turn, however much happened in it.
 */
export class Driver {
  readonly session: ClientSession;
  /** Resolves with the reason when the connection has ended: code `closed` where `close` was called. Never rejects. */
  readonly ended: Promise<SshError>;
  readonly #duplex: Duplex;
  readonly #options: ConnectOptions;
  readonly #channels = new Map<number, Channel>();
  readonly #openings = new Map<number, Opening>();
  #authenticated!: { resolve: (info: ConnectionInfo) => void; reject: (error: SshError) => void };
  #end!: (error: SshError) => void;
  #over: SshError | undefined;
  #writable = true;
  #turning = false;
  #scheduled = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Infinity;
  #peerVersion = "";
  #hostKey: HostKey | undefined;
  #passwordPrompted = false;

  constructor(duplex: Duplex, options: ConnectOptions) {
    this.#duplex = duplex;
    this.#options = options;
    this.session = new ClientSession(sessionOptions(options));
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** Connects and logs in. Rejects with the error that ended the attempt; all is released then. */
  async start(): Promise<ConnectionInfo> {
    const { signal } = this.#options;
    const authenticated = new Promise<ConnectionInfo>((resolve, reject) => {
      this.#authenticated = { resolve, reject };
    });
    const onAbort = (): void =>
      this.#fail(new SshError("aborted", "connecting was aborted", { cause: signal?.reason }));
    signal?.addEventListener("abort", onAbort);
    try {
      this.session.start(performance.now());
      this.#duplex.open({
        data: (chunk) => {
          if (this.#over !== undefined) return;
          this.session.tick(performance.now());
          this.session.receive(chunk);
          this.#turn();
        },
        drained: () => {
          this.#writable = true;
          this.#turn();
        },
        ended: () => {
          this.session.end();
          this.#turn();
        },
        failed: (cause) =>
          this.#fail(new SshError("connection-lost", `the connection broke: ${reasonOf(cause)}`, { cause })),
      });
      if (signal?.aborted) onAbort();
      else this.#turn();
      return await authenticated;
    } catch (error) {
      await this.ended;
      throw error;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Asks the server for a session channel. Rejects with `channel-open-failed` when it refuses. */
  openSession(): Promise<Channel> {
    if (this.#over !== undefined) return Promise.reject(this.#endedError());
    const id = this.session.connection.openChannel("session");
    this.touch();
    return new Promise((resolve, reject) => this.#openings.set(id, { resolve, reject }));
  }

  /** Says goodbye, and resolves when all is released. */
  async close(): Promise<void> {
    if (this.#over === undefined) this.#fail(new SshError("closed", "the connection was closed by this side"));
    await this.ended;
  }

  /** Something was asked of the session: at the end of this turn its events are handled and its output is written. */
  touch(): void {
    if (this.#turning || this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#turn();
    });
  }

  #fail(error: SshError): void {
    if (this.#over !== undefined) return;
    this.session.disconnect(error);
    this.#turn();
  }

  #turn(): void {
    if (this.#turning || this.#over !== undefined) return;
    this.#turning = true;
    try {
      this.session.tick(performance.now());
      for (;;) {
        const event = this.session.nextEvent();
        if (event !== undefined) {
          this.#onEvent(event);
          continue;
        }
        // Taking output makes room, and room may be an event: until neither says anything, the turn is not over.
        const output = this.#writable ? this.session.takeOutput() : undefined;
        if (output === undefined) break;
        this.#writable = this.#duplex.write(output);
      }
    } finally {
      // A callback of the application that throws is the application's to hear of; the connection goes on.
      this.#turning = false;
    }
    if (this.#over !== undefined) return;
    if (this.session.wantsInput) this.#duplex.resume();
    else this.#duplex.pause();
    this.#arm();
  }

  #arm(): void {
    const deadline = this.session.deadline() ?? Infinity;
    // A timer that is early finds nothing to do and is set anew: cheaper than moving it with every packet.
    if (deadline >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = deadline;
    const wait = Math.min(Math.max(0, Math.ceil(deadline - performance.now())), 0x7fff_ffff);
    this.#timer = setTimeout(() => {
      this.#timerAt = Infinity;
      this.#turn();
    }, wait);
  }

  #onEvent(event: ClientSessionEvent): void {
    switch (event.type) {
      case "identified":
        this.#peerVersion = event.peerVersion;
        return;
      case "verify-host-key": {
        const hostKey: HostKey = {
          algorithm: event.algorithm,
          blob: event.hostKey,
          fingerprint: fingerprint(event.hostKey, "sha256"),
        };
        this.#hostKey = hostKey;
        this.#answer(
          () => this.#decideHostKey(hostKey),
          (verdict) => this.session.answerHostKey(event.token, verdict),
        );
        return;
      }
      case "authenticated":
        this.#authenticated.resolve({
          peerVersion: this.#peerVersion,
          negotiated: this.session.negotiated!,
          hostKey: this.#hostKey!,
        });
        return;
      case "banner":
        this.#options.banner?.(event.message);
        return;
      case "instruction":
        this.#options.banner?.([event.name, event.instruction].filter((text) => text !== "").join("\n"));
        return;
      case "sign":
      case "password":
      case "change-password":
      case "prompts":
        this.#onAuthAsk(event);
        return;
      case "channel-opened": {
        const channel = new Channel(this, event.channel);
        this.#channels.set(event.channel, channel);
        this.#openings.get(event.channel)?.resolve(channel);
        this.#openings.delete(event.channel);
        return;
      }
      case "channel-open-failed":
        this.#openings.get(event.channel)?.reject(openFailure(event.reasonCode, event.description));
        this.#openings.delete(event.channel);
        return;
      case "data":
        this.#channels.get(event.channel)?.handler.data(event.stream, event.data);
        return;
      case "writable":
        this.#channels.get(event.channel)?.handler.writable();
        return;
      case "eof":
        this.#channels.get(event.channel)?.handler.eof();
        return;
      case "exit-status":
        this.#channels.get(event.channel)?.onExit({ status: event.status, signal: undefined, coreDumped: false });
        return;
      case "exit-signal":
        this.#channels
          .get(event.channel)
          ?.onExit({ status: undefined, signal: event.signalName, coreDumped: event.coreDumped });
        return;
      case "request-reply":
        this.#channels.get(event.channel)?.onReply(event.request, event.success);
        return;
      case "closed":
        this.#onClosed(event.error);
        return;
      case "channel-closed":
        this.#channels.get(event.channel)?.onClosed(undefined);
        this.#channels.delete(event.channel);
        return;
      case "channel-request":
        if (event.token !== undefined) this.session.connection.answerRequest(event.token, false);
        return;
      case "global-request":
        if (event.token !== undefined) this.session.connection.answerGlobal(event.token, false);
        return;
      case "open-request":
        this.session.connection.answerOpen(event.token, false);
        return;
      default:
      // New keys, debug texts, flow control of a terminal: of no concern to the streams; and what only a server hears of.
    }
  }

  #onAuthAsk(ask: Extract<ClientSessionEvent, { type: "sign" | "password" | "change-password" | "prompts" }>): void {
    const options = this.#options;
    switch (ask.type) {
      case "sign": {
        const identity = options.identities?.find((one) => one.publicKey === ask.identity.publicKey);
        this.#answer(
          () => (identity !== undefined && isRemote(identity) ? identity.sign(ask.algorithm, ask.data) : undefined),
          (value) => this.session.auth.answerSignature(ask.token, value),
        );
        return;
      }
      case "password":
        this.#answer(
          () => {
            if (typeof options.password === "function") return options.password(ask.attempt);
            return ask.attempt === 1 ? options.password : undefined;
          },
          (value) => this.session.auth.answerPassword(ask.token, value),
        );
        return;
      case "change-password":
        this.#answer(
          () => options.changePassword?.(ask.prompt),
          (value) => this.session.auth.answerChangePassword(ask.token, value),
        );
        return;
      case "prompts":
        this.#answer(
          () => this.#answerPrompts(ask),
          (value) => this.session.auth.answerPrompts(ask.token, value),
        );
        return;
    }
  }

  #answerPrompts(request: PromptRequest): ReturnType<NonNullable<ConnectOptions["prompts"]>> {
    if (this.#options.prompts !== undefined) return this.#options.prompts(request);
    const [prompt, ...others] = request.prompts;
    const lone = prompt !== undefined && others.length === 0 && !prompt.echo && !this.#passwordPrompted;
    if (!lone || typeof this.#options.password !== "string") return undefined;
    this.#passwordPrompted = true;
    return [this.#options.password];
  }

  async #decideHostKey(hostKey: HostKey): Promise<true | SshError> {
    const { blob, fingerprint } = hostKey;
    try {
      // A program without types may answer anything: nothing but true accepts.
      const verdict: unknown = await this.#options.hostKey({ ...hostKey, blob: blob.slice() });
      if (verdict === true) return true;
      return new SshError("host-key-refused", `the host key ${fingerprint} was refused`);
    } catch (cause) {
      // Whatever goes wrong while a host key is checked, the key is refused (CVE-2025-26465).
      if (cause instanceof SshError) return cause;
      return new SshError("host-key-refused", `the host key ${fingerprint} could not be checked: ${reasonOf(cause)}`, {
        cause,
      });
    }
  }

  /**
   * Asks the application, gives the session its answer, and goes on. What is thrown, now or later, and an answer that the
   * session does not take, end the login.
   */
  #answer<T>(ask: () => T | Promise<T>, give: (value: T) => void): void {
    const settle = async (): Promise<void> => {
      try {
        const value = await ask();
        if (this.#over !== undefined) return;
        this.session.tick(performance.now());
        give(value);
      } catch (cause) {
        const error =
          cause instanceof SshError
            ? cause
            : new SshError("auth-cancelled", `login was given up: ${reasonOf(cause)}`, { cause });
        this.#fail(error);
      }
      this.#turn();
    };
    void settle();
  }

  #onClosed(error: SshError): void {
    this.#over = error;
    clearTimeout(this.#timer);
    const last = this.session.takeOutput();
    if (last !== undefined) this.#duplex.write(last);
    this.#authenticated.reject(error);
    for (const { reject } of this.#openings.values()) reject(error);
    this.#openings.clear();
    for (const channel of this.#channels.values()) channel.onClosed(error);
    this.#channels.clear();
    void this.#duplex.close().then(() => this.#end(error));
  }

  #endedError(): SshError {
    return new SshError("closed", `the connection has ended: ${this.#over?.message ?? ""}`, { cause: this.#over });
  }
}

function sessionOptions(options: ConnectOptions): ClientSessionOptions {
  const identities = (options.identities ?? []).map((identity) => ({
    publicKey: identity.publicKey,
    ...(!isRemote(identity) && { privateKey: identity }),
  }));
  return {
    algorithms: options.algorithms ?? defaultAlgorithms,
    random: options.random ?? platformRandom,
    userName: options.user,
    identities,
    password: options.password !== undefined,
    keyboardInteractive: options.prompts !== undefined || typeof options.password === "string",
    ...(options.limits && { limits: options.limits }),
    ...(options.requireStrictKex !== undefined && { requireStrictKex: options.requireStrictKex }),
    ...(options.trace && { trace: options.trace }),
    ...(options.keyLog && { keyLog: options.keyLog }),
  };
}

/** A private key in memory signs within the session; any other identity is asked. */
function isRemote(identity: PrivateKey | RemoteIdentity): identity is RemoteIdentity {
  return !("fields" in identity);
}

function openFailure(reasonCode: number, description: string): SshError {
  const reason =
    Object.entries(CHANNEL_OPEN_FAILURE_REASON).find(([, code]) => code === reasonCode)?.[0] ?? `${reasonCode}`;
  return new SshError(
    "channel-open-failed",
    `the server refused a channel (${reason}): ${escapeText(description)}; it may allow only so many sessions at once (MaxSessions)`,
  );
}

function reasonOf(cause: unknown): string {
  return escapeText(cause instanceof Error ? cause.message : String(cause));
}
