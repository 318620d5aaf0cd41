import { ClientAuth, type ClientAuthEvent, type Identity } from "@nacre/auth";
import { Connection, type ConnectionEvent } from "@nacre/connection";
import { serverSigAlgs } from "@nacre/negotiation";
import {
  type HostKeyToken,
  type NegotiatedAlgorithms,
  Transport,
  type TransportAlgorithms,
  type TransportEvent,
} from "@nacre/transport";
import { type MethodContext, type RandomSource, SSH_MSG_USERAUTH_FAILURE, SshError } from "@nacre/wire";
import { describeNegotiated } from "./describe.ts";
import { EarlySink } from "./early-sink.ts";
import { Keepalive } from "./keepalive.ts";
import { defaultLimits, type Limits } from "./limits.ts";
import type { KeyLogPort, TracePort } from "./trace.ts";
import { describedTrace } from "./tracing.ts";
import { SOFTWARE_VERSION } from "./version.ts";

/** What a client session is made of. Algorithms come as ordered lists: nothing is offered that is not named. */
export interface ClientSessionOptions {
  readonly algorithms: TransportAlgorithms;
  readonly random: RandomSource;
  readonly userName: string;
  /** Keys to log in with, in the order in which to try them. */
  readonly identities: readonly Identity[];
  /** Whether a `password` ask can be answered. */
  readonly password: boolean;
  /** Whether a `prompts` ask can be answered. */
  readonly keyboardInteractive: boolean;
  readonly limits?: Partial<Limits>;
  /** Refuse a server without strict key exchange (the answer to Terrapin, CVE-2023-48795). */
  readonly requireStrictKex?: boolean;
  /** Identification's software version: no spaces, no dashes. */
  readonly softwareVersion?: string;
  readonly trace?: TracePort;
  readonly keyLog?: KeyLogPort;
}

/** What happened, and what is asked. Asks carry a `token` and wait for the answer of their kind. */
export type ClientSessionEvent =
  /** The server's identification line. */
  | { readonly type: "identified"; readonly peerVersion: string }
  /** Ask, answered by `answerHostKey`: the server has proved that it holds this key; is it the host's? */
  | Extract<TransportEvent, { type: "verify-host-key" }>
  /** The connection is encrypted, and authentication begins. Once again after each later key exchange. */
  | { readonly type: "new-keys"; readonly initial: boolean; readonly negotiated: NegotiatedAlgorithms }
  /** Banners and asks of authentication: `sign`, `password`, `change-password`, `prompts`. */
  | Exclude<ClientAuthEvent, { type: "method" | "success" | "failed" }>
  /** The server has let us in. */
  | { readonly type: "authenticated" }
  /** Everything about channels and global requests. */
  | Exclude<ConnectionEvent, { type: "error" }>
  | Extract<TransportEvent, { type: "debug" }>
  /** The last event: nothing comes after it. */
  | { readonly type: "closed"; readonly error: SshError };

type State =
  /** `ready`: we may send under the new keys, and authentication begins once all that was received has been read. */
  | { readonly phase: "kex"; readonly ready: boolean }
  | { readonly phase: "auth"; readonly auth: ClientAuth; deadline: number }
  | { readonly phase: "connection" }
  | { readonly phase: "closed" };

/**
 * An SSH client as a pure state machine: bytes and commands in, bytes and events out. The driver calls `tick(now)` at the
 * start of each turn, then `receive` or commands, then `nextEvent` until it is `undefined`, then writes `takeOutput()`,
 * and calls again when `deadline()` is reached.
 */
export class ClientSession {
  /** Channels and global requests. Before `authenticated` only `openChannel` may be called: the opening waits, or travels with the login. */
  readonly connection: Connection;
  readonly #transport: Transport;
  readonly #sink: EarlySink;
  readonly #options: ClientSessionOptions;
  readonly #limits: Limits;
  readonly #keepalive: Keepalive;
  #state: State = { phase: "kex", ready: false };
  #authMethod: MethodContext | undefined;
  #serverSigAlgs: readonly string[] | undefined;
  #now = 0;

