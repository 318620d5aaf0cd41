import { type LoginMethod, type LoginSubject, ServerAuth, type ServerAuthEvent } from "@nacre/auth";
import { Connection, type ConnectionEvent } from "@nacre/connection";
import type { SignatureAlgorithm } from "@nacre/keys";
import { type NegotiatedAlgorithms, Transport, type TransportAlgorithms, type TransportEvent } from "@nacre/transport";
import { type MethodContext, type RandomSource, SshError } from "@nacre/wire";
import { describeNegotiated } from "./describe.ts";
import { announceHostKeys, proveHostKeys, type ServerHostKey } from "./host-key-rotation.ts";
import { Keepalive } from "./keepalive.ts";
import { defaultLimits, type Limits } from "./limits.ts";
import type { KeyLogPort, TracePort } from "./trace.ts";
import { describedTrace } from "./tracing.ts";
import { SOFTWARE_VERSION } from "./version.ts";

/** What a server session is made of. Algorithms come as ordered lists: nothing is offered that is not named. */
export interface ServerSessionOptions {
  readonly algorithms: TransportAlgorithms;
  readonly random: RandomSource;
  /** Of each kind the first that a client can verify is used. */
  readonly hostKeys: readonly ServerHostKey[];
  /** How clients may try to log in, the same for every user, known or not. */
  readonly methods: readonly LoginMethod[];
  /** What user keys may sign with: named in server-sig-algs (RFC 8308 §3.1). */
  readonly userKeys: readonly SignatureAlgorithm[];
  /** Shown before login. */
  readonly banner?: string;
  readonly limits?: Partial<Limits>;
  /** Refuse a client without strict key exchange (CVE-2023-48795). */
  readonly requireStrictKex?: boolean;
  /** Identification's software version: no spaces, no dashes. */
  readonly softwareVersion?: string;
  readonly trace?: TracePort;
  readonly keyLog?: KeyLogPort;
}

/** What happened, and what is asked. Asks carry a `token` and wait for the answer of their kind. */
export type ServerSessionEvent =
  /** The client's identification line. */
  | { readonly type: "identified"; readonly peerVersion: string }
  /** Ask, answered by `answerHostKeySignature`: only for a host key that is not in memory. */
  | Extract<TransportEvent, { type: "sign-exchange-hash" }>
  /** The connection is encrypted. Once again after each later key exchange. */
  | { readonly type: "new-keys"; readonly initial: boolean; readonly negotiated: NegotiatedAlgorithms }
  /** Asks of authentication, answered by the methods of `auth`. */
  | Exclude<ServerAuthEvent, { type: "method" | "success" | "failed" }>
  /** The user is in. A "publickey" factor holds the key whose signature was verified. */
  | ({ readonly type: "authenticated" } & LoginSubject)
  /** Everything about channels and global requests. */
  | Exclude<ConnectionEvent, { type: "error" }>
  | Extract<TransportEvent, { type: "debug" }>
  /** The last event: nothing comes after it. */
  | { readonly type: "closed"; readonly error: SshError };

type State =
  | { readonly phase: "kex" }
  | { readonly phase: "auth"; readonly auth: ServerAuth; deadline: number }
  | { readonly phase: "connection" }
  | { readonly phase: "closed" };

/**
 * An SSH server, for one client, as a pure state machine: bytes and commands in, bytes and events out. It is driven like
 * `ClientSession`. Nobody is let in and nothing is opened or run but by the application's answers.
 */
export class ServerSession {
  /** Channels and global requests; to be used after `authenticated`. Only channels of type "session" may be asked for until `allow` names others. */
  readonly connection: Connection;
  readonly #transport: Transport;
  readonly #options: ServerSessionOptions;
  readonly #limits: Limits;
  readonly #keepalive: Keepalive;
  #state: State = { phase: "kex" };
  #authMethod: MethodContext | undefined;
  #now = 0;

