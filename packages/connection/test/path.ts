import { SSH_MSG_CHANNEL_DATA, SSH_MSG_CHANNEL_WINDOW_ADJUST } from "@nacre/wire";
import type { ConnectionEvent, ConnectionLimits } from "../src/index.ts";
import { Pair, type Side, the } from "./support.ts";

export interface PathOptions {
  /** Bytes per millisecond, in each direction. */
  readonly rate: number;
  /** Round trip in milliseconds. */
  readonly roundTrip: number;
  readonly limits?: Partial<ConnectionLimits>;
  /** Bytes queued by the server before it stops writing data; default 64 KiB. Replies wait behind them. */
  readonly queue?: number;
  readonly channels?: number;
  /** Bytes per millisecond that a reader consumes; default unlimited. */
  readonly reads?: number;
  /** Milliseconds between the times at which the reader consumes all received data. */
  readonly rests?: number;
  /** Whether `tick` is never called. */
  readonly timeless?: boolean;
}

/** State of one download, as its reader sees it. */
export interface Download {
  received: number;
  /** Bytes received but not consumed. */
  held: number;
  /** Total bytes the server was allowed to send. */
  credit: number;
  adjustments: number;
  /** Largest `worstCaseHeld` during the last run. */
  window: number;
}

/** Returns the bytes that the channel will hold if its reader stops now: received, in flight, and still allowed by the window. */
export function worstCaseHeld({ credit, received, held }: Download): number {
  return credit - received + held;
}

/**
 * A client and a server on a path with limited rate and delay, driven by a simulated clock. The server sends as much as it may on every
 * channel. Each message takes time to send and arrives half a round trip later.
 */
export class SlowPath {
  readonly pair: Pair;
  readonly downloads: Download[] = [];
  /** Milliseconds since the start. */
  now = 0;
  /** Largest number of bytes that all channels together held. */
  mostHeld = 0;
  /** Called after each step. */
  onStep: () => void = () => undefined;
  readonly #options: PathOptions;
  readonly #initial: number;
  readonly #due: { readonly at: number; readonly act: () => void }[] = [];
  readonly #busy = new Set<Side>();
  readonly #serving = new Set<number>();
  #held = 0;

  constructor(options: PathOptions) {
    this.#options = options;
    const { limits = {}, channels = 1, queue = 64 * 1024 } = options;
    const outputs = { highWater: queue };
    this.pair = new Pair({ client: { limits }, server: { limits: outputs } });
    this.#initial = limits.initialWindow ?? 2 ** 21;
    this.#tick();
    for (let i = 0; i < channels; i++) this.open();
  }

  /** Starts another download. */
  open(): void {
    const channel = this.pair.client.connection.openChannel("session");
    this.downloads[channel] = { received: 0, held: 0, credit: this.#initial, adjustments: 0, window: 0 };
    this.#send();
  }

  /** Ends a download from the server's side. */
  close(channel: number): void {
    this.#serving.delete(channel);
    this.pair.server.connection.close(channel);
    this.#send();
  }

  /** Advances the clock by `milliseconds` and returns the number of bytes that arrived. */
  run(milliseconds: number): number {
    const end = this.now + milliseconds;
    const before = this.#received;
    for (const download of this.downloads) download.window = worstCaseHeld(download);
    for (let next = this.#due[0]; next !== undefined && next.at <= end; next = this.#due[0]) {
      this.#due.shift();
      this.now = next.at;
      this.#tick();
      next.act();
      this.#send();
      for (const download of this.downloads) download.window = Math.max(download.window, worstCaseHeld(download));
      this.onStep();
    }
    this.now = end;
    return this.#received - before;
  }

  get #received(): number {
    return this.downloads.reduce((sum, { received }) => sum + received, 0);
  }

  #tick(): void {
    if (this.#options.timeless === true) return;
    for (const { time } of [this.pair.client, this.pair.server]) time.now = this.now;
  }

  #send(): void {
    for (const channel of this.#serving) this.#write(channel);
    this.#transmit(this.pair.client, this.pair.server, (event) => this.#onServer(event));
    this.#transmit(this.pair.server, this.pair.client, (event) => this.#onClient(event));
  }

  #transmit(from: Side, to: Side, hear: (event: ConnectionEvent) => void): void {
    if (this.#busy.has(from)) return;
    const payload = from.sink.payloads.shift();
    if (payload === undefined) return;
    from.sink.pending -= payload.length;
    from.connection.flush();
    this.#note(from, payload);
    this.#busy.add(from);
    const sent = this.now + payload.length / this.#options.rate;
    this.#at(sent, () => this.#busy.delete(from));
    this.#at(sent + this.#options.roundTrip / 2, () => {
      for (const event of to.hears(payload)) hear(event);
    });
  }

  #note(from: Side, payload: Uint8Array): void {
    if (from !== this.pair.client || payload[0] !== SSH_MSG_CHANNEL_WINDOW_ADJUST.number) return;
    const { recipientChannel, bytesToAdd } = SSH_MSG_CHANNEL_WINDOW_ADJUST.decode(payload);
    const download = the(this.downloads[recipientChannel]);
    download.credit += bytesToAdd;
    download.adjustments++;
  }

  #onServer(event: ConnectionEvent): void {
    const { connection } = this.pair.server;
    if (event.type === "closed") throw event.error;
    if (event.type === "open-request") this.#serving.add(the(connection.answerOpen(event.token, true)));
  }

  #onClient(event: ConnectionEvent): void {
    if (event.type === "closed") throw event.error;
    if (event.type === "global-reply") throw new Error("unexpected global-reply event for a probe");
    if (event.type !== "data") return;
    const download = the(this.downloads[event.channel]);
    const { length } = event.data;
    const { reads = Number.POSITIVE_INFINITY, rests } = this.#options;
    download.received += length;
    download.held += length;
    this.#held += length;
    this.mostHeld = Math.max(this.mostHeld, this.#held);
    const consume = (): void => {
      download.held -= length;
      this.#held -= length;
      this.pair.client.connection.consumed(event.channel, length);
    };
    if (rests !== undefined) this.#at(Math.ceil((this.now + 1) / rests) * rests, consume);
    else if (reads === Number.POSITIVE_INFINITY) consume();
    else this.#at(this.now + download.held / reads, consume);
  }

  #write(channel: number): void {
    const { connection } = this.pair.server;
    while (connection.write(channel, CHUNK) === CHUNK.length);
  }

  #at(at: number, act: () => void): void {
    const later = this.#due.findIndex((other) => other.at > at);
    this.#due.splice(later < 0 ? this.#due.length : later, 0, { at, act });
  }
}

const CHUNK = new Uint8Array(32 * 1024);

/** Bytes of an SSH_MSG_CHANNEL_DATA without its data. */
export const OVERHEAD: number = SSH_MSG_CHANNEL_DATA.encode({ recipientChannel: 0, data: new Uint8Array(0) }).length;
