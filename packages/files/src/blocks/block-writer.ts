import { type SftpReplyEvent, SSH_FX } from "@nacre/sftp";
import type { Bytes, SshError } from "@nacre/wire";
import { failureOf } from "../channel/call.ts";
import type { OpenFile, Sender, SftpDriver, Waiter } from "../channel/sftp-driver.ts";
import { type BlockLimits, Depth, MOST_BLOCKS, type TimedBlock } from "./depth.ts";

/** Provides the bytes of a `BlockWriter`. */
export interface BlockSource {
  /** Called when there is room after a `write` that took only a part. */
  room(): void;
  /** Called when a write failed. No other call follows. */
  failed(error: SshError): void;
  /** Called when `BlockWriter.written` has grown. */
  written?(): void;
}

type State =
  /** Takes bytes. `isFull`: the last `write` took less than all. */
  | { readonly kind: "open"; isFull: boolean }
  /** No more bytes follow. `onSent` is called when the last request is sent. */
  | {
      readonly kind: "finishing";
      onSent: (() => void) | undefined;
      readonly resolve: () => void;
      readonly reject: (error: SshError) => void;
    }
  | { readonly kind: "failed"; readonly error: SshError }
  /** All is written, or writing was stopped. */
  | { readonly kind: "over" };

/** Writes of at least this many bytes are sent as they are. Shorter ones are combined while others are in flight. */
const DIRECT_LENGTH = 32 * 1024;

/**
 * Writes to a file with many requests in flight. The bytes are copied, so the caller may use their memory again at once. At most 16 MiB
 * are in flight (`Depth`), and no more than the channel's window takes. Short writes are combined.
 */
export class BlockWriter implements Sender {
  readonly #channel: SftpDriver;
  readonly #file: OpenFile;
  readonly #source: BlockSource;
  readonly #depth = new Depth();
  /** Maximum number of requests in flight. */
  readonly #mostBlocks: number;
  readonly #mostLength: number;
  readonly #free: Block[] = [];
  /** Requests in flight. */
  readonly #sent = new Set<Block>();
  #position: number;
  /** Bytes in flight. */
  #inFlight = 0;
  /** Short writes that wait to be sent together. */
  #pending: Bytes | undefined;
  #pendingLength = 0;
  #state: State = { kind: "open", isFull: false };

  /**
   * Writes from `position` on. With `isAppend` the server ignores positions, so one request is in flight at a time: a server may carry
   * out several in any order.
   */
  constructor(
    channel: SftpDriver,
    file: OpenFile,
    source: BlockSource,
    position = 0,
    isAppend = false,
    { maxBlocks = MOST_BLOCKS, maxBlockLength = Number.POSITIVE_INFINITY }: BlockLimits = {},
  ) {
    this.#channel = channel;
    this.#file = file;
    this.#source = source;
    this.#position = position;
    this.#mostBlocks = isAppend ? 1 : maxBlocks;
    this.#mostLength = maxBlockLength;
  }

  /** Position after the last byte taken. */
  get position(): number {
    return this.#position + this.#pendingLength;
  }