  constructor(options: ClientSessionOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    const { trace } = options;
    this.#transport = new Transport({
      role: "client",
      softwareVersion: options.softwareVersion ?? SOFTWARE_VERSION,
      algorithms: options.algorithms,
      random: options.random,
      limits: this.#limits,
      ...(options.requireStrictKex !== undefined && { requireStrictKex: options.requireStrictKex }),
      ...(options.keyLog && { keyLog: options.keyLog }),
      ...(trace && {
        trace: describedTrace(trace, () => ({
          kex: this.#transport.negotiated?.kex.context,
          auth: this.#authMethod,
        })),
      }),
    });
    this.#sink = new EarlySink(this.#transport);
    this.connection = new Connection({ sink: this.#sink, role: "client", limits: this.#limits });
    this.#keepalive = new Keepalive(this.#limits, this.connection, "server");
  }

  /** Begins: identification and KEXINIT are ready to be taken at once. `now`: milliseconds of any clock that never goes back. */
  start(now: number): void {
    this.#now = now;
    this.#keepalive.heard(now);
    this.#transport.start(now);
  }

  /** Takes bytes from the server. They are copied. */
  receive(chunk: Uint8Array): void {
    this.#keepalive.heard(this.#now);
    this.#transport.receive(chunk);
  }

  /** The server's bytes have ended. */
  end(): void {
    this.#transport.end();
  }

  /** Bytes for the server, or `undefined`. They are the caller's, and never change again. */
  takeOutput(): Uint8Array | undefined {
    const output = this.#transport.takeOutput();
    if (output !== undefined && this.#state.phase === "connection") this.connection.flush();
    return output;
  }

  /** Whether more input is of use: not while the host key is being decided about. */
  get wantsInput(): boolean {
    return this.#transport.wantsInput;
  }

  /** The next thing that happened or is asked; `undefined` when nothing more can be told from what has been received. */
  nextEvent(): ClientSessionEvent | undefined {
    while (this.#state.phase !== "closed") {
      const event = this.#nextAuthEvent() ?? this.#nextConnectionEvent();
      if (event !== undefined) return event;
      const transportEvent = this.#transport.nextEvent();
      if (transportEvent !== undefined) {
        const told = this.#onTransportEvent(transportEvent);
        if (told !== undefined) return told;
      } else if (this.#state.phase === "kex" && this.#state.ready) {
        // Everything received has been read, an EXT_INFO with server-sig-algs included: now the login can be chosen.
        this.#startAuth();
      } else {
        return undefined;
      }
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
    if (now >= (this.#authDeadline() ?? Infinity)) {
      this.disconnect(
        new SshError("auth-timeout", `the server did not finish authentication in ${this.#limits.authTimeout} ms`),
      );
    }
    const silent = this.#state.phase === "connection" ? this.#keepalive.tick(now) : undefined;
    if (silent !== undefined) this.disconnect(silent);
  }

  /** `verdict`: true, or the error with which the connection then ends. */
  answerHostKey(token: HostKeyToken, verdict: true | SshError): void {
    this.#transport.answerHostKey(token, verdict);
  }

  /** Authentication, while it goes on: for the answers to its asks. Throws `usage` before and after. */
  get auth(): ClientAuth {
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

  #onTransportEvent(event: TransportEvent): ClientSessionEvent | undefined {
    switch (event.type) {
      case "new-keys":
        this.#options.trace?.({
          type: "negotiated",
          summary: describeNegotiated(event.negotiated, event.strictKex),
        });
        if (event.initial) this.#state = { phase: "kex", ready: true };
        else this.connection.flush();
        return { type: "new-keys", initial: event.initial, negotiated: event.negotiated };
      case "ext-info": {
        const names = serverSigAlgs(event.extensions);
        if (names === undefined) return undefined;
        this.#serverSigAlgs = names;
        if (this.#state.phase === "auth") this.#state.auth.setServerSigAlgs(names);
        return undefined;
      }
      case "message":
        this.#onMessage(event.payload);
        return undefined;
      case "unimplemented":
        if (this.#sink.absorbs(event.sequenceNumber)) return undefined;
        this.disconnect(
          new SshError("unexpected-message", `the server did not understand our packet ${event.sequenceNumber}`),
        );
        return undefined;
      case "closed":
        this.#state = { phase: "closed" };
        return event;
      case "identified":
      case "verify-host-key":
      case "debug":
        return event;
      case "keys-complete":
        return undefined;
      case "sign-exchange-hash":
        throw new SshError("internal", "a client was asked for a host key signature");
    }
  }

  #onMessage(payload: Uint8Array): void {
    if (this.#state.phase === "connection") {
      this.connection.receive(payload);
    } else if (this.#state.phase === "auth") {
      if (payload[0] === SSH_MSG_USERAUTH_FAILURE.number) this.#sink.loginFailed();
      this.#state.auth.receive(payload);
    } else {
      this.disconnect(
        new SshError("unexpected-message", `the server sent message ${payload[0]} before anything was asked of it`),
      );
    }
  }

  #startAuth(): void {
    const { random, userName, identities, password, keyboardInteractive } = this.#options;
    const auth = new ClientAuth({
      sink: this.#transport,
      sessionId: this.#transport.sessionId!,
      random,
      userName,
      identities,
      password,
      keyboardInteractive,
      limits: this.#limits,
    });
    if (this.#serverSigAlgs !== undefined) auth.setServerSigAlgs(this.#serverSigAlgs);
    this.#state = { phase: "auth", auth, deadline: this.#now + this.#limits.authTimeout };
    this.#transport.enter("auth");
    auth.start();
  }

  #nextAuthEvent(): ClientSessionEvent | undefined {
    while (this.#state.phase === "auth") {
      const { auth } = this.#state;
      const event = auth.nextEvent();
      if (event === undefined) {
        if (auth.signedRequestInFlight && (auth.onlyAttempt || this.#bearsEarlyOpen)) this.#sink.sendEarly();
        return undefined;
      }
      switch (event.type) {
        case "method":
          this.#authMethod = event.method;
          this.#transport.setAuthMethod(event.method);
          break;
        case "success":
          this.#state = { phase: "connection" };
          this.#transport.enter("connection");
          this.#sink.open();
          return { type: "authenticated" };
        case "failed":
          this.disconnect(event.error);
          return undefined;
        case "banner":
        case "sign":
        case "password":
        case "change-password":
        case "prompts":
        case "instruction":
          return event;
      }
    }
    return undefined;
  }

  #nextConnectionEvent(): ClientSessionEvent | undefined {
    if (this.#state.phase !== "connection") return undefined;
    for (;;) {
      const event = this.connection.nextEvent();
      if (event?.type === "error") {
        this.disconnect(event.error);
        return undefined;
      }
      if (event === undefined || !this.#keepalive.absorbs(event)) return event;
    }
  }

  /** OpenSSH answers what it does not expect before login with UNIMPLEMENTED; others may hang up. */
  get #bearsEarlyOpen(): boolean {
    return this.#transport.peerVersion?.startsWith("SSH-2.0-OpenSSH_") === true;
  }

  #authDeadline(): number | undefined {
    return this.#state.phase === "auth" && !this.#state.auth.waitingForApplication ? this.#state.deadline : undefined;
  }
}
