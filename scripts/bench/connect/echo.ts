import { createHash } from "node:crypto";
import { finish, type MeasuredClient, type MeasuredCommand, stopwatch } from "../measure/measured-client.ts";
import type { EchoResult, EchoTask } from "../tasks.ts";

/** Length of a message in bytes: like a keystroke or a line. */
const LENGTH = 64;
/** Number of messages before the timed ones. */
const WARM_UP = 500;

/** Sends small messages through `cat`, and measures the round-trip time of each. */
export async function echo(client: MeasuredClient, { target, messages, perSecond }: EchoTask): Promise<EchoResult> {
  const connection = await client.open(target);
  const command = await connection.start("cat");
  const exchange = new Exchange(command, WARM_UP + messages);
  await new Promise<void>((resolve, reject) => {
    const finished = finish(command, (chunk) => {
      exchange.receive(chunk);
      if (exchange.back === exchange.total) resolve(command.write([]).then(() => finished));
      else if (perSecond === undefined && exchange.back === exchange.sent) exchange.send();
      return undefined;
    });
    finished.then(() => reject(new Error(`\`cat\` ended after ${exchange.back} messages`)), reject);
    if (perSecond === undefined) exchange.send();
    else pace(exchange, perSecond);
  });
  await connection.close();
  return exchange.result();
}

/** Sends messages at a fixed rate: every millisecond, those that are due. */
function pace(exchange: Exchange, perSecond: number): void {
  const began = performance.now();
  const timer = setInterval(() => {
    const due = Math.min(exchange.total, Math.floor(((performance.now() - began) * perSecond) / 1000));
    for (let more = due - exchange.sent; more > 0; more--) exchange.send();
    if (exchange.sent === exchange.total) clearInterval(timer);
  }, 1);
}

/** The messages of a run, sent and received. They come back in order, as a stream of bytes. */
class Exchange {
  readonly total: number;
  sent = 0;
  back = 0;
  readonly #command: MeasuredCommand;
  readonly #sentAt: Float64Array;
  readonly #took: Float64Array;
  readonly #sentHash = createHash("sha256");
  readonly #receivedHash = createHash("sha256");
  #received = 0;
  #lap = stopwatch();
  #time = this.#lap();

  constructor(command: MeasuredCommand, total: number) {
    this.#command = command;
    this.total = total;
    this.#sentAt = new Float64Array(total);
    this.#took = new Float64Array(total);
  }

  send(): void {
    if (this.sent === WARM_UP) this.#lap = stopwatch();
    const message = Buffer.alloc(LENGTH, this.sent);
    message.writeUInt32BE(this.sent);
    this.#sentHash.update(message);
    this.#sentAt[this.sent] = performance.now();
    this.sent++;
    this.#command.send(message);
  }

  receive(chunk: Uint8Array): void {
    const now = performance.now();
    this.#receivedHash.update(chunk);
    this.#received += chunk.length;
    const whole = Math.floor(this.#received / LENGTH);
    for (; this.back < whole; this.back++) this.#took[this.back] = now - (this.#sentAt[this.back] ?? 0);
    if (this.back === this.total) this.#time = this.#lap();
  }

  /** Returns the measured times. Throws if the received bytes differ from the sent ones. */
  result(): EchoResult {
    const same = this.#sentHash.digest("hex") === this.#receivedHash.digest("hex");
    if (!same || this.#received !== this.total * LENGTH)
      throw new Error(`\`cat\` returned other bytes than the ${this.total} messages of ${LENGTH} bytes that were sent`);
    const took = this.#took.subarray(WARM_UP).toSorted();
    const percentile = (share: number): number => took[Math.floor(took.length * share)] ?? 0;
    return { ...this.#time, p50: percentile(0.5), p99: percentile(0.99) };
  }
}
