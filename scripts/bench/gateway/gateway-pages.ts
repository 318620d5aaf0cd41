import { createHmac } from "node:crypto";
import { once } from "node:events";
import { ClientTunnel, TUNNEL_SUBPROTOCOL } from "@nacre/tunnel";
import WebSocket from "ws";
import { block } from "../bulk/payload.ts";
import { stopwatch } from "../measure/measured-client.ts";
import type { EchoPagesResult, EchoPagesTask, OpenPagesTask } from "./gateway-tasks.ts";

const ORIGIN = "http://127.0.0.1";
/** Connections that are opened at once. */
const AT_ONCE = 50;
/** Buffered bytes above which a page stops sending, as `@nacre/web` does. */
const HIGH_WATER = 1024 * 1024;
/** Time without data after which a page acknowledges everything, in milliseconds, as `@nacre/web` does. */
const REST = 1000;

let pages: Page[] = [];

/** Opens connections and keeps them. */
export async function openPages({ url, protocol, to, count, tickets }: OpenPagesTask): Promise<true> {
  let next = pages.length;
  const end = next + count;
  const open = async (): Promise<void> => {
    while (next < end) {
      const index = next++;
      const ws = new WebSocket(url, protocol, { origin: ORIGIN, perMessageDeflate: false });
      const page = protocol === TUNNEL_SUBPROTOCOL ? new TunnelPage(ws, to, tickets[index]!) : new PlainPage(ws);
      pages.push(page);
      await page.opened;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, open));
  return true;
}

/** Sends data on all connections at once, and waits until all of it came back. */
export async function echoPages({ bytes, piece, window }: EchoPagesTask): Promise<EchoPagesResult> {
  const lap = stopwatch();
  await Promise.all(pages.map((page) => page.echo(bytes, piece, window)));
  return { seconds: lap().seconds };
}

/** Closes all connections. */
export async function closePages(): Promise<true> {
  const closing = pages;
  pages = [];
  await Promise.all(closing.map((page) => page.close()));
  return true;
}

/** One connection of a page. */
abstract class Page {
  abstract readonly opened: Promise<unknown>;
  protected readonly ws: WebSocket;
  /** Positions in the payload. */
  #sent = 0;
  #received = 0;
  #end = 0;
  #piece = 0;
  #window = 0;
  #finished: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;
  protected readonly onSent = (): void => this.#send();

  constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on("close", (code, reason) => this.fail(new Error(`the relay closed the WebSocket: ${code} ${String(reason)}`)));
    ws.on("error", (error) => this.fail(error));
  }

  echo(bytes: number, piece: number, window: number): Promise<void> {
    this.#end = this.#sent + bytes;
    this.#piece = piece;
    this.#window = window;
    return new Promise((resolve, reject) => {
      this.#finished = { resolve, reject };
      if (this.ws.readyState !== WebSocket.OPEN) this.fail(new Error("the relay closed the WebSocket"));
      this.#send();
    });
  }

  async close(): Promise<void> {
    if (this.ws.readyState === WebSocket.CLOSED) return;
    const closed = once(this.ws, "close");
    this.ws.close(1000);
    await closed;
  }

  protected abstract write(bytes: Buffer): void;

  /** Compares received bytes with the payload. */
  protected received(bytes: Uint8Array): void {
    for (let offset = 0; offset < bytes.length; ) {
      const at = this.#received % block.length;
      const length = Math.min(bytes.length - offset, block.length - at);
      if (block.compare(bytes, offset, offset + length, at, at + length) !== 0)
        return this.fail(new Error(`the bytes from position ${this.#received} came back changed`));
      this.#received += length;
      offset += length;
    }
    if (this.#received > this.#sent) this.fail(new Error("more bytes came back than were sent"));
    if (this.#received === this.#end) this.#finished?.resolve();
    else this.#send();
  }

  protected fail(error: Error): void {
    this.#finished?.reject(error);
  }

  #send(): void {
    while (this.#sent < this.#end && this.ws.bufferedAmount < HIGH_WATER) {
      const at = this.#sent % block.length;
      const length = Math.min(
        this.#piece,
        this.#end - this.#sent,
        block.length - at,
        this.#received + this.#window - this.#sent,
      );
      if (length <= 0) return;
      this.#sent += length;
      this.write(block.subarray(at, at + length));
    }
  }
}

/** A connection whose messages are its bytes. */
class PlainPage extends Page {
  readonly opened: Promise<unknown>;

  constructor(ws: WebSocket) {
    super(ws);
    this.opened = once(ws, "open");
    ws.on("message", (data: Buffer) => this.received(data));
  }

  protected write(bytes: Buffer): void {
    this.ws.send(bytes, this.onSent);
  }
}

/** A resumable connection. */
class TunnelPage extends Page {
  readonly opened: Promise<unknown>;
  readonly #tunnel: ClientTunnel;
  readonly #rest: NodeJS.Timeout;
  #onOpened!: () => void;

  constructor(ws: WebSocket, to: { readonly host: string; readonly port: number }, ticket: string) {
    super(ws);
    this.#tunnel = new ClientTunnel(
      { ...to, ticket },
      { hmac: (key, message) => createHmac("sha256", key).update(message).digest(), growth: { spare: 0 } },
    );
    this.#rest = setTimeout(() => {
      this.#tunnel.acknowledgeAll();
      this.#pump();
    }, REST);
    this.opened = new Promise<void>((resolve, reject) => {
      this.#onOpened = resolve;
      ws.on("close", (code, reason) => reject(new Error(`not opened: ${code} ${String(reason)}`)));
    });
    ws.on("open", () => this.#pump());
    ws.on("close", () => clearTimeout(this.#rest));
    ws.on("message", (data: Buffer) => this.#onMessage(data));
  }

  protected write(bytes: Buffer): void {
    this.#tunnel.write(bytes as Buffer<ArrayBuffer>);
    this.#pump();
  }

  #onMessage(data: Buffer): void {
    this.#rest.refresh();
    this.#tunnel.receive(data, performance.now());
    for (let event = this.#tunnel.nextEvent(); event !== undefined; event = this.#tunnel.nextEvent()) {
      if (event.type === "opened") this.#onOpened();
      else if (event.type === "closed") this.fail(event.error);
      else if (event.type === "data") {
        this.#tunnel.consumed(event.data.length);
        this.received(event.data);
      }
    }
    this.#pump();
  }

  #pump(): void {
    if (this.ws.readyState !== WebSocket.OPEN) return;
    const now = performance.now();
    for (let m = this.#tunnel.takeMessage(now); m !== undefined; m = this.#tunnel.takeMessage(now))
      this.ws.send(m, this.onSent);
  }
}
