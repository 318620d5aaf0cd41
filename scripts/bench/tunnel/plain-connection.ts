import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Address, Route } from "./tunnel-tasks.ts";

/** All connections read into this buffer. This is the cheapest way to read on Node, so the reader affects the measurement least. */
const buffer = Buffer.allocUnsafe(256 * 1024);

/** A plain TCP connection, directly or through a tunnel. */
export class PlainConnection {
  readonly socket: Socket;
  #take: (chunk: Buffer) => void = () => {};

  private constructor({ host, port }: Address) {
    const callback = (length: number): boolean => {
      this.#take(buffer.subarray(0, length));
      return true;
    };
    this.socket = connect({ host, port, noDelay: true, onread: { buffer, callback } });
  }

  static async open({ at, socksTo }: Route): Promise<PlainConnection> {
    const connection = new PlainConnection(at);
    await once(connection.socket, "connect");
    if (socksTo !== undefined) await connection.#askProxy(socksTo);
    return connection;
  }

  /** Passes each chunk to `take`. A chunk is valid only until `take` returns. Resolves when the peer ends its side. */
  async read(take: (chunk: Buffer) => void): Promise<void> {
    this.#take = take;
    await once(this.socket, "end");
  }

  /** Requests a connection by SOCKS 5, without authentication (RFC 1928 §3, §4). */
  async #askProxy({ host, port }: Address): Promise<void> {
    await this.#exchange(Buffer.of(5, 1, 0), 2);
    const address = host.split(".").map(Number);
    const reply = await this.#exchange(Buffer.of(5, 1, 0, 1, ...address, port >> 8, port & 0xff), 10);
    if (reply[1] !== 0) throw new Error(`SOCKS proxy refused ${host} port ${port}: reply code ${reply[1]}`);
  }

  /** Sends a message, and resolves with a reply of at least `length` bytes. */
  #exchange(message: Buffer, length: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      let reply = Buffer.alloc(0);
      const onEnd = (): void => reject(new Error("SOCKS proxy closed the connection"));
      this.socket.once("close", onEnd);
      this.#take = (chunk) => {
        reply = Buffer.concat([reply, chunk]);
        if (reply.length < length) return;
        this.socket.off("close", onEnd);
        resolve(reply);
      };
      this.socket.write(message);
    });
  }
}
