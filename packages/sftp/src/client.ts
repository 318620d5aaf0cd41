import { type Bytes, completeLimits, copyBytes, type Overrides, SshError, utf8Decode } from "@nacre/wire";
import type { SftpClientEvent, SftpLimits } from "./client-events.ts";
import { SFTP_VERSION } from "./constants.ts";
import { FrameReader } from "./frame-reader.ts";
import { isKnownToKeepOrder } from "./known-servers.ts";
import { type LimitsRequest, SFTP_EXTENSIONS, type SftpExtension } from "./messages/extensions.ts";
import { version } from "./messages/handshake.ts";
import { SFTP_CLIENT_LIMITS, type SftpClientLimits } from "./messages/limits.ts";
import type { LimitsReply } from "./messages/replies.ts";
import { type PendingRequest, PendingRequests } from "./pending-requests.ts";
import { assertFits } from "./reply-check.ts";
import { replyEvent } from "./reply-event.ts";
import { RequestOutput } from "./request-output.ts";
import { ServerHandles, sharedHandle } from "./server-handles.ts";
import { limitsFrom, unstatedLimits } from "./server-limits.ts";
import { exchangePaths, symlinkOrderOf } from "./symlink-order.ts";
import { decodeReply, REQUESTS, type SftpReply, type SftpRequest, SSH_FXP } from "./table.ts";

/** Options of `SftpClient`. */
export interface SftpClientOptions {
  /** Resource limits; missing ones have their defaults. */
  readonly limits?: Overrides<SftpClientLimits> | undefined;
  /**
   * Identification string of the SSH server, such as `"SSH-2.0-OpenSSH_10.0"`; default unknown. With the extensions it decides the order of
   * the paths in SSH_FXP_SYMLINK, and `isKnownToKeepOrder`.
   */
  readonly serverVersion?: string | undefined;
  /** Whether two open files may share a handle; default false. Dangerous: some servers, such as Erlang's, then act on the wrong file. */
  readonly allowsReusedHandles?: boolean | undefined;
}

/** Length in bytes up to which a status or a handle is short. */
const SHORT_REPLY = 1024;

/** Bytes of SSH_FXP_DATA before the data: type, request id, length. */
const DATA_HEADER = 9;

/**
 * An SFTP client (draft-ietf-secsh-filexfer-02, version 3, with OpenSSH's extensions), as a pure state machine over the bytes of a channel.
 * `receive` takes the server's bytes, `nextEvent` returns events, and `unsent` has the bytes to send.
 *
 * Each request returns an id, and its answer is one event with that id. Replies come in any order. The value passed as `waiter` comes back
 * in the event, so the caller needs no table of its own.
 *
 * If the server gives a handle that is open, the second open and every request on the first file are answered by "unanswered" with the
 * error `sftp-handle-reused`, unless the option `allowsReusedHandles` is set. Close the first file, and open them again one at a time.
 *
 * Invalid input from the server ends SFTP: one "unanswered" event for each request, then "closed". Invalid calls throw `usage`; calls after
 * the end throw `channel-closed`.
 */
export class SftpClient<Waiter = void> {
  readonly #limits: SftpClientLimits;
  readonly #serverVersion: string | undefined;
  readonly #allowsReusedHandles: boolean;
  readonly #frames: FrameReader;
  readonly #output = new RequestOutput();
  readonly #requests = new PendingRequests<Waiter>();
  readonly #handles = new ServerHandles();
  /** Requests that are not sent, because their handle is shared. */
  readonly #refused: PendingRequest<Waiter>[] = [];
  /** Memory of the last short reply. */
  readonly #shortReply: Bytes = new Uint8Array(SHORT_REPLY);
  #state: State<Waiter> = { kind: "starting" };
  #serverLimits: SftpLimits;

  /** Throws `usage` if a limit is out of range. */
  constructor(options: SftpClientOptions = {}) {
    this.#limits = completeLimits(SFTP_CLIENT_LIMITS, options.limits);
    this.#serverVersion = options.serverVersion;
    this.#allowsReusedHandles = options.allowsReusedHandles === true;
    const { maxPacketLength } = this.#limits;
    this.#frames = new FrameReader(maxPacketLength);
    this.#serverLimits = unstatedLimits(maxPacketLength);
    this.#output.init();
  }

  /** Extensions that the server announced, with their data; empty before "ready". */
  get extensions(): ReadonlyMap<string, Uint8Array> {
    return this.#state.kind === "ready" ? this.#state.extensions : NO_EXTENSIONS;
  }

