import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { ORIGIN, type Started } from "./support.ts";

/** Values of headers. `undefined` omits a header; an array sends it several times. */
export type HeaderChanges = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Opens a TCP connection to a gateway, destroyed after the test. It stays open when the gateway ends its direction. */
export function rawSocket({ port }: Pick<Started, "port">, localAddress = "127.0.0.1"): Socket {
  const socket = connect({ port, host: "127.0.0.1", localAddress, allowHalfOpen: true });
  socket.on("error", () => {});
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** Sends the request for a WebSocket on a TCP socket, and returns the socket with the response unread. */
export function rawWebSocket(started: Pick<Started, "port">, change: HeaderChanges = {}, method = "GET"): Socket {
  const headers: HeaderChanges = {
    Host: `127.0.0.1:${started.port}`,
    Origin: ORIGIN,
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
    "Sec-WebSocket-Protocol": "nacre.v1",
    ...change,
  };
  const socket = rawSocket(started);
  const lines = Object.entries(headers).flatMap(([name, value = []]) =>
    [value].flat().map((one) => `${name}: ${one}\r\n`),
  );
  socket.write(`${method} /ssh HTTP/1.1\r\n${lines.join("")}\r\n`);
  return socket;
}

/** Reads the head of an HTTP response. The bytes after it stay unread. */
export async function readHead(socket: Socket): Promise<string> {
  let head = "";
  while (!head.endsWith("\r\n\r\n")) head += (await readExactly(socket, 1)).toString("latin1");
  return head;
}

/** Reads exactly `length` bytes. Throws if the socket ends before. */
export async function readExactly(socket: Socket, length: number): Promise<Buffer> {
  for (;;) {
    const bytes = socket.read(length) as Buffer | null;
    if (bytes?.length === length) return bytes;
    if (socket.readableEnded || socket.destroyed) throw new Error(`the socket ended; expected ${length} bytes`);
    await Promise.race([once(socket, "readable"), once(socket, "end"), once(socket, "close")]);
  }
}

/** Reads a close frame of the gateway, and returns its code. */
export async function readClose(socket: Socket): Promise<number> {
  const [opcode, length] = await readExactly(socket, 2);
  if (opcode !== 0x88 || length === undefined || length < 2 || length > 125)
    throw new Error(`expected a close frame, got opcode ${opcode} and length ${length}`);
  return (await readExactly(socket, length)).readUInt16BE(0);
}

export interface FrameOptions {
  /** Default true, as RFC 6455 requires of clients. */
  readonly masked?: boolean;
  /** FIN bit; default true. */
  readonly isLast?: boolean;
  /** RSV1 (4), RSV2 (2) and RSV3 (1); default 0. */
  readonly reserved?: number;
}

/** Returns a client's WebSocket frame (RFC 6455 §5.2). */
export function frame(opcode: number, payload: Uint8Array, options: FrameOptions = {}): Buffer {
  return Buffer.concat([frameHeader(opcode, BigInt(payload.length), options), payload]);
}

/** Returns the header of a frame that announces `length` bytes. The mask is zero, so it does not change the payload. */
export function frameHeader(
  opcode: number,
  length: bigint,
  { masked = true, isLast = true, reserved = 0 }: FrameOptions = {},
): Buffer {
  const first = (isLast ? 0x80 : 0) | (reserved << 4) | opcode;
  const mask = masked ? 0x80 : 0;
  const header = Buffer.alloc(10);
  header[0] = first;
  header.writeBigUInt64BE(length, 2);
  if (length < 126n) header[1] = mask | Number(length);
  else if (length < 65_536n) header[1] = mask | 126;
  else header[1] = mask | 127;
  const short = length < 126n ? header.subarray(0, 2) : Buffer.from([header[0], header[1], header[8]!, header[9]!]);
  return Buffer.concat([length < 65_536n ? short : header, Buffer.alloc(masked ? 4 : 0)]);
}
