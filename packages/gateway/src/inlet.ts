import { MAX_DATA_LENGTH, TUNNEL_MESSAGE } from "@nacre/tunnel";

/** Read buffer of all sockets. Its content is copied before the callback returns. */
const SHARED = new Uint8Array(MAX_DATA_LENGTH);

/** Converts the data of a TCP socket to DATA messages with one copy. All sockets share a read buffer, so an idle socket needs none. */
export class Inlet {
  /** Called with each DATA message: the message number, then the data. */
  onMessage: (message: Buffer<ArrayBuffer>) => void = () => {};

  /** Value of the option `onread` of `net.connect`. */
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