  /** Limits of the server. Until it states them, those that every server accepts: reads and writes of 32 KiB. */
  get serverLimits(): SftpLimits {
    return this.#serverLimits;
  }

  /** Whether the server is known to carry out the requests on one file in order. If not, await the writes before you close the file. */
  get isKnownToKeepOrder(): boolean {
    return isKnownToKeepOrder(this.#serverVersion, this.extensions);
  }

  /** Number of requests without a reply, including abandoned ones. */
  get requestCount(): number {
    return this.#requests.count;
  }

  /** Bytes to send, as a view that is valid until the next call of a method. Report them with `sent`. */
  get unsent(): Bytes {
    return this.#output.unsent;
  }

  /** Reports the first `length` bytes of `unsent` as sent. Throws `usage` if there are fewer. */
  sent(length: number): void {
    this.#output.sent(length);
  }

  /** Whether the server announced this extension, in this version. `SFTP_EXTENSIONS` has those of requests. */
  supports({ name, data }: SftpExtension): boolean {
    const announced = this.extensions.get(name);
    return announced !== undefined && utf8Decode(announced) === data;
  }

  /**
   * Adds bytes from the server. The client then owns them with their buffer, which must hold nothing else. Take the events after each call.
   */
  receive(bytes: Uint8Array): void {
    if (this.#state.kind === "starting" || this.#state.kind === "ready") this.#frames.push(bytes);
  }

  /** Reports that the server sends no more bytes. `error` is the reason, if it is known. */
  end(error?: SshError): void {
    this.#close(error ?? new SshError("channel-closed", "the server ended SFTP; connect again to go on"));
  }

  /** Returns the next event, or `undefined` until more is received. */
  nextEvent(): SftpClientEvent<Waiter> | undefined {
    for (;;) {
      if (this.#state.kind === "closed") return this.#state.events.shift();
      const refused = this.#refused.shift();
      if (refused !== undefined) {
        const { id, isAbandoned } = refused;
        const waiter = refused.waiter as Waiter;
        this.#requests.remove(refused);
        if (isAbandoned) continue;
        return { type: "unanswered", request: id, waiter, error: sharedHandle() };
      }
      try {
        if (!this.#frames.next()) return undefined;
        const event = this.#receive();
        if (event !== undefined) return event;
      } catch (error) {
        if (!(error instanceof SshError)) throw error;
        this.#close(this.#state.kind === "starting" && error.code === "packet-length" ? printedText(error) : error);
      }
    }
  }

  /**
   * Sends a request and returns its id. Byte strings are copied. `waiter` comes back in the event that answers the request. Throws
   * `usage` for an invalid value, `request-limit` if too many requests are in flight, `sftp-unsupported` if the server lacks the
   * extension, or `channel-closed`.
   */
  request(request: SftpClientRequest, waiter: Waiter): number {
    if (request.type === "read") return this.read(request.handle, request.offset, request.length, waiter);
    if (request.type === "write") return this.write(request.handle, request.offset, request.data, waiter);
    this.#assertCanSend();
    const { extension } = REQUESTS[request.type];
    if (extension !== undefined && !this.supports(extension))
      throw new SshError(
        "sftp-unsupported",
        `the server lacks version ${extension.data} of the SFTP extension ${extension.name}; do without "${request.type}"`,
      );
    const isExchanged =
      request.type === "symlink" && symlinkOrderOf(this.#serverVersion, this.extensions) === "link-first";
    const sent = this.#send(isExchanged ? exchangePaths(request) : request, waiter);
    if (request.type === "users-groups-by-id") {
      sent.length = request.uids.length;
      sent.groups = request.gids.length;
    }
    return sent.id;
  }

  /** Reads up to `length` bytes at `offset`. The answer is an event of type "data", or the status EOF. Throws like `request`. */
  read(handle: Uint8Array, offset: number, length: number, waiter: Waiter): number {
    this.#assertCanSend();
    const most = this.#limits.maxPacketLength - DATA_HEADER;
    if (!(Number.isInteger(length) && length >= 1 && length <= most))
      throw new SshError("usage", `the length of a read must be an integer from 1 to ${most} bytes, got ${length}`);
    const sent = this.#send({ type: "read", handle, offset, length }, waiter);
    sent.length = length;
    return sent.id;
  }

  /** Writes `data` at `offset`. The data is copied into `unsent`. Throws like `request`, and `usage` for more than `serverLimits` allow. */
  write(handle: Uint8Array, offset: number, data: Uint8Array, waiter: Waiter): number {
    this.#assertCanSend();
    const { maxWriteLength } = this.#serverLimits;
    if (data.length > maxWriteLength)
      throw new SshError(
        "usage",
        `a write of ${data.length} bytes; the server's limit is ${maxWriteLength} (\`serverLimits\`)`,
      );
    const sent = this.#requests.add("write", waiter);
    sent.handle = handle;
    if (this.#refuses(sent)) return sent.id;
    try {
      this.#output.write(sent.id, handle, offset, data, this.#serverLimits.maxPacketLength);
    } catch (error) {
      this.#requests.remove(sent);
      throw error;
    }
    return sent.id;
  }

  /**
   * Ignores the reply to a request: no event follows. The request still counts until its reply arrives. A handle in the reply is closed.
   * Does nothing if the request is answered.
   */
  abandon(request: number): void {
    const found = this.#requests.find(request);
    if (found === undefined) return;
    found.isAbandoned = true;
    found.waiter = undefined;
  }

  #send(request: SftpRequest, waiter: Waiter | undefined): PendingRequest<Waiter> {
    const { type } = request;
    const pending = this.#requests.add(type, waiter);
    if (request.type === "copy-data") {
      pending.handle = request.writeHandle;
      pending.source = request.readHandle;
    } else if ("handle" in request) {
      pending.handle = type === "close" ? copyBytes(request.handle) : request.handle;
    }
    if (this.#refuses(pending)) return pending;
    try {
      this.#output.request(pending.id, request, this.#serverLimits.maxPacketLength);
    } catch (error) {
      this.#requests.remove(pending);
      throw error;
    }
    return pending;
  }

  /** Sends a request of our own, whose reply causes no event. */
  #sendSilently(request: SftpRequest): void {
    this.#send(request, undefined).isAbandoned = true;
  }

  /** Returns whether a request must not be sent, because the server would carry it out on another file. Its event follows. */
  #refuses(request: PendingRequest<Waiter>): boolean {
    // rule: sftp-shared-request
    if (request.type === "close" || !this.#isShared(request)) return false;
    this.#refused.push(request);
    return true;
  }

  #isShared({ handle, source }: PendingRequest<Waiter>): boolean {
    return this.#handles.isShared(handle) || this.#handles.isShared(source);
  }

  #assertCanSend(): void {
    const { kind } = this.#state;
    if (kind === "starting") throw new SshError("usage", "a request before SFTP is ready; wait for the event `ready`");
    if (kind === "closed") throw new SshError("channel-closed", "SFTP has ended; connect again to send requests");
    const { maxRequests } = this.#limits;
    if (this.#requests.count >= maxRequests)
      throw new SshError(
        "request-limit",
        `the limit of ${maxRequests} SFTP requests that await a reply is reached (\`maxRequests\`)`,
      );
  }

  /** Handles the current packet, which is here as a whole. Returns its event, if it has one. */
  #receive(): SftpClientEvent<Waiter> | undefined {
    const number = this.#frames.byteAt(0);
    if (this.#state.kind === "starting") return this.#receiveVersion(number);
    if (this.#frames.remaining < 5)
      throw new SshError("malformed-message", `an SFTP packet of type ${number} without a request id`);
    const id = this.#frames.uint32At(1);
    const request = this.#requests.find(id);
    if (request === undefined)
      throw new SshError("unexpected-message", `the SFTP server answered request ${id}, which is not pending`);
    if (number === SSH_FXP.DATA && !this.#isShared(request) && this.#hasData(request))
      return this.#receiveData(request);
    return this.#answer(request, decodeReply(this.#takeReply(number), request.type!));
  }

  /**
   * Reads the current packet. A short status or handle is read into memory that the next one overwrites: the event has a copy of what it
   * keeps. Every file has several, and fresh memory for each would take as long as decoding it.
   */
  #takeReply(number: number): Uint8Array {
    const { remaining } = this.#frames;
    const isCopied = number === SSH_FXP.STATUS || number === SSH_FXP.HANDLE;
    if (!isCopied || remaining > SHORT_REPLY) return this.#frames.take(remaining);
    const packet = this.#shortReply.subarray(0, remaining);
    this.#frames.copy(packet);
    return packet;
  }

  #receiveVersion(number: number): SftpClientEvent<Waiter> | undefined {
    const packet = this.#frames.take(this.#frames.remaining);
    if (number !== SSH_FXP.VERSION)
      throw new SshError(
        "unexpected-message",
        `the server began SFTP with a packet of type ${number}; check that its subsystem "sftp" is an SFTP server`,
      );
    const { version: chosen, extensions } = version.decode(packet.subarray(1));
    if (chosen !== SFTP_VERSION)
      throw new SshError(
        "sftp-version",
        `the server speaks SFTP version ${chosen}; Nacre needs version ${SFTP_VERSION}`,
      );
    this.#state = { kind: "ready", extensions: new Map(extensions.map(({ name, data }) => [name, data])) };
    if (this.supports(SFTP_EXTENSIONS.limits)) this.#sendSilently({ type: "limits" });
    return { type: "ready" };
  }

  /** Returns whether the current packet has the data of a read. If not, the codec throws the error, or finds the end of the file. */
  #hasData(request: PendingRequest<Waiter>): boolean {
    const length = this.#frames.remaining - DATA_HEADER;
    return (
      request.type === "read" &&
      /* rule: sftp-empty-data */ length > 0 &&
      /* rule: sftp-into-length */ length <= request.length &&
      /* rule: sftp-into-field */ this.#frames.uint32At(5) === length
    );
  }

  /** Passes the data of the current packet on as it arrived. */
  #receiveData(request: PendingRequest<Waiter>): SftpClientEvent<Waiter> | undefined {
    const length = this.#frames.remaining - DATA_HEADER;
    const { id, isAbandoned } = request;
    const waiter = request.waiter as Waiter;
    this.#requests.remove(request);
    this.#frames.skip(isAbandoned ? DATA_HEADER + length : DATA_HEADER);
    return isAbandoned
      ? undefined
      : { type: "data", request: id, waiter, pieces: this.#frames.takePieces(length), length };
  }

  #answer(request: PendingRequest<Waiter>, reply: SftpReply): SftpClientEvent<Waiter> | undefined {
    assertFits(reply, request, this.#limits);
    const { id, type, isAbandoned } = request;
    const waiter = request.waiter as Waiter;
    const isAgain = /* rule: sftp-shared-handle */ reply.type === "handle" && !this.#isNewHandle(reply.handle);
    if (isAgain) this.#serverLimits = { ...this.#serverLimits, maxOpenHandles: 1 };
    const isShared = isAgain || /* rule: sftp-shared-reply */ this.#isShared(request);
    if (type === "close") this.#handles.remove(request.handle!);
    this.#requests.remove(request);
    if (type === "limits") {
      if (reply.type === "limits") this.#serverLimits = limitsFrom(reply.limits, this.#limits.maxPacketLength);
      return { type: "limits", limits: this.#serverLimits };
    }
    if (isAbandoned) {
      // rule: sftp-abandoned-handle
      if (reply.type === "handle" && !isShared) this.#sendSilently({ type: "close", handle: reply.handle });
      return undefined;
    }
    if (isShared) return { type: "unanswered", request: id, waiter, error: sharedHandle() };
    return replyEvent(reply as Exclude<SftpReply, LimitsReply>, type!, id, waiter);
  }

  #isNewHandle(handle: Uint8Array): boolean {
    return this.#allowsReusedHandles || this.#handles.add(handle);
  }

  #close(error: SshError): void {
    if (this.#state.kind === "closed") return;
    const events: SftpClientEvent<Waiter>[] = [];
    for (const request of this.#requests.all()) {
      const waiter = request.waiter as Waiter;
      if (!request.isAbandoned) events.push({ type: "unanswered", request: request.id, waiter, error });
      this.#requests.remove(request);
    }
    events.push({ type: "closed", error });
    this.#state = { kind: "closed", events };
    this.#refused.length = 0;
    this.#frames.clear();
    this.#output.clear();
  }
}

/** Request that a client can send. The client itself sends "limits". */
export type SftpClientRequest = Exclude<SftpRequest, LimitsRequest>;

type State<Waiter> =
  /** Until SSH_FXP_VERSION. */
  | { readonly kind: "starting" }
  | { readonly kind: "ready"; readonly extensions: ReadonlyMap<string, Uint8Array> }
  | { readonly kind: "closed"; readonly events: SftpClientEvent<Waiter>[] };

const NO_EXTENSIONS: ReadonlyMap<string, Uint8Array> = new Map();

/** Returns the error for text before the first packet, which has the form of a very long packet. */
function printedText({ message }: SshError): SshError {
  return new SshError(
    "packet-length",
    `${message}; the server probably sent text: check that the user's login scripts print nothing for non-interactive sessions`,
  );
}
