import type { SftpChannel, SftpPeer } from "@nacre/node/sftp-server";

/** Bytes received and not handled yet above which standard input is not read further. */
const HIGH_WATER = 1024 * 1024;

type Handler = Parameters<SftpPeer["takeChannel"]>[0];

/** The client of an SFTP server on standard input and output. */
export class StdioPeer implements SftpPeer {
  readonly user: string;
  #unconsumed = 0;
  #isClosed = false;

  constructor(user: string) {
    this.user = user;
  }

  takeChannel(handler: Handler): SftpChannel {
    const { stdin, stdout } = process;
    const close = (): void => {
      if (this.#isClosed) return;
      this.#isClosed = true;
      stdin.destroy();
      handler.closed({ error: undefined, broken: false });
    };
    stdin.on("data", (bytes: Buffer<ArrayBuffer>) => {
      this.#unconsumed += bytes.length;
      if (this.#unconsumed >= HIGH_WATER) stdin.pause();
      handler.data(0, bytes);
    });
    stdin.on("end", () => handler.eof());
    stdin.on("error", close);
    // The reader is gone.
    stdout.on("error", close);
    stdout.on("drain", () => {
      if (!this.#isClosed) handler.writable();
    });
    const isClosed = (): boolean => this.#isClosed;
    return {
      write: (bytes) => {
        if (stdout.writableNeedDrain) return 0;
        stdout.write(bytes.slice());
        return bytes.length;
      },
      consumed: (bytes) => {
        this.#unconsumed -= bytes;
        if (this.#unconsumed < HIGH_WATER) stdin.resume();
      },
      get closed() {
        return isClosed();
      },
    };
  }
}
