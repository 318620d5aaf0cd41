import { fromLatin1, latin1 } from "@nacre/testing/bytes";
import type { WebSocketLike } from "../../src/index.ts";

type Listener = (event: never) => void;

/** A WebSocket that the test controls. */
export class FakeSocket implements WebSocketLike {
  binaryType = "blob";
  bufferedAmount = 0;
  protocol = "";
  readyState = 0;
  url: string;
  /** Sent messages as Latin-1 text. */
  readonly sent: string[] = [];
  /** Codes passed to `close`. */
  readonly closes: (number | undefined)[] = [];
  /** Called by `close`, synchronously. */
  onClose: () => void = () => this.shut(1005);
  readonly #listeners = new Map<string, Set<Listener>>();

  constructor(url = "wss://gateway.example/ssh") {
    this.url = url;
  }

  send(data: Uint8Array): void {
    if (this.readyState === 0) throw new DOMException("still connecting", "InvalidStateError");
    this.sent.push(latin1(data));
  }

  close(code?: number): void {
    this.closes.push(code);
    if (this.readyState >= 2) return;
    this.readyState = 2;
    this.onClose();
  }

  addEventListener(type: string, listener: Listener): void {
    const listeners = this.#listeners.get(type) ?? new Set();
    listeners.add(listener);
    this.#listeners.set(type, listeners);
  }

  /** Opens with the subprotocol that the server selected. */
  accept(protocol = ""): void {
    this.readyState = 1;
    this.protocol = protocol;
    this.#emit("open", {});
  }

  /** Delivers a message, as bytes by default. */
  say(message: string, data: unknown = fromLatin1(message).buffer): void {
    this.#emit("message", { data });
  }

  /** Fires an error event and closes with code 1006. */
  fail(): void {
    this.#emit("error", {});
    this.shut(1006);
  }

  /** Closes with a code and a reason. */
  shut(code: number, reason = ""): void {
    this.readyState = 3;
    this.#emit("close", { code, reason });
  }

  #emit(type: string, event: object): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
  }
}