  /** Position up to which the server has written everything. */
  get written(): number {
    for (const { position } of this.#sent) return position;
    return this.#position;
  }

  /**
   * Takes a copy of as many bytes as may be in flight, and returns their number. Then call it again after `room`. Throws after a failure.
   */
  write(bytes: Uint8Array): number {
    const state = this.#state;
    if (state.kind === "failed") throw state.error;
    if (state.kind !== "open") return 0;
    let taken = 0;
    while (taken < bytes.length) {
      const rest = bytes.length - taken;
      const isDirect = rest >= DIRECT_LENGTH || (this.#pendingLength === 0 && this.#inFlight === 0);
      const length = isDirect ? this.#sendPart(bytes, taken) : this.#keepPart(bytes, taken);
      if (length === 0) {
        state.isFull = true;
        break;
      }
      taken += length;
    }
    return taken;
  }

  /**
   * Sends all bytes taken. Resolves when the server has answered every request. Rejects with the first failure. Call it once. `onSent` is
   * called when the last request is sent, now or later, unless writing has failed or stopped before.
   */
  finish(onSent?: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#state.kind === "failed") {
        reject(this.#state.error);
        return;
      }
      if (this.#state.kind === "open") this.#state = { kind: "finishing", onSent, resolve, reject };
      this.#goOn();
    });
  }

  /** Stops writing. What is in flight may still be written. The source is not called any more. */
  stop(): void {
    this.#state = { kind: "over" };
    this.#channel.stopWaiting(this);
    for (const block of this.#sent) this.#channel.machine.abandon(block.id);
    this.#sent.clear();
  }

  room(): void {
    this.#goOn();
  }

  failed(error: SshError): void {
    this.#fail(error);
  }

  /** Handles the answer to a request. */
  answered(block: Block, answer: SftpReplyEvent<Waiter>): void {
    if (answer.type !== "status" || answer.status !== SSH_FX.OK) {
      this.#fail(failureOf(answer, { call: "write", path: this.#file.path }));
      return;
    }
    this.#depth.replied(block, block.length);
    this.#inFlight -= block.length;
    this.#sent.delete(block);
    this.#free.push(block);
    this.#source.written?.();
    this.#goOn();
  }

  /** Sends what was combined if nothing else is in flight or no more follows, then asks the source for more. */
  #goOn(): void {
    const state = this.#state;
    if (state.kind !== "open" && state.kind !== "finishing") return;
    const isDue = state.kind === "finishing" || state.isFull || this.#inFlight === 0;
    if (this.#pendingLength > 0 && isDue) this.#sendPending();
    if (state.kind === "open") {
      if (!state.isFull || !this.#canSend()) return;
      state.isFull = false;
      this.#source.room();
    } else if (this.#pendingLength === 0) {
      // Not before: a CLOSE must follow the last write.
      state.onSent?.();
      state.onSent = undefined;
      if (this.#inFlight > 0) return;
      this.#state = { kind: "over" };
      state.resolve();
    }
  }

  /** Sends the next block of `bytes`. Returns its length, or 0 if nothing can be sent. */
  #sendPart(bytes: Uint8Array, from: number): number {
    if (this.#pendingLength > 0 && !this.#sendPending()) return 0;
    if (!this.#canSend()) return 0;
    const rest = bytes.length - from;
    // Equal blocks: a chunk of 256 KiB is a little longer than OpenSSH's limit, and would leave a short remainder.
    const part = bytes.subarray(from, from + Math.ceil(rest / Math.ceil(rest / this.#blockLength)));
    this.#send(part);
    return part.length;
  }

  /** Keeps bytes to be sent together with later ones. Returns their number, or 0 if there is no room. */
  #keepPart(bytes: Uint8Array, from: number): number {
    this.#pending ??= new Uint8Array(this.#blockLength);
    if (this.#pendingLength === this.#pending.length && !this.#sendPending()) return 0;
    const part = bytes.subarray(from, from + this.#pending.length - this.#pendingLength);
    this.#pending.set(part, this.#pendingLength);
    this.#pendingLength += part.length;
    return part.length;
  }

  #sendPending(): boolean {
    const pending = this.#pending!;
    while (this.#pendingLength > 0) {
      if (!this.#canSend()) return false;
      // A server may state a lower limit after the bytes were combined.
      // rule: sftp-lowered-limit
      const length = Math.min(this.#pendingLength, this.#blockLength);
      this.#send(pending.subarray(0, length));
      pending.copyWithin(0, length, this.#pendingLength);
      this.#pendingLength -= length;
    }
    return true;
  }

  #canSend(): boolean {
    if (this.#sent.size >= this.#mostBlocks) return false;
    if (this.#inFlight > 0 && this.#inFlight + this.#blockLength > this.#depth.bytes) return false;
    if (this.#channel.makeRoom()) return true;
    this.#channel.waitForRoom(this);
    return false;
  }

  get #blockLength(): number {
    return Math.min(this.#channel.machine.serverLimits.maxWriteLength, this.#mostLength);
  }

  #send(bytes: Uint8Array): void {
    const block = this.#free.pop() ?? new Block(this);
    block.position = this.#position;
    block.length = bytes.length;
    this.#depth.sent(block);
    block.id = this.#channel.machine.write(this.#file.handle, this.#position, bytes, block);
    this.#sent.add(block);
    this.#position += bytes.length;
    this.#inFlight += bytes.length;
    this.#channel.touch();
  }

  #fail(error: SshError): void {
    const state = this.#state;
    if (state.kind !== "open" && state.kind !== "finishing") return;
    this.stop();
    this.#state = { kind: "failed", error };
    if (state.kind === "finishing") state.reject(error);
    this.#source.failed(error);
  }
}

/** A write in flight. The object is used again for later writes. */
class Block implements Waiter, TimedBlock {
  /** Id of the request in flight. */
  id = 0;
  position = 0;
  length = 0;
  sentAt = 0;
  deliveredBefore = 0;
  readonly #writer: BlockWriter;

  constructor(writer: BlockWriter) {
    this.#writer = writer;
  }

  answered(answer: SftpReplyEvent<Waiter>): void {
    this.#writer.answered(this, answer);
  }
}