  constructor(options: ServerSessionOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    const { trace } = options;
    this.#transport = new Transport({
      role: "server",
      softwareVersion: options.softwareVersion ?? SOFTWARE_VERSION,
      algorithms: options.algorithms,
      random: options.random,
      limits: this.#limits,
      hostKeys: options.hostKeys.map(({ publicKey }) => publicKey),
      serverSigAlgs: options.userKeys.map(({ name }) => name),
      ...(options.requireStrictKex !== undefined && { requireStrictKex: options.requireStrictKex }),
      ...(options.keyLog && { keyLog: options.keyLog }),
      ...(trace && {
        trace: describedTrace(trace, () => ({
          kex: this.#transport.negotiated?.kex.context,
          auth: this.#authMethod,
        })),
      }),
    });
    this.connection = new Connection({
      sink: this.#transport,
      role: "server",
      limits: this.#limits,
      allowedChannelTypes: ["session"],
    });
    this.#keepalive = new Keepalive(this.#limits, this.connection, "client");
  }

  /** Begins: identification and KEXINIT are ready to be taken at once. `now`: milliseconds of any clock that never goes back. */
  start(now: number): void {
    this.#now = now;
    this.#keepalive.heard(now);
    this.#transport.start(now);
  }

  /** Takes bytes from the client. They are copied. */
  receive(chunk: Uint8Array): void {
    this.#keepalive.heard(this.#now);
    this.#transport.receive(chunk);
  }

  /** The client's bytes have ended. */
  end(): void {
    this.#transport.end();
    // No answer can matter any more.
    if (this.#isAsking)
      this.disconnect(new SshError("connection-lost", "the client went away in the middle of its login"));
  }

  /** Bytes for the client, or `undefined`. They are the caller's, and never change again. */
  takeOutput(): Uint8Array | undefined {
    const output = this.#transport.takeOutput();
    if (output !== undefined && this.#state.phase === "connection") this.connection.flush();
    return output;
  }

  /** Whether more input is of use: not while an ask is open and a packet's worth waits already. */
  get wantsInput(): boolean {
    return this.#transport.wantsInput && !(this.#isAsking && this.#transport.buffered >= this.#limits.maxPacketLength);
  }

  /** The next thing that happened or is asked; `undefined` when nothing more can be told from what has been received. */
  nextEvent(): ServerSessionEvent | undefined {
    while (this.#state.phase !== "closed") {
      const event = this.#nextAuthEvent() ?? this.#nextConnectionEvent();
      if (event !== undefined) return event;
      // What a client sends behind its login belongs to what follows it, if it succeeds: it is looked at when that is known.
      if (this.#isAsking && !this.#transport.closed) return undefined;
      const transportEvent = this.#transport.nextEvent();
      if (transportEvent === undefined) return undefined;
      const told = this.#onTransportEvent(transportEvent);
      if (told !== undefined) return told;
    }
    return undefined;
  }

  /** When `tick` must be called at the latest, on `now`'s clock; `undefined` for never. */
  deadline(): number | undefined {
    if (this.#state.phase === "closed") return undefined;
    const keepalive = this.#state.phase === "connection" ? this.#keepalive.deadline : undefined;
    const deadlines = [this.#transport.deadline(), this.#authDeadline(), keepalive];
    const known = deadlines.filter((deadline) => deadline !== undefined);
    return known.length === 0 ? undefined : Math.min(...known);
  }

  /** Tells the time. */
  tick(now: number): void {
    if (this.#state.phase === "auth" && this.#state.auth.waitingForApplication) this.#state.deadline += now - this.#now;
    this.#now = now;
    this.#transport.tick(now);
    if (now >= (this.#authDeadline() ?? Number.POSITIVE_INFINITY)) {
      this.disconnect(
        new SshError("auth-timeout", `the client did not finish authentication in ${this.#limits.authTimeout} ms`),
      );
    }
    const silent = this.#state.phase === "connection" ? this.#keepalive.tick(now) : undefined;
    if (silent !== undefined) this.disconnect(silent);
  }

  /** Answers `sign-exchange-hash` with a signature blob. */
  answerHostKeySignature(token: HostKeySignatureToken, signature: Uint8Array): void {
    this.#transport.answerSignature(token, signature);
  }

  /** Authentication, while it goes on: for the answers to its asks. Throws `usage` before and after. */
  get auth(): ServerAuth {
    if (this.#state.phase === "auth") return this.#state.auth;
    throw new SshError("usage", "no authentication is going on: this answer comes too late, or to the wrong session");
  }

  /** Begins a new key exchange now, before a limit asks for one. */
  rekey(): void {
    this.#transport.requestRekey();
  }

  /** Says goodbye with the error's disconnect reason; the `closed` event with this very error follows. */
  disconnect(error: SshError): void {
    this.#transport.disconnect(error);
  }

  get negotiated(): NegotiatedAlgorithms | undefined {
    return this.#transport.negotiated;
  }

  get #isAsking(): boolean {
    return this.#state.phase === "auth" && this.#state.auth.waitingForApplication;
  }

  #onTransportEvent(event: TransportEvent): ServerSessionEvent | undefined {
    switch (event.type) {
      case "sign-exchange-hash":
        return this.#signExchangeHash(event);
      case "new-keys":
        this.#options.trace?.({ type: "negotiated", summary: describeNegotiated(event.negotiated, event.strictKex) });
        if (event.initial) this.#startAuth();
        else this.connection.flush();
        return { type: "new-keys", initial: event.initial, negotiated: event.negotiated };
      case "message":
        if (this.#state.phase === "connection") this.connection.receive(event.payload);
        else if (this.#state.phase === "auth") this.#state.auth.receive(event.payload);
        return undefined;
      case "closed":
        this.#state = { phase: "closed" };
        return event;
      case "identified":
      case "debug":
        return event;
      case "keys-complete":
      case "ext-info":
      case "unimplemented":
        return undefined;
      case "verify-host-key":
        throw new SshError("internal", "a server was asked about a host key");
    }
  }

  #signExchangeHash(event: Extract<TransportEvent, { type: "sign-exchange-hash" }>): ServerSessionEvent | undefined {
    const hostKey = this.#options.hostKeys.find(({ publicKey }) => publicKey === event.hostKey);
    if (hostKey?.privateKey === undefined) return event;
    const signature = hostKey.privateKey.sign(event.algorithm, event.data, this.#options.random);
    this.#transport.answerSignature(event.token, signature);
    return undefined;
  }

  #startAuth(): void {
    const { methods, userKeys, banner } = this.#options;
    const auth = new ServerAuth({
      sink: this.#transport,
      sessionId: this.#transport.sessionId!,
      methods,
      signatureAlgorithms: userKeys,
      ...(banner !== undefined && { banner }),
      limits: this.#limits,
    });
    this.#state = { phase: "auth", auth, deadline: this.#now + this.#limits.authTimeout };
  }

  #nextAuthEvent(): ServerSessionEvent | undefined {
    while (this.#state.phase === "auth") {
      const event = this.#state.auth.nextEvent();
      switch (event?.type) {
        case "method":
          this.#authMethod = event.method;
          this.#transport.setAuthMethod(event.method);
          break;
        case "success": {
          const { userName, serviceName, factors } = event;
          this.#state = { phase: "connection" };
          this.#transport.enter("connection");
          announceHostKeys(this.connection, this.#options.hostKeys);
          return { type: "authenticated", userName, serviceName, factors };
        }
        case "failed":
          this.disconnect(event.error);
          return undefined;
        default:
          return event;
      }
    }
    return undefined;
  }

  #nextConnectionEvent(): ServerSessionEvent | undefined {
    if (this.#state.phase !== "connection") return undefined;
    for (;;) {
      const event = this.connection.nextEvent();
      if (event === undefined) return undefined;
      if (event.type === "error") {
        this.disconnect(event.error);
        return undefined;
      }
      if (this.#keepalive.absorbs(event) || this.#provesHostKeys(event)) continue;
      return event;
    }
  }

  /** `hostkeys-prove-00@openssh.com` is answered here: nobody but the session has its identifier. */
  #provesHostKeys(event: ConnectionEvent): boolean {
    if (event.type !== "global-request" || event.requestName !== "hostkeys-prove-00@openssh.com") return false;
    const { token } = event;
    if (token === undefined) return true;
    const proof = proveHostKeys(event.data, {
      hostKeys: this.#options.hostKeys,
      sessionId: this.#transport.sessionId!,
      negotiated: this.#transport.negotiated!.hostKey.name,
      random: this.#options.random,
    });
    this.connection.answerGlobal(token, proof !== undefined, proof);
    return true;
  }

  #authDeadline(): number | undefined {
    return this.#state.phase === "auth" && !this.#isAsking ? this.#state.deadline : undefined;
  }
}

type HostKeySignatureToken = Extract<TransportEvent, { type: "sign-exchange-hash" }>["token"];
