import { Connection, type ConnectionEvent } from "@nacre/connection";
import type { PacketSink } from "@nacre/packet";
import {
  type NegotiatedAlgorithms,
  Transport,
  type TransportAlgorithms,
  type TransportEvent,
  type TransportOptions,
  type TransportSettings,
  type TransportTrace,
  transportSettings,
} from "@nacre/transport";
import {
  type Bytes,
  completeLimits,
  type LoginMessages,
  type Overrides,
  type RandomSource,
  SshError,
} from "@nacre/wire";
import { guarded, guardedRandom } from "./guarded.ts";
import { Keepalive } from "./keepalive.ts";
import { type Limits, PROTOCOL_LIMITS } from "./limits.ts";
import type { KeyLogPort, ProtocolTrace } from "./trace.ts";
import { SOFTWARE_VERSION } from "./version.ts";

/** Options of a protocol machine, for both roles. */
export interface SessionOptions extends TransportSettings {
  /** Algorithms to offer, in order of preference. No others are offered. */
  readonly algorithms: TransportAlgorithms;
  readonly random: RandomSource;
  readonly limits?: Overrides<Limits> | undefined;
  /** Receives each packet; `describedTrace` makes one. */
  readonly trace?: ProtocolTrace | undefined;
  readonly keyLog?: KeyLogPort;
}

/** State of authentication that the protocol machine needs, for both roles. */
interface Authentication {
  readonly waitingForApplication: boolean;
}

/** A global request of the peer. */
export type PeerGlobalRequest = Extract<ConnectionEvent, { type: "global-request" }>;

/** Phase of a protocol machine. */
export type SessionState<Auth> =
  /** `ready`: we may send under the first keys. */
  | { readonly kind: "kex"; readonly ready: boolean }
  | { readonly kind: "auth"; readonly auth: Auth; deadline: number }
  | { readonly kind: "connection" }
  | { readonly kind: "closed" };

/** Parts of a protocol machine that depend on its role. */
interface RoleParts<Sink> {
  readonly transport: Pick<
    TransportOptions,
    "role" | "greeting" | "hostKeys" | "serverSigAlgs" | "extensions" | "connecting"
  > & {
    readonly loginMethods: readonly LoginMessages[];
  };
  /** Creates the sink for connection protocol messages: that of the transport, or one in front of it. */
  readonly sink: (transport: Transport) => Sink;
  readonly allowedChannelTypes?: readonly string[];
}

/**
 * Common part of the protocol machines of client and server: transport, connection, timers and input and output. In each turn the driver
 * calls `tick(now)`, then `receive` or commands, then `nextEvent` until it returns `undefined`. Then it writes `takeOutput()`, and repeats
 * both while there are events. It starts the next turn at `deadline()` at the latest.
 */
export abstract class ProtocolMachine<Auth extends Authentication, Sink extends PacketSink> {
  /** Channels and global requests. */
  readonly connection: Connection;
  protected readonly transport: Transport;
  /** Receives the messages of the connection protocol. */
  protected readonly sink: Sink;
  protected readonly limits: Limits;
  protected state: SessionState<Auth> = { kind: "kex", ready: false };
  readonly #keepalive: Keepalive;
  readonly #trace: ProtocolTrace | undefined;
  readonly #peer: "client" | "server";
  #loginMethod: string | undefined;
  #now = 0;
  /** The time for the connection, from the first `tick` on. */
  readonly #time: { now: number | undefined } = { now: undefined };

