import { MAX_MESSAGE_LENGTH, TUNNEL_MESSAGE } from "@nacre/tunnel";
import type { Bytes } from "@nacre/wire";

/** A DATA message: its number, then the read buffer of all sockets. An idle socket thus needs no buffer. */
const SHARED = new Uint8Array(MAX_MESSAGE_LENGTH);
SHARED[0] = TUNNEL_MESSAGE.DATA;

/** Converts the data of a TCP socket to DATA messages with one copy. */
export class Inlet {
  /** Called with each DATA message: the message number, then the data. The receiver owns its memory. */
  onMessage: (message: Bytes) => void = () => {};

  /** Value of the option `onread` of `net.connect`. */
  readonly onread: { readonly buffer: Uint8Array; readonly callback: (length: number) => boolean } = {
    buffer: SHARED.subarray(1),
    callback: (length) => {
      this.onMessage(/* rule: read-copied */ SHARED.slice(0, 1 + length));
      return true;
    },
  };
}
