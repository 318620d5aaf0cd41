import { Connection, type ConnectionEvent, type RequestReaders, sessionRequests } from "@nacre/connection";
import type { PacketSink } from "@nacre/packet";
import {
  type NegotiatedAlgorithms,
  Transport,
  type TransportAlgorithms,
  type TransportEvent,
  type TransportOptions,
  type TransportSettings,
  transportSettings,
} from "@nacre/transport";
import {
  type Bytes,
  completeLimits,
  type MethodContext,
  type Overrides,
  type RandomSource,
  SshError,
} from "@nacre/wire";
import { describedTrace, describeNegotiated } from "./describe.ts";
import { guarded } from "./guarded.ts";
import { Keepalive } from "./keepalive.ts";
import { type Limits, SESSION_LIMITS } from "./limits.ts";
import type { KeyLogPort, TracePort } from "./trace.ts";
import { SOFTWARE_VERSION } from "./version.ts";

/** Options of a session of either side. */
export interface SessionOptions extends TransportSettings {
  /** Ordered lists, preferred first: nothing is offered that is not named. */
  readonly algorithms: TransportAlgorithms;
  readonly random: RandomSource;
  readonly limits?: Overrides<Limits> | undefined;
  /** Identification's software version: no spaces, no dashes. */
  readonly softwareVersion?: string;
  readonly trace?: TracePort;
  readonly keyLog?: KeyLogPort;
}

/** What either side's authentication tells the session beside its events. */
interface Authentication {
  readonly waitingForApplication: boolean;
}

/** Channel types whose requests have a meaning, beside what applications make of them. */
const REQUEST_READERS: RequestReaders = { session: sessionRequests };

/** A global request of the peer. */
export type PeerGlobalRequest = Extract<ConnectionEvent, { type: "global-request" }>;

/** How far a session has come. */
export type SessionState<Auth> =
  /** `ready`: we may send under the first keys. */
  | { readonly kind: "kex"; readonly ready: boolean }
  | { readonly kind: "auth"; readonly auth: Auth; deadline: number }
  | { readonly kind: "connection" }
  | { readonly kind: "closed" };

/** The parts of a session that depend on its role. */
interface RoleParts<Sink> {
  readonly transport: Pick<TransportOptions, "role" | "hostKeys" | "serverSigAlgs">;
  /** Makes the sink of the connection's messages: the transport itself, or one in front of it. */
  readonly sink: (transport: Transport) => Sink;
  readonly allowedChannelTypes?: readonly string[];
}

/**
 * What both sides of an SSH session have in common: the transport and the connection, time, and the way bytes go. The driver
 * calls `tick(now)` at the start of each turn, then `receive` or commands, then `nextEvent` until it is `undefined`, then
 * writes `takeOutput()` until that is, and calls again when `deadline()` is reached.
 */
export abstract class SessionMachine<Auth extends Authentication, Sink extends PacketSink> {
  /** Channels and global requests. */
  readonly connection: Connection;
  protected readonly transport: Transport;
  /** Takes the connection's messages. */
  protected readonly sink: Sink;
  protected readonly limits: Limits;
  protected state: SessionState<Auth> = { kind: "kex", ready: false };
  readonly #keepalive: Keepalive;
  readonly #trace: TracePort | undefined;
  readonly #peer: "client" | "server";
  #authMethod: MethodContext | undefined;
  #now = 0;

  protected constructor(options: SessionOptions, parts: RoleParts<Sink>) {
    const { algorithms, random, softwareVersion = SOFTWARE_VERSION, keyLog, trace } = options;
    const { role } = parts.transport;
    this.limits = completeLimits(SESSION_LIMITS, options.limits);
    this.#trace = trace;
    this.#peer = role === "client" ? "server" : "client";
    this.transport = new Transport({
      softwareVersion,
      algorithms,
      random: /* rule: guarded-random */ guarded("the source of random bytes", random),
      limits: this.limits,
      ...transportSettings(options),
      ...parts.transport,
      ...(keyLog && { keyLog: guarded("the key log", keyLog) }),
      ...(trace && {
        trace: describedTrace(guarded("the trace", trace), () => ({
          kex: this.transport.negotiated?.kex.context,
          auth: this.#authMethod,
        })),
      }),
    });
    this.sink = parts.sink(this.transport);
    this.connection = new Connection({
      sink: this.sink,
      role,
      limits: this.limits,
      allowedChannelTypes: parts.allowedChannelTypes ?? [],
      requestReaders: REQUEST_READERS,
    });
    this.#keepalive = new Keepalive(this.limits, this.connection, this.#peer);
  }

  /** Begins: identification and KEXINIT are ready to be taken at once. `now`: milliseconds of any clock that never goes back. */
  start(now: number): void {
    this.#now = now;
    this.#keepalive.heard(now);
    this.transport.start(now);
  }

  /** Takes bytes from the peer. They are copied. */
  receive(chunk: Uint8Array): void {
    this.#keepalive.heard(this.#now);
    this.transport.receive(chunk);
  }

  /** The peer's bytes have ended. */
  end(): void {
    this.transport.end();
  }