  protected constructor(options: SessionOptions, parts: RoleParts<Sink>) {
    const { algorithms, random, softwareVersion = SOFTWARE_VERSION, keyLog, trace } = options;
    const { role } = parts.transport;
    this.limits = completeLimits(PROTOCOL_LIMITS, options.limits);
    this.#trace = trace;
    this.#peer = role === "client" ? "server" : "client";
    this.transport = new Transport({
      algorithms,
      random: /* rule: guarded-random */ guardedRandom(random),
      limits: this.limits,
      ...transportSettings(options),
      softwareVersion,
      ...parts.transport,
      ...(keyLog && { keyLog: guarded("`keyLog`", keyLog) }),
      ...(trace && { trace: this.#transportTrace(trace, parts.transport.loginMethods) }),
    });
    this.sink = parts.sink(this.transport);
    this.connection = new Connection({
      sink: this.sink,
      limits: this.limits,
      allowedChannelTypes: parts.allowedChannelTypes ?? [],
      time: this.#time,
    });
    this.#keepalive = new Keepalive(this.limits, this.connection, this.#peer);
  }

  /** Starts the machine; `takeOutput` then returns the identification and KEXINIT. `now`: milliseconds of any monotonic clock. */
  start(now: number): void {
    this.#now = now;
    this.#keepalive.heard(now);
    this.transport.start(now);
  }

  /** Handles bytes from the peer. They are copied. */
  receive(chunk: Uint8Array): void {
    this.#keepalive.heard(this.#now);
    this.transport.receive(chunk);
  }

  /** Signals the end of the peer's bytes. */
  end(): void {
    this.transport.end();
  }

  /**
   * Ends the connection because the byte stream failed. The `closed` event with this error follows; if the peer did not speak SSH, the
   * error quotes its text instead.
   */
  broken(error: SshError): void {
    this.transport.broken(error);
  }

  /** Removes and returns the bytes for the peer, in pieces. The caller owns them; they never change. Their room may cause events. */
  takeOutput(): readonly Bytes[] {
    const output = this.transport.takeOutput();
    if (output.length > 0 && this.state.kind === "connection") this.connection.flush();
    return output;
  }

  /** Whether `nextEvent` returns an event without further input. */
  get hasEvents(): boolean {
    return this.connection.hasEvents || this.transport.hasEvents;
  }

  /** Whether to read more input. False while an ask is open and the buffered bytes could hold the longest packet. */
  get wantsInput(): boolean {
    return this.transport.wantsInput;
  }

  /** Releases the buffers of an idle connection. They are allocated again when bytes arrive. */
  releaseBuffers(): void {
    this.transport.releaseBuffers();
    this.connection.releaseBuffers();
  }

  /** Latest time for the next `tick`, on `now`'s clock; `undefined` for none. */
  deadline(): number | undefined {
    const own = this.state.kind === "connection" ? this.#keepalive.deadline : this.#loginDeadline();
    const transport = this.transport.deadline();
    if (own === undefined || transport === undefined) return own ?? transport;
    return Math.min(own, transport);
  }

  /** Sets the current time and handles expired timers. */
  tick(now: number): void {
    // Time spent on asks does not count against the peer.
    if (this.state.kind === "auth" && this.state.auth.waitingForApplication) this.state.deadline += now - this.#now;
    this.#now = now;
    this.#time.now = now;
    this.transport.tick(now);
    const isLoggedIn = this.state.kind === "connection";
    if (now < ((isLoggedIn ? this.#keepalive.deadline : this.#loginDeadline()) ?? Infinity)) return;
    const error = isLoggedIn ? this.#keepalive.tick(now) : /* rule: auth-timeout */ this.loginTooSlow();
    if (error !== undefined) this.transport.reject(error);
  }

  /** Authentication in progress, for answers to its asks. Throws `usage` before and after authentication. */
  get auth(): Auth {
    if (this.state.kind === "auth") return this.state.auth;
    throw new SshError("usage", "authentication is not in progress; the answer is too late, or for another session");
  }

  /** Starts a rekey now, before a limit requires one. */
  rekey(): void {
    this.transport.requestRekey();
  }

  /**
   * Disconnects with the error's reason code. The `closed` event with this same error follows. The peer receives a fixed text for the
   * reason, not the error's text.
   */
  disconnect(error: SshError): void {
    this.transport.disconnect(error);
  }

  /**
   * Sends SSH_MSG_DISCONNECT as `disconnect` does, and nothing after it, but goes on to receive. Call `disconnect` soon, or `end` when the
   * peer's bytes end.
   */
  leave(error: SshError): void {
    this.transport.leave(error);
  }

  /**
   * Ends the connection like `disconnect`, but sends the error's text to the peer. Only for errors about data that the peer sent and a
   * layer above decoded.
   */
  reject(error: SshError): void {
    this.transport.reject(error);
  }

  /** The peer's identification string, such as `"SSH-2.0-OpenSSH_10.0"`; `undefined` until it arrives. */
  get peerVersion(): string | undefined {
    return this.transport.peerVersion;
  }

  /** Negotiated algorithms; `undefined` before the first negotiation. */
  get negotiated(): NegotiatedAlgorithms | undefined {
    return this.transport.negotiated;
  }

  /** Enters the authentication phase and starts its timer. */
  protected beginAuth(auth: Auth): void {
    this.state = { kind: "auth", auth, deadline: this.#now + this.limits.authTimeout };
  }

  protected authSucceeded(): void {
    this.state = { kind: "connection" };
    this.transport.enterConnection();
  }

  protected setLoginMethod(name: string | undefined): void {
    this.#loginMethod = name;
    this.transport.setLoginMethod(name);
  }

  protected traceNewKeys(event: Extract<TransportEvent, { type: "new-keys" }>): void {
    this.#trace?.newKeys(event.negotiated, event.strictKex);
  }

  /**
   * Handles SSH_MSG_UNIMPLEMENTED (RFC 4253 §11.4). The connection ends if the packet was needed for a key exchange or login.
   * `loginMessage` names the unanswered login message in the packet, if any. After login, an unanswered request or open in the packet
   * fails. Any other packet is ignored.
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
          `the ${this.#peer} does not implement ${needed} (our packet ${sequenceNumber}), which the connection requires`,
        ),
      );
    else if (this.state.kind === "connection") this.connection.unimplemented(sequenceNumber);
  }

  protected loginTooSlow(): SshError {
    const { authTimeout } = this.limits;
    return new SshError("auth-timeout", `the ${this.#peer} did not complete authentication within ${authTimeout} ms`);
  }

  /** Returns the next connection event that the role does not answer itself. */
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

  /** Answers a global request that the protocol machine handles itself. Returns whether it did. */
  protected answers(_request: PeerGlobalRequest): boolean {
    return false;
  }

  #transportTrace(trace: ProtocolTrace, loginMethods: readonly LoginMessages[]): TransportTrace {
    return {
      identification: guarded("`trace`", (direction, line) => trace.identification(direction, line)),
      packet: guarded("`trace`", (packet) => {
        const kex = this.transport.negotiated?.kex.context;
        trace.packet(packet, { kex, login: this.#loginMethod, loginMethods });
      }),
    };
  }

  #loginDeadline(): number | undefined {
    const { state } = this;
    return state.kind === "auth" && !state.auth.waitingForApplication ? state.deadline : undefined;
  }
}
