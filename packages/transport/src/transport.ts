import { IdentificationReader, identificationString, type Role } from "@nacre/negotiation";
import { PacketReader, type PacketSink } from "@nacre/packet";
import {
  type AskToken,
  type Bytes,
  completeLimits,
  copyBytes,
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
  timedOut,
  toSshError,
} from "./endings.ts";
import type { TransportEvent } from "./events.ts";
import { Gate, RECEIVERS } from "./gate.ts";
import { readInformative } from "./informative.ts";
import { type ExchangeContext, KeyExchange } from "./key-exchange.ts";
import { TRANSPORT_LIMITS, type TransportLimits } from "./limits.ts";
import type { NegotiatedAlgorithms, ServerProof, TransportOptions } from "./options.ts";
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
export class Transport {
  /** Sends messages of the layers above. */
  readonly sink: PacketSink;
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
    this.#turn = new Turn(limits.maxTurnWork);
    this.#outgoing = new OutgoingPackets({
      random: options.random,
      maxQueuedBytes: limits.maxQueuedBytes,
      trace: options.trace,
      turn: this.#turn,
      onUsedUp: () => this.requestRekey(),
      onFault: (error) => this.#fail(toSshError(error), "local"),
    });
    this.sink = this.#outgoing;
    this.#gate = new Gate(this.#peer, options.loginMethods ?? []);
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
    this.#outgoing.writeRaw(utf8Encode(`${this.#options.greeting ?? ""}${this.#ownVersion}\r\n`));
    this.#options.trace?.identification("sent", this.#ownVersion);
    this.#beginExchange();
  }

  /** Buffers a copy of bytes from the peer. `nextEvent` processes them. */
  receive(chunk: Uint8Array): void {
    const stage = this.#stage;
    if (stage.kind === "new") throw new SshError("usage", "the transport is not started; call `start` first");
    if (stage.kind === "identification") stage.chunks.push(copyBytes(chunk));
    else if (stage.kind === "packets") this.#reader.push(chunk);
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
      const { kind } = this.#stage;
      if (kind === "closed" || kind === "new") return undefined;
      // rule: turn-ends
      if (this.#turn.left <= 0) {
        this.#turn.renew();
        return { type: "yield" };
      }
      // Often there is no input: a turn of the driver also sends output.
      if (kind === "packets" && this.#reader.buffered === 0 && !this.#ended) return undefined;
      if (this.#exchange.asking) return undefined;
      let step: Step;
      try {
        step =
          this.#stage.kind === "identification"
            ? this.#identify(this.#stage.reader, this.#stage.chunks)
            : this.#nextPacket();
      } catch (error) {
        this.#fail(toSshError(error), "protocol");
        continue;
      }
      if (typeof step === "object") return step;
      if (step === "worked") continue;
      if (!this.#ended) return undefined;
      this.#fail(this.#cutOff(), "protocol");
    }
  }

  /** Removes and returns the bytes to write to the peer, in pieces. The transport never modifies returned bytes. */
  takeOutput(): readonly Bytes[] {
    return this.#outgoing.takeOutput();
  }

  /** Whether an event waits that needs no further input. */
  get hasEvents(): boolean {
    return this.#events.length > 0;
  }

  /** Frees the buffers of an idle connection. They are allocated again with the next bytes. */
  releaseBuffers(): void {
    this.#reader.releaseBuffers();
    this.#outgoing.releaseBuffers();
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
    const { deadline } = this.#schedule;
    if (deadline === undefined || now < deadline || this.#stage.kind === "closed") return;
    const identifying = this.#stage.kind === "identification" ? this.#stage.reader : undefined;
    if (this.#schedule.overdue) this.#fail(timedOut(this.#peer, identifying, this.#schedule.bound), "protocol");
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
    this.#schedule.follow();
    this.#reader.maxPacketLength = this.#limits.maxPacketLength;
  }

  /** Sets the login method in use, by name. Only its messages are admitted among the numbers 60–79. */
  setLoginMethod(name: string | undefined): void {
    this.#gate.setLoginMethod(name);
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
   * Sends SSH_MSG_DISCONNECT as `disconnect` does, and nothing after it, but goes on to receive. RFC 4253 §11.1 forbids that, but replies
   * that the peer has already sent would be lost. Call `disconnect` soon.
   */
  leave(error: SshError): void {
    if (this.#stage.kind === "packets") this.#outgoing.finish(disconnectMessage(error, "local"));
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
    return this.#exchange.serverProof?.sessionId;
  }

  /** The server's proof in the first key exchange, once that is authenticated. */
  get serverProof(): ServerProof | undefined {
    return this.#exchange.serverProof;
  }

  /** Algorithms negotiated in the current key exchange, else in the last one. */
  get negotiated(): NegotiatedAlgorithms | undefined {
    return this.#exchange.negotiated;
  }

  /** The peer's identification string, without CR LF. */
  get peerVersion(): string | undefined {
    return this.#peerVersion;
  }

  #identify(reader: IdentificationReader, chunks: Uint8Array[]): Step {
    const chunk = chunks.shift();
    if (chunk === undefined) return "needs-more";
    const found = reader.receive(chunk);
    if (found === undefined) return "worked";
    this.#peerVersion = found.line;
    this.#reader.push(chunk.subarray(found.consumed));
    for (const rest of chunks) this.#reader.push(rest);
    this.#stage = { kind: "packets" };
    this.#options.trace?.identification("received", found.line);
    this.#exchange.identified(found.line);
    return { type: "identified", peerVersion: found.line, linesBefore: reader.linesBefore };
  }

  #nextPacket(): Step {
    const payload = this.#reader.next();
    if (payload === undefined) return "needs-more";
    const { sequenceNumber, lastPacketLength: wireLength } = this.#reader.counts;
    this.#turn.received(wireLength);
    this.#options.trace?.packet({ direction: "received", sequenceNumber, wireLength, payload });
    const number = payload[0]!;
    const verdict = this.#gate.admit(number);
    let step: Step = "worked";
    if (verdict === "admit")
      step = RECEIVERS[number] === "layer-above" ? { type: "message", payload } : this.#take(payload, number);
    else if (verdict === "unimplemented") this.#outgoing.answer(SSH_MSG_UNIMPLEMENTED.encode({ sequenceNumber }));
    if (this.#reader.counts.isUsedUp || this.#outgoing.counts.isUsedUp) this.requestRekey();
    return step;
  }

  /** Processes a message of the transport or of the key exchange. */
  #take(payload: Bytes, number: number): Step {
    if (RECEIVERS[number] === "key-exchange") {
      this.#exchange.receive(payload);
      this.#schedule.follow();
      return "worked";
    }
    if (number === SSH_MSG_PING.number) {
      this.#outgoing.answer(SSH_MSG_PONG.encode(SSH_MSG_PING.decode(payload)));
      return "worked";
    }
    const nameOf = (sequenceNumber: number): string | undefined => this.#exchange.nameOf(sequenceNumber);
    const event = readInformative(payload, this.#limits.maxExtensions, nameOf);
    if (event?.type === "disconnect") this.#close(peerDisconnected(this.#peer, event));
    return event ?? "worked";
  }

  #beginExchange(): void {
    this.#guarded(() => this.#exchange.begin());
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
    if (speaksSsh && this.#stage.kind !== "new" && error.code !== "connection-lost")
      this.#outgoing.finish(disconnectMessage(error, origin));
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
}
