import { type AskToken, askToken, type Bytes, completeLimits, readUint32, SshError, staleAnswer } from "@nacre/wire";
import { SFTP_VERSION, SSH_FX, SSH_FXF } from "./constants.ts";
import { FrameReader } from "./frame-reader.ts";
import type { HandleTable, OpenHandle } from "./handles.ts";
import type { Attributes } from "./messages/attributes.ts";
import type { SftpExtension, StatVfs, UsersGroups } from "./messages/extensions.ts";
import { init } from "./messages/handshake.ts";
import { PACKET_OVERHEAD, SFTP_SERVER_LIMITS, type SftpServerLimits } from "./messages/limits.ts";
import type { NameEntry } from "./messages/replies.ts";
import { firstNames, ReplyOutput, statusMessage, statusReply } from "./reply-output.ts";
import { type Access, accessOf, RequestOrder } from "./request-order.ts";
import type { SftpServerEvent } from "./server-events.ts";
import { announcedExtensions, handleTable, type SftpServerOptions } from "./server-options.ts";
import { handlesOf, longestPath, receivedRequest, suits, withValues } from "./server-requests.ts";
import type { SymlinkOrder } from "./symlink-order.ts";
import { REQUESTS, type SftpReply, type SftpRequest, SSH_FXP, type SuccessReply } from "./table.ts";
import { WriteReplies } from "./write-replies.ts";

/** A request of the client without an answer. */
interface PendingRequest<Handle> {
  /** Request id on the wire. */
  readonly id: number;
  readonly token: AskToken;
  readonly request: SftpRequest;
  readonly handles: readonly OpenHandle<Handle>[];
  readonly access: Access;
  /** Data bytes of a read or write; bytes of the packet of any other request, whose fields may be views of it. */
  readonly bytes: number;
}

/**
 * An SFTP server (draft-ietf-secsh-filexfer-02, version 3, with OpenSSH's extensions), as a pure state machine over the bytes of a channel.
 * `receive` takes the client's bytes, `nextEvent` returns requests, the methods named after replies answer them in any order, and `unsent`
 * has the bytes to send. Replies leave in the order of the answers, those to writes on one handle in the order of the requests.
 *
 * The application's files and directories are values of type `Handle`. The server makes the handles on the wire, refuses closed and
 * forged ones, and keeps the requests on each handle in order: a "close" comes after the answers to all earlier requests on its handle. The
 * option `handles` turns this off. Requests by path are not put in order.
 *
 * Malformed requests are answered with SSH_FX_BAD_MESSAGE. Packets that are too long, or that begin without SSH_FXP_INIT, end SFTP. Invalid
 * calls throw `usage`. Answers after the end are accepted and not sent.
 */
export class SftpServer<Handle = Uint8Array> {
  readonly #limits: SftpServerLimits;
  readonly #symlinkOrder: SymlinkOrder;
  readonly #extensions: readonly SftpExtension[];
  /** `undefined`: the application gets the requests of all extensions as they are. */
  readonly #announced: ReadonlySet<string> | undefined;
  readonly #frames: FrameReader;
  readonly #output = new ReplyOutput();
  readonly #handles: HandleTable<Handle>;
  readonly #order = new RequestOrder<PendingRequest<Handle>>();
  readonly #asks = new Map<AskToken, PendingRequest<Handle>>();
  readonly #writes = new WriteReplies<PendingRequest<Handle>>();
  readonly #events: SftpServerEvent<Handle>[] = [];
  /** Whether the client sends no more bytes. */
  #hasEnded = false;
  /** Number of pending opens. */
  #opening = 0;
  /** Bytes of the pending requests, as `PendingRequest.bytes` counts them. */
  #bytes = 0;
  #state: State = { kind: "starting" };

  /** Throws `usage` if a limit is out of range, if two extensions have the same name, or for another value of `handles`. */
  constructor({ extensions = [], limits, symlinkOrder = "target-first", handles }: SftpServerOptions<Handle> = {}) {
    this.#symlinkOrder = symlinkOrder;
    this.#handles = handleTable(handles);
    this.#limits = completeLimits(SFTP_SERVER_LIMITS, limits);
    this.#extensions = extensions === "raw" ? [] : announcedExtensions(extensions);
    this.#announced = extensions === "raw" ? undefined : new Set(this.#extensions.map(({ name }) => name));
    this.#frames = new FrameReader(this.#limits.maxPacketLength);
  }

