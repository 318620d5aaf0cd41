import { IdentificationReader, identificationString, type Role } from "@nacre/negotiation";
import { PacketReader, type PacketSink, type SentMessage } from "@nacre/packet";
import {
  type AskToken,
  type Bytes,
  completeLimits,
  copyBytes,
  decodeIfReadable,
  type MethodContext,
  SSH_MSG_DEBUG,
  SSH_MSG_DISCONNECT,
  SSH_MSG_EXT_INFO,
  SSH_MSG_IGNORE,
  SSH_MSG_PING,
  SSH_MSG_PONG,
  SSH_MSG_UNIMPLEMENTED,
  SshError,
  utf8Encode,
} from "@nacre/wire";
import {
  disconnectMessage,
  ended,
  endedUnidentified,
  type Origin,
  peerDisconnected,
  toSshError,
  unidentifiedInTime,
} from "./endings.ts";
import type { TransportEvent } from "./events.ts";
import { readExtInfo } from "./ext-info.ts";
import { Gate, RECEIVERS } from "./gate.ts";
import { type ExchangeContext, KeyExchange } from "./key-exchange.ts";
import { TRANSPORT_LIMITS, type TransportLimits } from "./limits.ts";
import type { NegotiatedAlgorithms, TransportOptions } from "./options.ts";
import { OutgoingPackets } from "./outgoing.ts";
import { Schedule } from "./schedule.ts";
import { Turn } from "./turn.ts";

type Stage =
  | { readonly kind: "new" }
  /** Searching for the peer's identification string in `chunks`, which are copies. */
  | { readonly kind: "identification"; readonly reader: IdentificationReader; readonly chunks: Uint8Array[] }
  | { readonly kind: "packets" }
  | { readonly kind: "closed" };

/** Result of one step: an event, work without an event, or a request for more input. */
type Step = TransportEvent | "worked" | "needs-more";

/**
 * SSH transport protocol (RFC 4253) for either side, as a state machine without I/O. In each turn the driver calls `tick(now)`, then
 * `receive` or other methods, then `nextEvent` until it returns `undefined`, and then writes the bytes from `takeOutput`. It starts a new
 * turn when input arrives or `deadline()` is reached.
 *
 * Errors of the peer do not throw; the `closed` event reports them. Errors of the caller throw `usage`. After `closed` all calls are
 * ignored, so a layer above need not notice the end immediately.
 */
export class Transport implements PacketSink {
  readonly #options: TransportOptions;
  readonly #limits: TransportLimits;
  readonly #ownVersion: string;
  readonly #peer: Role;
  readonly #reader: PacketReader;
  readonly #outgoing: OutgoingPackets;
  readonly #gate: Gate;
  readonly #exchange: KeyExchange;
  readonly #schedule: Schedule;
  readonly #turn: Turn;
  #events: TransportEvent[] = [];
  #stage: Stage = { kind: "new" };
  #peerVersion: string | undefined;
  #ended = false;

