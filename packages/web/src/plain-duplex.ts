import { type Bytes, concatBytes } from "@nacre/wire";
import type { Duplex, DuplexHandler } from "nacre";
import type { MessageSocket } from "./message-socket.ts";

/** Maximum size of a message in bytes: the limit of a Nacre gateway. */
const MAX_MESSAGE = 64 * 1024;

/** Plain bytes over an open WebSocket, without resuming. A WebSocket has no half-close, so `end` sends nothing to the peer. */
export class PlainDuplex implements Duplex {
  readonly #socket: MessageSocket;

  constructor(socket: MessageSocket) {
    this.#socket = socket;
  }

  open(handler: DuplexHandler): void {
    this.#socket.start({
      message: (bytes) => handler.data(bytes),
      drained: () => handler.drained(),
      closed: ({ error, isNormal }) => (isNormal ? handler.ended() : handler.failed(error)),
    });
  }

  write(pieces: readonly Bytes[]): boolean {
    let hasRoom = true;
    for (const message of messagesOf(pieces)) hasRoom = this.#socket.send(message);
    return hasRoom;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): Promise<void> {
    return this.#socket.flushed();
  }

  close(): Promise<void> {
    return this.#socket.close();
  }
}

/** Joins small pieces, because a message costs more than a copy, and splits large ones. */
function messagesOf(pieces: readonly Bytes[]): Bytes[] {
  const messages: Bytes[] = [];
  let joined: Bytes[] = [];
  let length = 0;
  const flush = (): void => {
    if (length > 0) messages.push(joined.length === 1 ? joined[0]! : concatBytes(...joined));
    joined = [];
    length = 0;
  };
  for (const piece of pieces) {
    for (let offset = 0; offset < piece.length; offset += MAX_MESSAGE) {
      const part = piece.length <= MAX_MESSAGE ? piece : piece.subarray(offset, offset + MAX_MESSAGE);
      if (length + part.length > MAX_MESSAGE) flush();
      joined.push(part);
      length += part.length;
    }
  }
  flush();
  return messages;
}
