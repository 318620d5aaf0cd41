import { Connection, type ConnectionEvent, type ConnectionLimits } from "@nacre/connection";
import { seededRandom } from "@nacre/testing/random";
import { toyAlgorithms, toyCipher, toyHostKey, toySign } from "@nacre/testing/toys";
import { Transport, type TransportLimits, type TransportOptions } from "@nacre/transport";
import { SSH_MSG_CHANNEL_DATA, SSH_MSG_CHANNEL_EXTENDED_DATA, SshError } from "@nacre/wire";
import { array, assert, boolean, constantFrom, integer, nat, oneof, property, record } from "fast-check";
import { describe, expect, test } from "vitest";

type Role = "client" | "server";

/** The transport and connection protocols of one side, joined as the protocol machines join them, without a login. */
class End {
  readonly transport: Transport;
  readonly connection: Connection;
  readonly events: ConnectionEvent[] = [];
  /** Payloads of the messages of the connection protocol received. */
  readonly messages: Uint8Array[] = [];
  error: SshError | undefined;

  constructor(role: Role, options: Partial<TransportOptions> = {}, limits: Partial<ConnectionLimits> = {}) {
    this.transport = new Transport({
      role,
      softwareVersion: "Test",
      algorithms: toyAlgorithms,
      random: seededRandom(role === "client" ? 1 : 2),
      ...(role === "server" && { hostKeys: [toyHostKey()] }),
      ...options,
    });
    this.connection = new Connection({ sink: this.transport.sink, allowedChannelTypes: ["session"], limits });
    this.transport.start(0);
  }

  work(): void {
    for (let event = this.transport.nextEvent(); event !== undefined; event = this.transport.nextEvent()) {
      if (event.type === "verify-host-key") this.transport.answerHostKey(event.token, true);
      else if (event.type === "sign-exchange-hash")
        this.transport.answerSignature(event.token, toySign(event.algorithm, event.hostKey.blob, event.data));
      else if (event.type === "closed") this.error = event.error;
      else if (event.type === "message") {
        this.messages.push(event.payload);
        this.connection.receive(event.payload);
        this.#workConnection();
      }
    }
  }

  takeAll(): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    for (const piece of this.transport.takeOutput()) pieces.push(piece);
    return pieces;
  }

  #workConnection(): void {
    for (let event = this.connection.nextEvent(); event !== undefined; event = this.connection.nextEvent()) {
      this.events.push(event);
      if (event.type === "open-request") this.connection.answerOpen(event.token, true);
      if (event.type === "data") this.connection.consumed(event.channel, event.data.length);
      if (event.type === "closed") throw event.error;
    }
  }
}

interface LinkOptions {
  readonly client?: Partial<TransportOptions>;
  readonly server?: Partial<ConnectionLimits>;
  /** Length of the chunks in which bytes arrive. */
  readonly chunk?: number;
}

/** Two sides with two open channels, 0 and 1. */
class Link {
  readonly client: End;
  readonly server: End;
  readonly #chunk: number;

  constructor({ client, server, chunk = 1000 }: LinkOptions = {}) {
    this.client = new End("client", client);
    this.server = new End("server", {}, server);
    this.#chunk = chunk;
    this.pump();
    this.client.transport.enterConnection();
    this.server.transport.enterConnection();
    this.client.connection.openChannel("session");
    this.client.connection.openChannel("session");
    this.pump();
    this.server.messages.length = 0;
    this.server.events.length = 0;
  }

