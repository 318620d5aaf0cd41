import type { PrivateKey } from "@nacre/keys/parts";
import { ClientSession, type ClientSessionEvent, type ClientSessionOptions } from "@nacre/session";
import type { NegotiatedAlgorithms } from "@nacre/transport";
import { CHANNEL_OPEN_FAILURE_REASON, escapeText, SshError } from "@nacre/wire";
import type { Channel } from "../mux/channel.ts";
import type { Duplex } from "../mux/duplex.ts";
import { Engine, leaveUncaught, reasonOf } from "../mux/engine.ts";
import { platformRandom } from "../random.ts";
import { offeredAlgorithms } from "../wasm.ts";
import { watchers } from "../watchers.ts";
import type { ConnectOptions, HostKey, Means, PromptRequest, RemoteIdentity } from "./options.ts";

/** What is known of a connection once it stands. */
export interface ConnectionInfo {
  /** The server's identification: `"SSH-2.0-OpenSSH_10.0"`. */
  readonly peerVersion: string;
  readonly negotiated: NegotiatedAlgorithms;
  readonly hostKey: HostKey;
}

interface Opening {
  readonly resolve: (channel: Channel) => void;
  readonly reject: (error: SshError) => void;
}

/** The client's part of a connection: asks the application what the session asks, and opens channels. */
export class Driver {
  readonly session: ClientSession;
  readonly #engine: Engine<ClientSessionEvent>;
  readonly #options: ConnectOptions & Means;
  readonly #openings = new Map<number, Opening>();
  #authenticated!: { resolve: (info: ConnectionInfo) => void; reject: (error: SshError) => void };
  #peerVersion = "";
  #hostKey: HostKey | undefined;
  #passwordPrompted = false;

  constructor(duplex: Duplex, options: ConnectOptions & Means) {
    this.#options = options;
    this.session = new ClientSession(sessionOptions(options));
    this.#engine = new Engine(duplex, this.session, {
      event: (event) => this.#onEvent(event),
      closed: (error) => this.#onClosed(error),
    });
  }

  /** Resolves with the reason when the connection has ended: code `closed` where `close` was called. Never rejects. */
  get ended(): Promise<SshError> {
    return this.#engine.closed;
  }

  /** Connects and logs in. Rejects with the error that ended the attempt; all is released then. */
  async start(): Promise<ConnectionInfo> {
    const { signal } = this.#options;
    const authenticated = new Promise<ConnectionInfo>((resolve, reject) => {
      this.#authenticated = { resolve, reject };
    });
    const onAbort = (): void =>
      this.#engine.fail(new SshError("aborted", "connecting was aborted", { cause: signal?.reason }));
    signal?.addEventListener("abort", onAbort);
    try {
      this.#engine.start();
      if (signal?.aborted) onAbort();
      else this.#engine.turn();
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
    const { over } = this.#engine;
    if (over !== undefined)
      return Promise.reject(new SshError("closed", `the connection has ended: ${over.message}`, { cause: over }));
    const id = this.session.connection.openChannel("session");
    this.touch();
    return new Promise((resolve, reject) => this.#openings.set(id, { resolve, reject }));
  }

  /** Says goodbye, and resolves when all is released. */
  async close(): Promise<void> {
    this.#engine.fail(new SshError("closed", "the connection was closed by this side"));
    await this.ended;
  }

  /** Something was asked of the session: at the end of this turn its events are handled and its output is written. */
  touch(): void {
    this.#engine.touch();
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
          fingerprint: this.#options.fingerprint(event.hostKey),
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
        this.#show(event.message);
        return;
      case "instruction":
        this.#show([event.name, event.instruction].filter((text) => text !== "").join("\n"));
        return;
      case "sign":
      case "password":
      case "change-password":
      case "prompts":
        this.#onAuthAsk(event);
        return;
      case "channel-opened":
        this.#openings.get(event.channel)?.resolve(this.#engine.addChannel(event.channel));
        this.#openings.delete(event.channel);
        return;
      case "channel-open-failed":
        this.#openings.get(event.channel)?.reject(openFailure(event.reasonCode, event.description));
        this.#openings.delete(event.channel);
        return;
      case "exit-status":
        this.#engine.channel(event.channel)?.onExit({ status: event.status, signal: undefined, coreDumped: false });
        return;
      case "exit-signal":
        this.#engine
          .channel(event.channel)
          ?.onExit({ status: undefined, signal: event.signalName, coreDumped: event.coreDumped });
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
      // New keys, debug texts, flow control of a terminal: of no concern to anybody; what goes to channels; and what only a server hears of.
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
            const { password } = options;
            return typeof password === "function" ? password(ask.attempt) : password;
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

  /** What the application throws then is its own affair. */
  #show(text: string): void {
    try {
      this.#options.banner?.(text);
    } catch (thrown) {
      leaveUncaught(thrown);
    }
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

  /** What goes wrong in asking ends the login. */
  #answer<T>(ask: () => T | Promise<T>, give: (value: T) => void): void {
    this.#engine.ask(ask, give, (cause) =>
      this.#engine.fail(
        cause instanceof SshError
          ? cause
          : new SshError("auth-cancelled", `login was given up: ${reasonOf(cause)}`, { cause }),
      ),
    );
  }

  #onClosed(error: SshError): void {
    this.#authenticated.reject(error);
    for (const { reject } of this.#openings.values()) reject(error);
    this.#openings.clear();
  }
}

function sessionOptions(options: ConnectOptions & Means): ClientSessionOptions {
  const identities = (options.identities ?? []).map((identity) => ({
    publicKey: identity.publicKey,
    ...(!isRemote(identity) && { privateKey: identity }),
  }));
  return {
    algorithms: offeredAlgorithms(options),
    fingerprint: options.fingerprint,
    random: options.random ?? platformRandom,
    userName: options.user,
    identities,
    password: typeof options.password === "string" ? "fixed" : options.password !== undefined,
    keyboardInteractive: options.prompts !== undefined || (typeof options.password === "string" && "password"),
    ...(options.limits && { limits: options.limits }),
    ...(options.requireStrictKex !== undefined && { requireStrictKex: options.requireStrictKex }),
    ...watchers(options),
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
