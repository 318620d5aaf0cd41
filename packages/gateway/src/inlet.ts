import { MAX_DATA_LENGTH, TUNNEL_MESSAGE } from "@nacre/tunnel";

/** Memory that all sockets read into: nothing stays in it beyond a callback. */
const SHARED = new Uint8Array(MAX_DATA_LENGTH);

/** What arrives at a TCP socket, as DATA messages: one copy out of memory that all sockets share, so that an idle one needs none. */
export class Inlet {
  /** Receives each piece behind the number of a DATA message. */
  onMessage: (message: Buffer<ArrayBuffer>) => void = () => {};

  /** The option `onread` of `net.connect`. */
  readonly onread: { readonly buffer: Uint8Array; readonly callback: (length: number) => boolean } = {
    buffer: SHARED,
    callback: (length) => {
      const message = Buffer.allocUnsafeSlow(1 + length);
      message[0] = TUNNEL_MESSAGE.DATA;
      message.set(SHARED.subarray(0, length), 1);
      this.onMessage(message);
      return true;
    },
  };
}
