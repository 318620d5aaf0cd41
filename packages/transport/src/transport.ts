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
  ended,
  endedUnidentified,
  goodbye,
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
  /** Looking for the peer's identification string in the chunks, which are copies. */
  | { readonly kind: "identification"; readonly reader: IdentificationReader; readonly chunks: Uint8Array[] }
  | { readonly kind: "packets" }
  | { readonly kind: "closed" };

/** What one step of work came to: an event, something without one, or nothing before more bytes come. */
type Step = TransportEvent | "worked" | "needs-more";

/**
 * The SSH transport protocol (RFC 4253), either side, as a pure state machine. The driver calls `tick(now)` at the start of each
 * turn, then `receive` or commands, then `nextEvent` until it is `undefined`, then writes what `takeOutput` gives, and calls
 * again when `deadline()` is reached.
 *
 * Nothing throws for what the peer did: that comes as the `closed` event. What the caller does wrong throws `usage`.
 * After `closed` everything is ignored, so that a layer above need not know of it at once.
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

  /** Throws `usage` for a software version that cannot be sent, and for a limit outside its range. */
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

  /** Begins: our identification and KEXINIT can be taken at once. `now`: milliseconds of a clock that never goes back. */
  start(now: number): void {
    if (this.#stage.kind !== "new") throw new SshError("usage", "The transport was started already");
    this.#schedule.now = now;
    const reader = new IdentificationReader(this.#peer, this.#limits);
    this.#stage = { kind: "identification", reader, chunks: [] };
    this.#outgoing.writeRaw(utf8Encode(`${this.#ownVersion}\r\n`));
    this.#options.trace?.identification("sent", this.#ownVersion);
    this.#beginExchange();
  }

  /** Takes bytes from the peer. They are copied; the work is done by `nextEvent`. */
  receive(chunk: Uint8Array): void {
    switch (this.#stage.kind) {
      case "new":
        throw new SshError("usage", "The transport has not been started");
      case "identification":
        this.#stage.chunks.push(copyBytes(chunk));
        break;
      case "packets":
        this.#reader.push(chunk);
        break;
      case "closed":
    }
  }

  /** The peer's bytes have ended. */
  end(): void {
    this.#ended = true;
    // No answer can matter any more.
    if (this.#exchange.asking) this.#fail(this.#cutOff(), "protocol");
  }

  /** Ends a broken connection. If the peer sent text before its identification, that text is reported instead of `error`. */
  broken(error: SshError): void {
    const words = this.#stage.kind === "identification" && this.#stage.reader.excerpt !== undefined;
    this.#fail(words ? this.#cutOff() : error, "local");
  }

  /**
   * Handles the received bytes, one packet at a time, and returns the next event. `undefined` until more bytes arrive, or an ask is
   * answered.
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

  /** Bytes for the peer, or `undefined`: call it until then. They are the caller's, and never change again. */
  takeOutput(): Bytes | undefined {
    return this.#outgoing.takeOutput();
  }

  /** Lets go of the buffers, which come back with the next bytes: for a connection on which nothing happens. */
  rest(): void {
    this.#reader.rest();
    this.#outgoing.rest();
    // An array keeps the room that it once took.
    if (this.#events.length === 0) this.#events = [];
  }

  /** When `tick` must be called at the latest, on the clock of `now`; `undefined` for never. */
  deadline(): number | undefined {
    return this.#stage.kind === "closed" ? undefined : this.#schedule.deadline;
  }

  /** Tells the time. */
  tick(now: number): void {
    this.#schedule.now = now;
    if (this.#stage.kind === "closed") return;
    if (this.#schedule.overdue) this.#fail(this.#tooSlow(), "protocol");
    else if (this.#schedule.keysTooOld) this.#beginExchange();
  }

  /**
   * Answers `verify-host-key`: `true`, or the error with which the connection ends. Throws `usage` for a token that is not that
   * of the open ask. Ignored after the end.
   */
  answerHostKey(token: AskToken, verdict: true | SshError): void {
    if (this.#stage.kind === "closed") return;
    this.#exchange.expectToken(token, "verifying");
    if (/* rule: verdict-is-true */ verdict !== true) {
      // A program without types may answer anything: nothing but true accepts (CVE-2025-26465).
      const refused = (verdict as unknown) instanceof SshError;
      return this.#fail(
        refused ? verdict : new SshError("host-key-refused", "The host key was refused"),
        /* rule: refusal-is-local */ "local",
      );
    }
    this.#guarded(() => this.#exchange.acceptHostKey());
  }

  /** Answers `sign-exchange-hash` with a signature blob. Throws `usage` for a token that is not that of the open ask. */
  answerSignature(token: AskToken, signature: Uint8Array): void {
    if (this.#stage.kind === "closed") return;
    this.#exchange.expectToken(token, "signing");
    this.#guarded(() => this.#exchange.sign(signature));
  }

  /**
   * Authentication has succeeded: the connection protocol may begin. Ignored after the end. Throws `usage` before the first key exchange is
   * over.
   */
  enterConnection(): void {
    if (this.#stage.kind === "closed") return;
    if (this.#gate.phase === "kex")
      throw new SshError("usage", "The connection protocol cannot begin before the first key exchange is over");
    this.#gate.enterConnection();
    this.#reader.maxPacketLength = this.#limits.maxPacketLength;
  }

  /** The method that the numbers 60–79 are about. */
  setAuthMethod(method: MethodContext | undefined): void {
    this.#gate.setAuthMethod(method);
  }

  /** Agrees new keys now. Ignored while a key exchange is under way, and before `enterConnection`. */
  requestRekey(): void {
    if (this.#schedule.mayRekey) this.#beginExchange();
  }

  /**
   * Sends SSH_MSG_DISCONNECT with the error's reason code and ends: the `closed` event with this error follows. The peer gets a fixed text
   * for the reason, since the error's own may hold paths, names and decisions.
   */
  disconnect(error: SshError): void {
    // rule: disconnect-is-local
    this.#fail(error, "local");
  }

  /**
   * The same for an error that a protocol layer above made about what the peer sent, or did not send in time: its text goes to the
   * peer. Never for an error that an application, a file or an agent had a part in.
   */
  reject(error: SshError): void {
    this.#fail(error, "protocol");
  }

  /**
   * Whether more input is of use now: not while an ask is open and a packet's worth waits already. Until then reading goes on, so
   * that a peer that goes away meanwhile is noticed.
   */
  get wantsInput(): boolean {
    return !this.#ended && this.#stage.kind !== "closed" && !(this.#exchange.asking && this.holdsPacket);
  }

  /** It has ended: no event is left but `closed`, if that was not told yet. */
  get closed(): boolean {
    return this.#stage.kind === "closed";
  }

  /** Whether the longest packet would fit into the bytes received that `nextEvent` has not come to yet. */
  get holdsPacket(): boolean {
    return this.#reader.buffered >= this.#reader.maxPacketLength;
  }

  /** Exchange hash of the first key exchange, once we are sure of it (RFC 4253 §7.2). */
  get sessionId(): Uint8Array | undefined {
    return this.#exchange.sessionId;
  }

  /** What both KEXINITs agree on: of the exchange under way, else of the last one. */
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
    return this.#turn.left <= 0;
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

  begin(length: number): Uint8Array {
    this.#turn.sent();
    return this.#outgoing.begin(length);
  }

  /** Sends the payload that `begin` returned, now complete. An error ends the connection. */
  commit(): void {
    try {
      this.#outgoing.commit();
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

  /** Takes a message of the transport's own, or of the key exchange. */
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
      // These inform and decide nothing: one that cannot be read is ignored, and stands as malformed in the trace.
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

  /** Tells the peer, where it is there and speaks SSH, and ends. */
  #fail(error: SshError, origin: Origin): void {
    if (this.#stage.kind === "closed") return;
    const speaksSsh = this.#stage.kind === "packets" || error.culprit === "caller";
    if (speaksSsh && this.#stage.kind !== "new" && error.code !== "connection-lost") {
      try {
        this.#outgoing.send(goodbye(error, origin));
      } catch {
        // Where even this cannot be sealed any more, the error that is being told matters, not this one.
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
    return this.#stage.kind === "identification"
      ? unidentifiedInTime(this.#peer, this.#stage.reader, kexTimeout)
      : new SshError("kex-timeout", `The ${this.#peer} did not bring the key exchange to its end in ${kexTimeout} ms`);
  }
}