  /** The connection broke: the `closed` event with this error follows, or with the peer's own words where it did not speak SSH. */
  broken(error: SshError): void {
    this.transport.broken(error);
  }

  /** Bytes for the peer, or `undefined`. They are the caller's, and never change again. */
  takeOutput(): Bytes | undefined {
    const output = this.transport.takeOutput();
    if (output !== undefined && this.state.kind === "connection") this.connection.flush();
    return output;
  }

  /** Whether more input is of use: not while an ask is open and a packet's worth waits already. */
  get wantsInput(): boolean {
    return this.transport.wantsInput;
  }

  /** Lets go of the buffers, which come back with the next bytes: for a connection on which nothing happens. */
  rest(): void {
    this.transport.rest();
    this.connection.rest();
  }

  /** When `tick` must be called at the latest, on `now`'s clock; `undefined` for never. */
  deadline(): number | undefined {
    const own = this.#ownDeadline();
    const transport = this.transport.deadline();
    if (own === undefined || transport === undefined) return own ?? transport;
    return Math.min(own, transport);
  }

  /** Tells the time. */
  tick(now: number): void {
    // The time for which the application is asked is not the peer's.
    if (this.state.kind === "auth" && this.state.auth.waitingForApplication) this.state.deadline += now - this.#now;
    this.#now = now;
    this.transport.tick(now);
    this.connection.tick(now);
    if (now < (this.#ownDeadline() ?? Number.POSITIVE_INFINITY)) return;
    const error =
      this.state.kind === "connection" ? this.#keepalive.tick(now) : /* rule: auth-timeout */ this.#loginTooSlow();
    if (error !== undefined) this.transport.reject(error);
  }

  /** Authentication, while it goes on: for the answers to its asks. Throws `usage` before and after. */
  get auth(): Auth {
    if (this.state.kind === "auth") return this.state.auth;
    throw new SshError("usage", "no authentication is going on: this answer comes too late, or to the wrong session");
  }

  /** Begins a new key exchange now, before a limit asks for one. */
  rekey(): void {
    this.transport.requestRekey();
  }

  /**
   * Disconnects with the error's reason code; the `closed` event with this very error follows. Its text is not sent: the peer
   * gets a fixed one for the reason.
   */
  disconnect(error: SshError): void {
    this.transport.disconnect(error);
  }

  /** What both sides have agreed on, once they have. */
  get negotiated(): NegotiatedAlgorithms | undefined {
    return this.transport.negotiated;
  }

  /** Authentication begins, and with it its time. */
  protected beginAuth(auth: Auth): void {
    this.state = { kind: "auth", auth, deadline: this.#now + this.limits.authTimeout };
  }

  protected authSucceeded(): void {
    this.state = { kind: "connection" };
    this.transport.enterConnection();
  }

  protected setAuthMethod(method: MethodContext | undefined): void {
    this.#authMethod = method;
    this.transport.setAuthMethod(method);
  }

  protected traceNewKeys(event: Extract<TransportEvent, { type: "new-keys" }>): void {
    this.#trace?.({ type: "negotiated", summary: describeNegotiated(event.negotiated, event.strictKex) });
  }

  /**
   * The peer did not understand a packet of ours (RFC 4253 §11.4). That ends the connection when a key exchange or a login cannot go on
   * without it; `loginMessage` names the message of a login that waits for its answer. Later it is the answer to a request, or to the
   * opening of a channel. Any other is ignored.
   */
  protected onUnimplemented(
    { sequenceNumber, kexMessage }: Extract<TransportEvent, { type: "unimplemented" }>,
    loginMessage?: string,
  ): void {
    const needed = kexMessage ?? loginMessage;
    if (needed !== undefined)
      this.transport.reject(
        new SshError(
          "unexpected-message",
          `the ${this.#peer} did not understand our ${needed} (packet ${sequenceNumber}), without which the connection cannot go on`,
        ),
      );
    else if (this.state.kind === "connection") this.connection.unimplemented(sequenceNumber);
  }

  /** The next event of the connection that the role does not answer itself. */
  protected nextConnectionEvent(): Exclude<ConnectionEvent, { type: "closed" }> | undefined {
    for (;;) {
      const event = this.connection.nextEvent();
      if (event === undefined) return undefined;
      if (event.type === "closed") {
        this.transport.reject(event.error);
        return undefined;
      }
      if (event.type !== "global-request" || !this.answers(event)) return event;
    }
  }

  /** Answers a global request that is the session's own business. Returns whether it was. */
  protected answers(_request: PeerGlobalRequest): boolean {
    return false;
  }

  /** When a login has taken too long, or a silent peer is to be probed. */
  #ownDeadline(): number | undefined {
    const { state } = this;
    if (state.kind === "connection") return this.#keepalive.deadline;
    return state.kind === "auth" && !state.auth.waitingForApplication ? state.deadline : undefined;
  }

  #loginTooSlow(): SshError {
    const { authTimeout } = this.limits;
    return new SshError("auth-timeout", `the ${this.#peer} did not finish authentication in ${authTimeout} ms`);
  }
}
