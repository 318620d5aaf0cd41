import { MAX_DATA_LENGTH, TUNNEL_MESSAGE } from "@nacre/tunnel";
import type { SlabPool } from "./slab-pool.ts";

/** Read buffer of all sockets. Its content is copied before the callback returns. */
const SHARED = new Uint8Array(MAX_DATA_LENGTH);

/** Bytes of a read from which a message takes a slab. A shorter one gets its own memory, so that it wastes less than half of a slab. */
const SLAB_READ = 32 * 1024;

/** Converts the data of a TCP socket to DATA messages with one copy. All sockets share a read buffer, so an idle socket needs none. */
export class Inlet {
  /**
   * Called with each DATA message: the message number, then the data. The message may be in a slab, which the receiver must hold if it uses
   * the message after it returns.
   */
  onMessage: (message: Buffer<ArrayBuffer>) => void = () => {};

  /** Value of the option `onread` of `net.connect`. */
  readonly onread: { readonly buffer: Uint8Array; readonly callback: (length: number) => boolean };

  constructor(slabs: SlabPool) {
    this.onread = {
      buffer: SHARED,
      callback: (length) => {
        const slab = length < SLAB_READ ? undefined : slabs.take();
        const message = slab?.memory.subarray(0, 1 + length) ?? Buffer.allocUnsafeSlow(1 + length);
        message[0] = TUNNEL_MESSAGE.DATA;
        message.set(length === SHARED.length ? SHARED : SHARED.subarray(0, length), 1);
        this.onMessage(message);
        slab?.release();
        return true;
      },
    };
  }
}
