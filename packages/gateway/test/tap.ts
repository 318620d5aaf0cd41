import { connect, type Socket } from "node:net";
import WebSocket, { type ClientOptions } from "ws";
import { tcpServer } from "./support.ts";

/** Records bytes that pass. */
export class Tap {
  readonly #records = new Map<string, Buffer[]>();

  /** Records bytes of a stream. Streams of the same name need different numbers: mixed, they could hide a text that spans two records. */
  record(name: string, bytes: Uint8Array, number = 1): void {
    const stream = `${name} ${number}`;
    const records = this.#records.get(stream) ?? [];
    this.#records.set(stream, records);
    records.push(Buffer.from(bytes));
  }

  /** Returns the names of the streams that contain the text as it is, or in UTF-16, hexadecimal or base64. */
  find(text: string): string[] {
    const needles = spellings(text);
    const found = [...this.#records]
      .filter(([, records]) => needles.some((needle) => Buffer.concat(records).includes(needle)))
      .map(([stream]) => stream.replace(/ \d+$/, ""));
    return [...new Set(found)].toSorted();
  }
}

/** Returns the ways to write a text that the tap looks for. */
function spellings(text: string): Buffer[] {
  const hex = Buffer.from(text).toString("hex");
  // The characters of base64 depend on the position of the text modulo 3. The first and last ones also depend on its neighbours.
  const base64 = [0, 1, 2].map((offset) => {
    const encoded = Buffer.from(`${"\0".repeat(offset)}${text}`).toString("base64url");
    return encoded.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + text.length) * 8) / 6));
  });
  const standard = base64.map((encoded) => encoded.replaceAll("-", "+").replaceAll("_", "/"));
  const written = [text, hex, hex.toUpperCase(), ...base64, ...standard].map((one) => Buffer.from(one));
  return [...written, Buffer.from(text, "utf16le")];
}

/**
 * Starts a TCP proxy that records both directions. `target` is called for each connection, so that the proxy can start before the server
 * behind it.
 */
export async function tappedPort(
  tap: Tap,
  name: string,
  target: () => { readonly host: string; readonly port: number },
): Promise<number> {
  let count = 0;
  const { port } = await tcpServer((near) => {
    const far = connect(target());
    const number = ++count;
    relay(near, far, (bytes) => tap.record(`${name} up`, bytes, number));
    relay(far, near, (bytes) => tap.record(`${name} down`, bytes, number));
  });
  return port;
}

function relay(from: Socket, to: Socket, record: (bytes: Uint8Array) => void): void {
  from.on("data", record);
  from.on("error", () => to.destroy());
  from.on("close", () => to.destroySoon());
  from.pipe(to);
}

/**
 * Returns a WebSocket class whose objects record the payload of each message. On the wire, the payload that a client sends is masked, so a
 * tap there would not find a plaintext.
 */
export function tappedWebSocket(tap: Tap, options: ClientOptions): new (url: string, protocols: string[]) => WebSocket {
  return class extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols, options);
      this.on("message", (data: ArrayBuffer | Buffer) => tap.record("messages down", new Uint8Array(data)));
    }

    override send(data: unknown, ...rest: never[]): void {
      tap.record("messages up", data as Uint8Array);
      super.send(data as Uint8Array, ...rest);
    }
  };
}