  /** Throws `usage` for an invalid software version and for a limit outside its range. */
  constructor(options: TransportOptions) {
    const limits = completeLimits(TRANSPORT_LIMITS, options.limits);
    this.#options = options;
    this.#limits = limits;
    this.#ownVersion = identificationString(options.softwareVersion);
    this.#peer = options.role === "client" ? "server" : "client";
    this.#reader = new PacketReader({
      // rule: packet-length-before-login
      maxPacketLength: Math.min(limits.maxPacketLength, limits.maxPacketLengthBeforeLogin),
    });
    this.#outgoing = new OutgoingPackets({
      random: options.random,
      maxQueuedBytes: limits.maxQueuedBytes,
      trace: options.trace,
    });
    this.#gate = new Gate(this.#peer);
    this.#turn = new Turn(limits.maxTurnWork);
    const context: ExchangeContext = {
      options,
      limits,
      ownVersion: this.#ownVersion,
      outgoing: this.#outgoing,
      reader: this.#reader,
      gate: this.#gate,
      emit: (event) => this.#events.push(event),
    };
    this.#exchange = new KeyExchange(context);
    this.#schedule = new Schedule(context, this.#exchange);
  }

  /** Starts the protocol and queues our identification string and KEXINIT. `now` is the time of a monotonic clock in milliseconds. */
  start(now: number): void {
    if (this.#stage.kind !== "new") throw new SshError("usage", "the transport is already started");
    this.#schedule.now = now;
    const reader = new IdentificationReader(this.#peer, this.#limits);
    this.#stage = { kind: "identification", reader, chunks: [] };
    this.#outgoing.writeRaw(utf8Encode(`${this.#ownVersion}\r\n`));
    this.#options.trace?.identification("sent", this.#ownVersion);
    this.#beginExchange();
  }

  /** Buffers a copy of bytes from the peer. `nextEvent` processes them. */
  receive(chunk: Uint8Array): void {
    switch (this.#stage.kind) {
      case "new":
        throw new SshError("usage", "the transport is not started; call `start` first");
      case "identification":
        this.#stage.chunks.push(copyBytes(chunk));
        break;
      case "packets":
        this.#reader.push(chunk);
        break;
      case "closed":
    }
  }

  /** Reports the end of the peer's byte stream. */
  end(): void {
    this.#ended = true;
    // An answer to the open ask can no longer matter.
    if (this.#exchange.asking) this.#fail(this.#cutOff(), "protocol");
  }

  /** Ends a broken connection. If the peer sent text before its identification string, reports that text instead of `error`. */
  broken(error: SshError): void {
    const words = this.#stage.kind === "identification" && this.#stage.reader.excerpt !== undefined;
    this.#fail(words ? this.#cutOff() : error, "local");
  }

  /**
   * Processes received bytes, one packet at a time, and returns the next event. Returns `undefined` until more bytes arrive or the open
   * ask is answered.
   */
  nextEvent(): TransportEvent | undefined {
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined) return event;
      if (this.#stage.kind === "closed" || this.#stage.kind === "new" || this.#exchange.asking) return undefined;
      // rule: turn-ends
      if (this.#turn.left <= 0) {
        this.#turn.renew();
        return { type: "yield" };
      }
      const step = this.#step();
      if (typeof step === "object") return step;
      if (step === "worked") continue;
      if (!this.#ended) return undefined;
      this.#fail(this.#cutOff(), "protocol");
    }
  }

  /** Returns bytes to write to the peer; call it until it returns `undefined`. The transport never modifies returned bytes. */
  takeOutput(): Bytes | undefined {
    if (this.#outgoing.open > 0) this.commit();
    return this.#outgoing.takeOutput();
  }

  /** Frees the buffers of an idle connection. They are allocated again with the next bytes. */
  rest(): void {
    this.#reader.rest();
    this.#outgoing.rest();
    // An emptied array keeps its allocated memory.
    if (this.#events.length === 0) this.#events = [];
  }

  /** Returns the latest time for the next `tick`, on the clock of `now`; `undefined` if none is needed. */
  deadline(): number | undefined {
    return this.#stage.kind === "closed" ? undefined : this.#schedule.deadline;
  }

  /** Sets the current time. Ends the connection if the key exchange has timed out, and begins a rekey if the keys are too old. */
  tick(now: number): void {
    this.#schedule.now = now;
    if (this.#stage.kind === "closed") return;
    if (this.#schedule.overdue) this.#fail(this.#tooSlow(), "protocol");
    else if (this.#schedule.keysTooOld) this.#beginExchange();
  }

  /**
   * Answers `verify-host-key` with `true`, or with the error that ends the connection. Throws `usage` if `token` does not belong to the
   * open ask. Ignored after the end.
   */
  answerHostKey(token: AskToken, verdict: true | SshError): void {
    if (this.#stage.kind === "closed") return;
    this.#exchange.expectToken(token, "verifying");
    if (/* rule: verdict-is-true */ verdict !== true) {
      // Only `true` accepts: untyped JavaScript may pass any value (CVE-2025-26465).
      const refused = (verdict as unknown) instanceof SshError;
      return this.#fail(
        refused ? verdict : new SshError("host-key-refused", "the host key was refused"),
        /* rule: refusal-is-local */ "local",
      );
    }
    this.#guarded(() => this.#exchange.acceptHostKey());
  }

  /** Answers `sign-exchange-hash` with a signature blob. Throws `usage` if `token` does not belong to the open ask. */
  answerSignature(token: AskToken, signature: Uint8Array): void {
    if (this.#stage.kind === "closed") return;
    this.#exchange.expectToken(token, "signing");
    this.#guarded(() => this.#exchange.sign(signature));
  }

  /**
   * Reports that authentication succeeded, so the connection protocol may begin. Ignored after the end. Throws `usage` before the first key
   * exchange is complete.
   */
  enterConnection(): void {
    if (this.#stage.kind === "closed") return;
    if (this.#gate.phase === "kex")
      throw new SshError("usage", "the connection protocol cannot begin before the first key exchange is complete");
    this.#gate.enterConnection();
    this.#reader.maxPacketLength = this.#limits.maxPacketLength;
  }

  /** Sets the authentication method that gives the message numbers 60–79 their meaning. */
  setAuthMethod(method: MethodContext | undefined): void {
    this.#gate.setAuthMethod(method);
  }

  /** Begins a rekey. Ignored during a key exchange and before `enterConnection`. */
  requestRekey(): void {
    if (this.#schedule.mayRekey) this.#beginExchange();
  }

  /**
   * Sends SSH_MSG_DISCONNECT with the error's reason code and ends the connection. The `closed` event with this error follows. The peer
   * gets a fixed text for the reason, since the error's text may hold local paths, names and decisions.
   */
  disconnect(error: SshError): void {
    // rule: disconnect-is-local
    this.#fail(error, "local");
  }

  /**
   * Ends the connection like `disconnect`, but sends the error's text to the peer. Only for errors that a protocol layer above raises
   * because of data that the peer sent, or failed to send in time; never for errors from the application, a file or an agent.
   */
  reject(error: SshError): void {
    this.#fail(error, "protocol");
  }

  /**
   * Whether the driver should read more input. False while an ask is open and input for one packet is already buffered. Until then reading
   * continues during an ask, so that a closed connection is noticed.
   */
  get wantsInput(): boolean {
    return !this.#ended && this.#stage.kind !== "closed" && !(this.#exchange.asking && this.holdsPacket);
  }

  /** Whether the connection has ended. Only events already queued and `closed` may still follow. */
  get closed(): boolean {
    return this.#stage.kind === "closed";
  }

  /** Whether the unprocessed input is at least as long as the longest accepted packet. */
  get holdsPacket(): boolean {
    return this.#reader.buffered >= this.#reader.maxPacketLength;
  }

  /** Exchange hash of the first key exchange, once that is authenticated (RFC 4253 §7.2). */
  get sessionId(): Uint8Array | undefined {
    return this.#exchange.sessionId;
  }

  /** Algorithms negotiated in the current key exchange, else in the last one. */
  get negotiated(): NegotiatedAlgorithms | undefined {
    return this.#exchange.negotiated;
  }

  /** The peer's identification string, without CR LF. */
  get peerVersion(): string | undefined {
    return this.#peerVersion;
  }

  get pending(): number {
    return this.#outgoing.pending;
  }

  get held(): boolean {
    return this.#outgoing.held;
  }

  get turnOver(): boolean {
    return this.#turn.left < 0;
  }

  write(payload: Uint8Array, sent?: SentMessage): void {
    this.#turn.sent();
    try {
      this.#outgoing.write(payload, sent);
      this.#rekeyIfUsedUp();
    } catch (error) {
      this.#fail(toSshError(error), "local");
    }
  }

  begin(header: number, length: number, stream: number, most: number): Uint8Array {
    const open = this.#outgoing.extend(length, stream, header + most);
    if (open !== undefined) return open;
    this.#turn.sent();
    if (this.#outgoing.open > 0) this.commit();
    return this.#outgoing.begin(header + length);
  }

  /** Sends the payload that `begin` returned, now complete, or seals the open one. An error ends the connection. */
  commit(stream = 0): void {
    try {
      this.#outgoing.commit(stream);
      this.#rekeyIfUsedUp();
    } catch (error) {
      this.#fail(toSshError(error), "local");
    }
  }

  #step(): Step {
    try {
      return this.#stage.kind === "identification"
        ? this.#identify(this.#stage.reader, this.#stage.chunks)
        : this.#nextPacket();
    } catch (error) {
      this.#fail(toSshError(error), "protocol");
      return "worked";
    }
  }

  #identify(reader: IdentificationReader, chunks: Uint8Array[]): Step {
    const chunk = chunks.shift();
    if (chunk === undefined) return "needs-more";
    const found = reader.receive(chunk);
    if (found === undefined) return "worked";
    this.#peerVersion = found.line;
    this.#exchange.peerVersion = found.line;
    this.#reader.push(chunk.subarray(found.consumed));
    for (const rest of chunks) this.#reader.push(rest);
    this.#stage = { kind: "packets" };
    this.#options.trace?.identification("received", found.line);
    this.#exchange.prepare();
    return { type: "identified", peerVersion: found.line };
  }

  #nextPacket(): Step {
    const payload = this.#reader.next();
    if (payload === undefined) return "needs-more";
    const { sequenceNumber, lastPacketLength } = this.#reader;
    this.#turn.received(lastPacketLength);
    this.#options.trace?.packet({ direction: "received", sequenceNumber, wireLength: lastPacketLength, payload });
    const number = payload[0]!;
    const verdict = this.#gate.admit(number);
    let step: Step = "worked";
    if (verdict === "admit")
      step = RECEIVERS[number] === "layer-above" ? { type: "message", payload } : this.#take(payload, number);
    else if (verdict === "unimplemented") this.#outgoing.answer(SSH_MSG_UNIMPLEMENTED.encode({ sequenceNumber }));
    this.#rekeyIfUsedUp();
    return step;
  }

  /** Processes a message of the transport or of the key exchange. */
  #take(payload: Bytes, number: number): Step {
    if (RECEIVERS[number] === "key-exchange") {
      this.#exchange.receive(payload);
      this.#schedule.follow();
      return "worked";
    }
    switch (number) {
      case SSH_MSG_DISCONNECT.number:
        this.#close(peerDisconnected(this.#peer, SSH_MSG_DISCONNECT.decode(payload)));
        return "worked";
      // These messages are only informative, so a malformed one is ignored; the trace shows it as malformed.
      case SSH_MSG_IGNORE.number:
        return "worked";
      case SSH_MSG_UNIMPLEMENTED.number: {
        const sequenceNumber = decodeIfReadable(SSH_MSG_UNIMPLEMENTED, payload)?.sequenceNumber;
        if (sequenceNumber === undefined) return "worked";
        return { type: "unimplemented", sequenceNumber, kexMessage: this.#exchange.nameOf(sequenceNumber) };
      }
      case SSH_MSG_DEBUG.number: {
        const debug = decodeIfReadable(SSH_MSG_DEBUG, payload);
        return debug ? { type: "debug", alwaysDisplay: debug.alwaysDisplay, message: debug.message } : "worked";
      }
      case SSH_MSG_EXT_INFO.number:
        return { type: "ext-info", extensions: readExtInfo(payload, this.#limits.maxExtensions) };
      case SSH_MSG_PING.number:
        this.#outgoing.answer(SSH_MSG_PONG.encode(SSH_MSG_PING.decode(payload)));
        return "worked";
      case SSH_MSG_PONG.number:
        SSH_MSG_PONG.decode(payload);
        return "worked";
      default:
        throw new SshError("internal", `message ${number} has no receiver`);
    }
  }

  #beginExchange(): void {
    this.#guarded(() => this.#exchange.begin());
  }

  #rekeyIfUsedUp(): void {
    if (this.#schedule.keysUsedUp) this.#beginExchange();
  }

  #guarded(move: () => void): void {
    try {
      move();
      this.#schedule.follow();
    } catch (error) {
      this.#fail(toSshError(error), "local");
    }
  }

  /** Sends SSH_MSG_DISCONNECT if the peer speaks SSH and is still connected, then ends the connection. */
  #fail(error: SshError, origin: Origin): void {
    if (this.#stage.kind === "closed") return;
    const speaksSsh = this.#stage.kind === "packets" || error.culprit === "caller";
    if (speaksSsh && this.#stage.kind !== "new" && error.code !== "connection-lost") {
      try {
        this.#outgoing.send(disconnectMessage(error, origin));
      } catch {
        // Sealing may fail too; `error` is the cause to report, not this failure.
      }
    }
    this.#close(error);
  }

  #close(error: SshError): void {
    if (this.#stage.kind === "closed") return;
    this.#stage = { kind: "closed" };
    this.#exchange.abandon();
    this.#outgoing.close();
    this.#events.push({ type: "closed", error });
  }

  #cutOff(): SshError {
    return this.#stage.kind === "identification"
      ? endedUnidentified(this.#peer, this.#stage.reader)
      : ended(this.#peer, this.#gate.phase, this.#reader.buffered);
  }

  #tooSlow(): SshError {
    const { kexTimeout } = this.#limits;
    const { timeout, elapsed } = this.#options.connecting ?? { timeout: Infinity, elapsed: 0 };
    const isConnecting = this.#gate.phase === "kex" && timeout - elapsed < kexTimeout;
    const time = isConnecting ? timeout : kexTimeout;
    return new SshError(
      isConnecting ? "connect-timeout" : "kex-timeout",
      this.#stage.kind === "identification"
        ? unidentifiedInTime(this.#peer, this.#stage.reader, time)
        : `the ${this.#peer} did not complete the key exchange within ${time} ms`,
    );
  }
}
