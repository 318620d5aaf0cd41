import { type SftpReplyEvent, SSH_FX } from "@nacre/sftp";
import type { Bytes, SshError } from "@nacre/wire";
import { failureOf } from "../remote/call.ts";
import type { OpenFile, Sender, SftpChannel, Waiter } from "../remote/sftp-channel.ts";
import { Depth, MOST_BLOCKS, type TimedBlock } from "./depth.ts";

/** Provides the bytes of a `BlockWriter`. */
export interface BlockSource {
  /** Called when there is room after a `write` that took only a part. */
  room(): void;
  /** Called when a write failed. No other call follows. */
  failed(error: SshError): void;
}

/** Writes of at least this many bytes are sent as they are. Shorter ones are combined while others are under way. */
const DIRECT_LENGTH = 32 * 1024;

/**
 * Writes to a file with many requests under way. The bytes are copied, so the caller may use their memory again at once. At most 16 MiB
 * are under way (`Depth`), and no more than the channel's window takes. Short writes are combined.
 */
export class BlockWriter implements Sender {
  readonly #channel: SftpChannel;
  readonly #file: OpenFile;
  readonly #source: BlockSource;
  readonly #depth = new Depth();
  /** Maximum number of requests under way. */
  readonly #mostBlocks: number;
  readonly #free: Block[] = [];
  /** Requests under way. */
  readonly #sent = new Set<Block>();
  #position: number;
  /** Bytes under way. */
  #underWay = 0;
  /** Short writes that wait to be sent together. */
  #pending: Bytes | undefined;
  #pendingLength = 0;
  /** Whether `write` took less than all. */
  #isFull = false;
  #finish: { readonly resolve: () => void; readonly reject: (error: SshError) => void } | undefined;
  /** Called when the last request is sent. */
  #onSent: (() => void) | undefined;
  #failure: SshError | undefined;
  #isOver = false;

  /**
   * Writes from `position` on. With `isAppend` the server ignores positions, so one request is under way at a time: a server may carry
   * out several in any order.
   */
  constructor(channel: SftpChannel, file: OpenFile, source: BlockSource, position = 0, isAppend = false) {
    this.#channel = channel;
    this.#file = file;
    this.#source = source;
    this.#position = position;
    this.#mostBlocks = isAppend ? 1 : MOST_BLOCKS;
  }

  /** Position behind the last byte taken. */
  get position(): number {
    return this.#position + this.#pendingLength;
  }

  /** Takes a copy of as many bytes as may be under way, and returns their number. Then call it again after `room`. Throws after a failure. */
  write(bytes: Uint8Array): number {
    if (this.#failure !== undefined) throw this.#failure;
    let taken = 0;
    while (taken < bytes.length) {
      const rest = bytes.length - taken;
      const isDirect = rest >= DIRECT_LENGTH || (this.#pendingLength === 0 && this.#underWay === 0);
      const length = isDirect ? this.#sendPart(bytes, taken) : this.#keepPart(bytes, taken);
      if (length === 0) {
        this.#isFull = true;
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
      this.#finish = { resolve, reject };
      this.#onSent = onSent;
      if (this.#failure === undefined) this.#goOn();
      else reject(this.#failure);
    });
  }

  /** Stops writing. What is under way may still be written. The source is not called any more. */
  stop(): void {
    this.#isOver = true;
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
    this.#underWay -= block.length;
    this.#sent.delete(block);
    this.#free.push(block);
    this.#goOn();
  }

  /** Sends what was combined if nothing else is under way or no more follows, then asks the source for more. */
  #goOn(): void {
    if (this.#isOver) return;
    const isLast = this.#finish !== undefined;
    if (this.#pendingLength > 0 && (isLast || this.#isFull || this.#underWay === 0)) this.#sendPending();
    if (isLast && this.#pendingLength === 0) {
      // Not before: a CLOSE must follow the last write.
      this.#onSent?.();
      this.#onSent = undefined;
    }
    if (isLast && this.#pendingLength === 0 && this.#underWay === 0) {
      this.#isOver = true;
      this.#finish?.resolve();
    } else if (this.#isFull && this.#canSend()) {
      this.#isFull = false;
      this.#source.room();
    }
  }

  /** Sends the next block of `bytes`. Returns its length, or 0 if nothing can be sent. */
  #sendPart(bytes: Uint8Array, from: number): number {
    if (this.#pendingLength > 0 && !this.#sendPending()) return 0;
    if (!this.#canSend()) return 0;
    const rest = bytes.length - from;
    // Equal blocks: a chunk of 256 KiB is a little longer than OpenSSH's limit, and would leave a short rest.
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
    if (this.#underWay > 0 && this.#underWay + this.#blockLength > this.#depth.bytes) return false;
    if (this.#channel.makeRoom()) return true;
    this.#channel.waitForRoom(this);
    return false;
  }

  get #blockLength(): number {
    return this.#channel.machine.serverLimits.maxWriteLength;
  }

  #send(bytes: Uint8Array): void {
    const block = this.#free.pop() ?? new Block(this);
    block.length = bytes.length;
    this.#depth.sent(block);
    block.id = this.#channel.machine.write(this.#file.handle, this.#position, bytes, block);
    this.#sent.add(block);
    this.#position += bytes.length;
    this.#underWay += bytes.length;
    this.#channel.touch();
  }

  #fail(error: SshError): void {
    if (this.#isOver) return;
    this.#failure = error;
    this.stop();
    this.#finish?.reject(error);
    this.#source.failed(error);
  }
}

/** A write under way. The object is used again for later writes. */
class Block implements Waiter, TimedBlock {
  /** Id of the request under way. */
  id = 0;
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
