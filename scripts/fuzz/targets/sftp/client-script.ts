// Plays an SFTP client from an input of steps. Each step is a string; its first byte selects the action.

import { decodeRequest, SFTP_EXTENSIONS, SftpClient, type SftpClientEvent, type SftpClientRequest } from "@nacre/sftp";
import { concatBytes, Writer } from "@nacre/wire";
import { attempt, Broken, expectEqual, expectRefusal, expectTrue } from "../../contract.ts";
import { Input } from "../../input.ts";
import { framed, steps } from "./request-types.ts";

/** Maximum number of steps. */
const MOST_STEPS = 64;

const LIMITS = { maxPacketLength: 34_000, maxRequests: 8, maxNames: 20, maxPathLength: 200 };

/** A pending requests, as the application sees it. */
interface Pending {
  readonly waiter: number;
  readonly id: number;
  /** Most data bytes that the answer may have. */
  readonly length: number;
}

/** A client, its application and its server. */
class Subject {
  readonly client = new SftpClient<number>({ limits: LIMITS });
  readonly events: SftpClientEvent<number>[] = [];
  pending: Pending[] = [];
  isClosed = false;
  readonly #bytewise: boolean;
  #waiter = 0;

  constructor(bytewise: boolean) {
    this.#bytewise = bytewise;
  }

  /** Passes bytes of the server to the client, as one chunk or byte by byte. */
  receive(bytes: Uint8Array): void {
    if (this.#bytewise) {
      for (const byte of bytes) {
        this.client.receive(Uint8Array.of(byte));
        this.settle();
      }
    } else {
      this.client.receive(bytes.slice());
    }
    this.settle();
  }

  /** Sends a request, with the waiter that the method passes. */
  send(length: number, action: (waiter: number) => number): void {
    const waiter = this.#waiter++;
    const id = attempt(() => action(waiter));
    if (id === undefined) return;
    expectTrue(!this.pending.some((one) => one.id === id), `the id ${id} is used twice`);
    this.pending.push({ waiter, id, length });
    expectTrue(this.client.requestCount <= LIMITS.maxRequests, "too many pending requests");
  }

  abandon(which: number): void {
    const found = this.pending[which % Math.max(1, this.pending.length)];
    if (found === undefined) return;
    this.client.abandon(found.id);
    this.pending = this.pending.filter((one) => one !== found);
  }

  settle(): void {
    for (let event = this.client.nextEvent(); event !== undefined; event = this.client.nextEvent()) this.#on(event);
    const { unsent } = this.client;
    this.client.sent(unsent.length);
  }

  #on(event: SftpClientEvent<number>): void {
    if (this.isClosed) throw new Broken(`the event ${event.type} after the last`);
    this.events.push(event);
    if (event.type === "closed") {
      this.isClosed = true;
      expectRefusal(event.error);
      expectEqual([this.pending, this.client.requestCount], [[], 0], "the requests without an answer");
    }
    if (!("waiter" in event)) return;
    const found = this.pending.find(({ waiter }) => waiter === event.waiter);
    if (found === undefined) throw new Broken(`an answer to a request that is answered or abandoned: ${event.type}`);
    expectEqual(event.request, found.id, "the id in an answer");
    this.pending = this.pending.filter((one) => one !== found);
    if (event.type === "names") expectTrue(event.names.length > 0 && event.names.length <= LIMITS.maxNames, "names");
    if (event.type !== "data") return;
    const length = event.pieces.reduce((sum, piece) => sum + piece.length, 0);
    expectTrue(length > 0 && length <= found.length, `${length} bytes for a read of ${found.length}`);
    expectEqual(event.length, length, "the length of the pieces");
  }
}

/** Action of each step with the rest of its bytes. */
const STEPS = {
  /** Sends the request that an encoded packet describes. */
  request: (subject, rest) => {
    const packet = rest.rest();
    const request = attempt(() => decodeRequest(packet)) as SftpClientRequest | undefined;
    if (request === undefined || (request as { type: string }).type === "limits") return;
    const length = request.type === "read" ? request.length : 0;
    subject.send(length, (waiter) => subject.client.request(request, waiter));
  },
  read: (subject, rest) => {
    const length = rest.uint32() % 70_000;
    subject.send(length, (waiter) => subject.client.read(Uint8Array.of(1), rest.byte(), length, waiter));
  },
  abandon: (subject, rest) => subject.abandon(rest.byte()),
  /** Makes the client receive arbitrary bytes. */
  bytes: (subject, rest) => subject.receive(rest.rest()),
  /** Makes the client receive a packet with the id of a pending requests. */
  reply: (subject, rest) => {
    const found = subject.pending[rest.byte() % Math.max(1, subject.pending.length)];
    const packet = rest.rest();
    const reply = new Writer().byte(packet[0] ?? 0).uint32(found?.id ?? 0);
    subject.receive(framed(reply.raw(packet.subarray(5)).finish()));
  },
  /** Makes the client receive DATA of a given length. */
  data: (subject, rest) => {
    const found = subject.pending[rest.byte() % Math.max(1, subject.pending.length)];
    const data = new Uint8Array(rest.uint32() % 40_000).fill(7);
    subject.receive(
      framed(
        new Writer()
          .byte(103)
          .uint32(found?.id ?? 0)
          .string(data)
          .finish(),
      ),
    );
  },
  version: (subject) => {
    const writer = new Writer().byte(2).uint32(3);
    for (const { name, data } of Object.values(SFTP_EXTENSIONS)) writer.string(name).string(data);
    subject.receive(framed(writer.finish()));
  },
  end: (subject) => {
    subject.client.end();
    subject.settle();
  },
} satisfies Readonly<Record<string, (subject: Subject, rest: Input) => void>>;

const NAMES = Object.keys(STEPS) as (keyof typeof STEPS)[];

/** Plays the steps of the input twice, whole and byte by byte, and compares the events. */
export function playClient(bytes: Uint8Array): void {
  const [whole, cut] = [play(bytes, false), play(bytes, true)];
  expectEqual(outline(cut), outline(whole), "the events, byte by byte");
}

/** Returns the events with joined pieces and the texts of errors, for comparison. */
function outline({ events }: Subject): unknown[] {
  return events.map((event) => {
    if (event.type === "data") return { ...event, pieces: concatBytes(...event.pieces) };
    return "error" in event ? { ...event, error: event.error.message } : event;
  });
}

function play(bytes: Uint8Array, bytewise: boolean): Subject {
  const input = new Input(bytes);
  const subject = new Subject(bytewise);
  for (let count = 0; !input.empty && count < MOST_STEPS; count++) {
    const rest = new Input(input.string());
    if (!rest.empty) STEPS[NAMES[rest.byte() % NAMES.length]!](subject, rest);
  }
  subject.client.end();
  subject.settle();
  expectTrue(subject.isClosed, "the client did not close");
  return subject;
}

/** Encodes steps as an input. */
export function clientScript(
  ...all: readonly (readonly [keyof typeof STEPS, ...(readonly (number | Uint8Array)[])])[]
): Uint8Array {
  return steps(NAMES, all);
}