  carry(from: End, to: End): boolean {
    const pieces = from.takeAll();
    for (const piece of pieces)
      for (let at = 0; at < piece.length; at += this.#chunk) {
        to.transport.receive(piece.subarray(at, at + this.#chunk));
        to.work();
      }
    return pieces.length > 0;
  }

  pump(): void {
    for (let moved = true; moved; ) {
      this.client.work();
      this.server.work();
      moved = this.carry(this.client, this.server);
      moved = this.carry(this.server, this.client) || moved;
    }
  }

  /** Numbers and lengths of the messages that the server received since the last call. */
  arrived(): string[] {
    this.pump();
    return this.server.messages.splice(0).map((payload) => `${payload[0]}: ${payload.length}`);
  }
}

const bytes = (length: number, fill = 1): Uint8Array => new Uint8Array(length).fill(fill);

describe("short writes of one turn", () => {
  test("to one stream of a channel are one message", () => {
    const link = new Link();
    for (let i = 0; i < 10; i++) expect(link.client.connection.write(0, bytes(64, i))).toBe(64);
    for (let i = 0; i < 3; i++) expect(link.client.connection.write(0, bytes(10, i), 1)).toBe(10);
    link.pump();
    const [data, extended, ...more] = link.server.messages;
    expect(more).toEqual([]);
    expect(SSH_MSG_CHANNEL_DATA.decode(data!).data).toEqual(Uint8Array.from({ length: 640 }, (_, i) => i / 64));
    expect(SSH_MSG_CHANNEL_EXTENDED_DATA.decode(extended!)).toMatchObject({
      dataTypeCode: 1,
      data: Uint8Array.from({ length: 30 }, (_, i) => i / 10),
    });
  });

  test("stay separate if output was taken, or anything else was sent, in between", () => {
    const link = new Link();
    const { connection, transport } = link.client;
    connection.write(0, bytes(1));
    const first = link.client.takeAll();
    expect(first).toHaveLength(1);
    connection.write(0, bytes(2));
    connection.write(1, bytes(3));
    connection.write(0, bytes(4));
    connection.write(0, bytes(5), 1);
    connection.write(0, bytes(6));
    connection.request(0, "x@example.org", bytes(0), { wantReply: false });
    connection.write(0, bytes(7));
    transport.requestRekey();
    expect(connection.write(0, bytes(8))).toBe(0);
    link.server.transport.receive(first[0]!);
    expect(link.arrived()).toEqual(["94: 10", "94: 11", "94: 12", "94: 13", "95: 18", "94: 15", "98: 23", "94: 16"]);
  });

  test("fill messages of 1 to 4 KiB, and a longer write has its own", () => {
    const link = new Link();
    for (let i = 0; i < 200; i++) link.client.connection.write(0, bytes(100));
    link.client.connection.write(0, bytes(5000));
    link.client.connection.write(0, bytes(20));
    link.pump();
    const lengths = link.server.messages.map((payload) => payload.length);
    expect(lengths.slice(-2)).toEqual([5009, 29]);
    const joined = lengths.slice(0, -2);
    expect(joined.reduce((sum, length) => sum + length - 9, 0)).toBe(20_000);
    // Where the output buffer ends, a message may be shorter.
    expect(joined.length).toBeLessThan(25);
    expect(Math.max(...joined)).toBeLessThan(4096);
  });

  test("of 1 KiB and more are sealed at once", () => {
    const { client } = new Link();
    client.connection.write(0, bytes(1024 - 10));
    expect(client.transport.sink.pending).toBe(1023);
    client.connection.write(1, bytes(1024 - 9));
    // Both have padding and a tag now.
    expect(client.transport.sink.pending).toBeGreaterThan(1023 + 1024 + 2 * 16);
  });

  test("never exceed the peer's maximum packet size or window", () => {
    const link = new Link({ server: { maxPacketSize: 100, initialWindow: 250 } });
    for (let i = 0; i < 6; i++) expect(link.client.connection.write(0, bytes(40))).toBe(40);
    expect(link.client.connection.write(0, bytes(40))).toBe(10);
    expect(link.arrived()).toEqual(["94: 89", "94: 89", "94: 99"]);
  });

  test("count as pending output until they are taken", () => {
    const { client } = new Link();
    client.connection.write(0, bytes(64));
    expect(client.transport.sink.pending).toBe(73);
    client.connection.write(0, bytes(64));
    expect(client.transport.sink.pending).toBe(137);
    client.takeAll();
    expect(client.transport.sink.pending).toBe(0);
  });

  test("are traced as the message that leaves, in order", () => {
    const traced: string[] = [];
    const trace: TransportOptions["trace"] = {
      identification: () => {},
      packet: ({ direction, sequenceNumber, payload }) => {
        if (direction === "sent" && payload[0]! > 90) traced.push(`${sequenceNumber} ${payload[0]} ${payload.length}`);
      },
    };
    const link = new Link({ client: { trace } });
    traced.length = 0;
    link.client.connection.write(0, bytes(8));
    link.client.connection.write(0, bytes(8));
    expect(traced).toEqual([]);
    link.client.connection.sendEof(0);
    link.client.connection.write(1, bytes(8));
    link.client.connection.close(1);
    expect(traced).toEqual(["2 94 25", "3 96 5", "4 94 17", "5 97 5"]);
  });

  test("leave before SSH_MSG_DISCONNECT", () => {
    const link = new Link();
    link.client.connection.write(0, bytes(3));
    link.client.transport.disconnect(new SshError("closed", "done"));
    link.pump();
    expect(link.server.messages.map((payload) => payload.length)).toEqual([12]);
    expect(link.server.error?.code).toBe("disconnected");
  });
});

test("taking output begins the rekey that a joined message makes due", () => {
  const limits: Partial<TransportLimits> = { rekeyPackets: 10 };
  const link = new Link({ client: { limits } });
  let count = 0;
  while (!link.client.transport.sink.held) {
    expect(++count).toBeLessThan(10);
    link.client.connection.write(0, bytes(1));
    expect(link.client.transport.sink.held).toBe(false);
    link.carry(link.client, link.server);
  }
  expect(link.client.connection.write(0, bytes(1))).toBe(0);
  link.pump();
  expect(link.client.transport.sink.held).toBe(false);
  expect(link.server.messages).toHaveLength(count);
});

test("a cipher's failure to seal joined data ends the connection when output is taken", () => {
  let broken = false;
  const cipher = toyCipher();
  const failing: typeof cipher = {
    ...cipher,
    createSealer: (keys, mac) => {
      const sealer = cipher.createSealer(keys, mac);
      return {
        ...sealer,
        seal: (...packet) => {
          if (broken) throw new Error("no cipher");
          sealer.seal(...packet);
        },
      };
    },
  };
  const { client } = new Link({ client: { algorithms: { ...toyAlgorithms, ciphers: [failing] } } });
  broken = true;
  client.connection.write(0, bytes(1));
  expect(client.takeAll()).toEqual([]);
  client.work();
  expect(client.error).toMatchObject({ code: "internal", message: expect.stringContaining("no cipher") });
  expect(client.takeAll()).toEqual([]);
});

const channel = nat(1);
const step = oneof(
  {
    weight: 12,
    arbitrary: record({
      kind: constantFrom("write" as const),
      channel,
      length: oneof(integer({ min: 0, max: 40 }), integer({ min: 0, max: 1500 })),
      toStderr: boolean(),
    }),
  },
  { weight: 3, arbitrary: record({ kind: constantFrom("request" as const), channel }) },
  { weight: 1, arbitrary: record({ kind: constantFrom("eof" as const), channel }) },
  { weight: 1, arbitrary: record({ kind: constantFrom("rekey" as const), channel }) },
  { weight: 2, arbitrary: record({ kind: constantFrom("take" as const), channel }) },
  { weight: 2, arbitrary: record({ kind: constantFrom("pump" as const), channel }) },
);

test("any sequence of writes, requests, rekeys, EOF and close arrives byte-exact and in order, in chunks of any length", () => {
  assert(
    property(
      array(step, { maxLength: 40 }),
      integer({ min: 1, max: 50 }),
      integer({ min: 30, max: 3000 }),
      (steps, chunk, maxPacketSize) => {
        const link = new Link({ chunk, server: { maxPacketSize, initialWindow: 4000 } });
        const { connection, transport } = link.client;
        const expected: string[] = [];
        const ended = new Set<number>();
        let next = 0;
        for (const { kind, channel: to, ...write } of steps) {
          if (kind === "write" && !ended.has(to)) {
            const { length, toStderr } = write as { readonly length: number; readonly toStderr: boolean };
            const data = Uint8Array.from({ length }, () => next++);
            const taken = connection.write(to, data, toStderr ? 1 : 0);
            // The array belongs to the caller.
            const sent = data.slice(0, taken);
            data.fill(0);
            for (const byte of sent) expected.push(`${to} ${toStderr ? 1 : 0} ${byte}`);
          } else if (kind === "request") {
            connection.request(to, `x${next}@example.org`, bytes(0), { wantReply: false });
            expected.push(`${to} x${next++}@example.org`);
          } else if (kind === "eof" && !ended.has(to)) {
            ended.add(to);
            connection.sendEof(to);
            expected.push(`${to} eof`);
          } else if (kind === "rekey") {
            transport.requestRekey();
          } else if (kind === "take") {
            link.carry(link.client, link.server);
          } else if (kind === "pump") {
            link.pump();
          }
        }
        for (const to of [0, 1]) {
          connection.close(to);
          expected.push(`${to} channel-closed`);
        }
        link.pump();
        expect([link.client.error, link.server.error]).toEqual([undefined, undefined]);
        expect(link.server.events.flatMap(describeEvent)).toEqual(expected);
      },
    ),
    { numRuns: 60 },
  );
});

/** One line per byte, so that joined and separate messages look the same. */
function describeEvent(event: ConnectionEvent): string[] {
  if (event.type === "data") return [...event.data].map((byte) => `${event.channel} ${event.stream} ${byte}`);
  if (event.type === "channel-request") return [`${event.channel} ${event.requestType}`];
  return "channel" in event ? [`${event.channel} ${event.type}`] : [];
}