  /** Maximum length of a read in bytes. Longer ones are shortened to it. */
  get maxReadLength(): number {
    return this.#limits.maxPacketLength - PACKET_OVERHEAD;
  }

  /** Number of open handles. */
  get handleCount(): number {
    return this.#handles.count;
  }

  /** Number of requests without an answer, including those that wait for earlier ones on their handle. */
  get requestCount(): number {
    return this.#order.count;
  }

  /** Number of the last bytes of `receive` that are not parsed yet. The server has copied the ones before, and does not keep them. */
  get unparsed(): number {
    return this.#frames.held;
  }

  /**
   * Whether the server parses further requests. While false, do not read more from the client, or return no window credit: too much
   * is pending or unsent. Look again after each answer and each call of `sent`.
   */
  get wantsInput(): boolean {
    return (
      (this.#state.kind === "starting" || this.#state.kind === "ready") &&
      /* rule: sftp-requests-under-way */ this.#order.count < this.#limits.maxRequests &&
      /* rule: sftp-bytes-under-way */ this.#bytes < this.#limits.maxPendingBytes &&
      /* rule: sftp-unsent */ this.#output.length < this.#limits.maxUnsent
    );
  }

  /** Bytes to send, as a view that is valid until the next call of a method. Report them with `sent`. */
  get unsent(): Bytes {
    return this.#output.unsent;
  }

  /** Reports the first `length` bytes of `unsent` as sent. Then take events again. Throws `usage` if there are fewer. */
  sent(length: number): void {
    this.#output.sent(length);
  }

  /** Adds bytes from the client, which the server keeps until they are parsed. Take the events after each call. */
  receive(bytes: Uint8Array): void {
    if (!this.#isOver) this.#frames.push(bytes);
  }

  /** Reports that the client sends no more bytes. The requests received so far are still handled and answered. */
  end(): void {
    this.#hasEnded = true;
  }

  /** Ends SFTP now, for example because the channel closed. Received requests are dropped, and no more replies are sent. */
  close(error?: SshError): void {
    if (this.#isOver) return;
    this.#finish(error);
    this.#output.clear();
  }

  /** Returns the next event, or `undefined` until more is received, answered or sent. */
  nextEvent(): SftpServerEvent<Handle> | undefined {
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined) return event;
      if (!this.wantsInput) return undefined;
      try {
        if (this.#frames.next()) this.#receive(this.#frames.take(this.#frames.remaining));
        else if (this.#hasEnded && this.#frames.isInside)
          throw new SshError("channel-closed", "the client ended SFTP within a packet");
        else if (this.#hasEnded && this.#order.count === 0) this.#finish(undefined);
        else return undefined;
      } catch (error) {
        if (!(error instanceof SshError)) throw error;
        this.#finish(error);
      }
    }
  }

  /** Answers "open" or "opendir" with an open file or directory. If SFTP has ended, "release" follows for it. */
  handle(token: AskToken, value: Handle): void {
    const ask = this.#find(token, "handle");
    const { request } = ask;
    if (this.#isOver) {
      this.#events.push({ type: "release", handle: value });
      return this.#answered(ask);
    }
    const appends = request.type === "open" && (request.flags & SSH_FXF.APPEND) !== 0;
    const { name } = this.#handles.open(value, request.type === "open" ? "file" : "directory", appends);
    this.#answer(ask, { type: "handle", handle: name });
  }

  /**
   * Answers "read" with bytes: at least one, and at most `length` of the request. They are copied. At the end of the file, call `status`
   * with `SSH_FX.EOF`.
   */
  data(token: AskToken, bytes: Uint8Array): void {
    const ask = this.#find(token, "data");
    if (bytes.length === 0 || bytes.length > ask.bytes)
      throw new SshError(
        "usage",
        `a read of ${ask.bytes} bytes was answered with ${bytes.length} bytes; answer with 1 to ${ask.bytes}, or with SSH_FX.EOF`,
      );
    if (!this.#isOver) this.#output.data(ask.id, bytes);
    this.#answered(ask);
  }

  /**
   * Answers "readdir" with names, at least one. Sends the first ones that fit into one packet of 256 KiB, and returns their number; keep
   * the others for the next "readdir". After the last name, call `status` with `SSH_FX.EOF`.
   */
  names(token: AskToken, entries: readonly NameEntry[]): number {
    const ask = this.#find(token, "names");
    if (entries.length === 0) throw new SshError("usage", "`names` without a name; answer with SSH_FX.EOF");
    const names = firstNames(entries);
    this.#answer(ask, { type: "names", names });
    return names.length;
  }

  /** Answers "realpath", "readlink", "expand-path" or "home-directory" with a path. */
  name(token: AskToken, path: Uint8Array): void {
    const ask = this.#find(token, "name");
    this.#answer(ask, { type: "names", names: [{ filename: path, longname: path, attributes: {} }] });
  }

  /** Answers "stat", "lstat" or "fstat". */
  attributes(token: AskToken, attributes: Attributes): void {
    this.#answer(this.#find(token, "attributes"), { type: "attributes", attributes });
  }

  /** Answers "statvfs" or "fstatvfs". */
  statvfs(token: AskToken, statvfs: StatVfs): void {
    this.#answer(this.#find(token, "statvfs"), { type: "statvfs", statvfs });
  }

  /** Answers "users-groups-by-id" with one name for each id, in order; an empty one if the id is unknown. */
  usersGroups(token: AskToken, { users, groups }: UsersGroups): void {
    const ask = this.#find(token, "users-groups");
    const { request } = ask;
    if (
      request.type === "users-groups-by-id" &&
      (users.length !== request.uids.length || groups.length !== request.gids.length)
    )
      throw new SshError("usage", "answer users-groups-by-id with one name for each id; an empty one if it is unknown");
    this.#answer(ask, { type: "users-groups", users, groups });
  }

  /** Answers an "extended" request with the fields of SSH_FXP_EXTENDED_REPLY. */
  extended(token: AskToken, data: Uint8Array): void {
    this.#answer(this.#find(token, "extended"), { type: "extended", data });
  }

  /**
   * Answers any request with a status; see `SSH_FX`. A request that asks for a result can only fail this way: `OK` throws `usage`. The
   * client may show `message`; by default it is OpenSSH's text for the status.
   */
  status(token: AskToken, status: number, message: string = statusMessage(status)): void {
    const ask = this.#find(token);
    if (status === SSH_FX.OK && REQUESTS[ask.request.type].reply !== "status")
      throw new SshError("usage", `"${ask.request.type}" was answered with SSH_FX.OK, but needs a result`);
    this.#answer(ask, statusReply(status, message));
  }

  /**
   * Answers any request with any reply, for a program that chooses its replies itself. Only that the reply can be encoded is checked. A
   * handle in it is not counted among the open ones.
   */
  reply(token: AskToken, reply: SftpReply): void {
    this.#answer(this.#find(token), reply);
  }

  get #isOver(): boolean {
    return this.#state.kind === "ending" || this.#state.kind === "over";
  }

  #receive(packet: Bytes): void {
    const number = packet[0]!;
    if (this.#state.kind === "starting") return this.#receiveInit(packet);
    if (packet.length < 5)
      throw new SshError("malformed-message", `an SFTP packet of type ${number} without a request id`);
    if (number === SSH_FXP.INIT) throw new SshError("unexpected-message", "a second SSH_FXP_INIT");
    const id = readUint32(packet, 1);
    const request = receivedRequest(packet, this.#announced, this.#symlinkOrder);
    if (typeof request === "number") return this.#output.status(id, request);
    if (request.type === "limits")
      return this.#output.limits(id, this.#limits.maxPacketLength, this.#limits.maxHandles);
    this.#ask(id, request, packet.length);
  }

  #receiveInit(packet: Bytes): void {
    // rule: sftp-init-first
    if (packet[0] !== SSH_FXP.INIT)
      throw new SshError("unexpected-message", `the client began SFTP with a packet of type ${packet[0]}`);
    const { version: offered } = init.decode(packet.subarray(1));
    if (offered < SFTP_VERSION)
      throw new SshError(
        "sftp-version",
        `the client speaks SFTP version ${offered}; Nacre needs version ${SFTP_VERSION}`,
      );
    this.#output.version(this.#extensions);
    this.#state = { kind: "ready" };
  }

  /** Passes a request to the application, now or after earlier ones on its handles; or refuses it. */
  #ask(id: number, received: SftpRequest, packetLength: number): void {
    const { maxHandles, maxPathLength } = this.#limits;
    // rule: sftp-path-length
    if (longestPath(received) > maxPathLength) return this.#output.status(id, SSH_FX.FAILURE, "Path too long");
    const opens = REQUESTS[received.type].reply === "handle";
    // rule: sftp-handle-count
    if (opens && this.#handles.count + this.#opening >= maxHandles)
      return this.#output.status(id, SSH_FX.FAILURE, "Too many open handles");
    const handles: OpenHandle<Handle>[] = [];
    for (const name of handlesOf(received)) {
      const handle = this.#handles.find(name);
      if (handle === undefined || /* rule: sftp-handle-kind */ !suits(received, handle))
        return this.#output.status(id, SSH_FX.FAILURE, "Invalid handle");
      handles.push(handle);
    }
    if (received.type === "read" && received.length === 0) return this.#output.status(id, SSH_FX.EOF);
    // rule: sftp-read-length
    const request =
      received.type === "read" ? { ...received, length: Math.min(received.length, this.maxReadLength) } : received;
    // rule: sftp-packets-under-way
    const bytes =
      request.type === "read" ? request.length : request.type === "write" ? request.data.length : packetLength;
    const ask = { id, token: askToken(request.type), request, handles, access: accessOf(request, handles), bytes };
    if (request.type === "close") handles[0]!.isClosing = true;
    if (opens) this.#opening++;
    this.#bytes += bytes;
    if (request.type === "write") this.#writes.add(ask);
    if (this.#order.add(ask)) this.#start(ask);
  }

  #start(ask: PendingRequest<Handle>): void {
    const { id, token, request, handles } = ask;
    this.#asks.set(token, ask);
    this.#events.push({ type: "request", token, id, request: withValues(request, handles) });
  }

  /** Returns the request of a token. Throws `usage` if it is answered, or if `reply` does not answer it. */
  #find(token: AskToken, reply?: SuccessReply): PendingRequest<Handle> {
    const ask = this.#asks.get(token);
    if (ask === undefined) throw staleAnswer(token);
    const { type } = ask.request;
    if (reply !== undefined && REQUESTS[type].reply !== reply)
      throw new SshError(
        "usage",
        `"${type}" was answered with "${reply}"; it needs "${REQUESTS[type].reply}" or a status`,
      );
    return ask;
  }

  #answer(ask: PendingRequest<Handle>, reply: SftpReply): void {
    if (ask.request.type !== "write" || this.#isOver) return this.#reply(ask, reply);
    this.#asks.delete(ask.token);
    // A write is pending until its reply is sent, which bounds the number of waiting replies.
    for (const due of this.#writes.take(ask, reply)) this.#reply(due.item, due.reply);
  }

  #reply(ask: PendingRequest<Handle>, reply: SftpReply): void {
    if (!this.#isOver) this.#output.reply(ask.id, reply);
    this.#answered(ask);
  }

  #answered(ask: PendingRequest<Handle>): void {
    this.#asks.delete(ask.token);
    this.#bytes -= ask.bytes;
    const { type } = ask.request;
    if (REQUESTS[type].reply === "handle") this.#opening--;
    if (type === "close") this.#handles.remove(ask.handles[0]!);
    for (const next of this.#order.finish(ask)) this.#start(next);
    this.#releaseUnused();
  }

  #finish(error: SshError | undefined): void {
    this.#state = { kind: "ending", error };
    this.#frames.clear();
    this.#order.dropWaiting();
    for (const write of this.#writes.clear()) this.#order.finish(write);
    this.#releaseUnused();
  }

  /** After the end, releases the handles that no request uses. After the last answer, emits "closed". */
  #releaseUnused(): void {
    if (this.#state.kind !== "ending") return;
    for (const handle of this.#handles.all()) {
      if (this.#order.uses(handle)) continue;
      this.#handles.remove(handle);
      this.#events.push({ type: "release", handle: handle.value });
    }
    if (this.#order.count > 0) return;
    this.#events.push({ type: "closed", error: this.#state.error });
    this.#state = { kind: "over" };
  }
}

type State =
  /** Until SSH_FXP_INIT. */
  | { readonly kind: "starting" }
  | { readonly kind: "ready" }
  /** No more requests. Waits for the answers to those that the application has. */
  | { readonly kind: "ending"; readonly error: SshError | undefined }
  /** "closed" is emitted. */
  | { readonly kind: "over" };
