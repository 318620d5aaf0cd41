import { seededRandom } from "@nacre/testing/random";
import { toyAlgorithms, toyCipher } from "@nacre/testing/toys";
import { Transport, type TransportLimits } from "@nacre/transport";
import {
  concatBytes,
  SSH_MSG_GLOBAL_REQUEST,
  SSH_MSG_IGNORE,
  SSH_MSG_PING,
  SSH_MSG_PONG,
  utf8Encode,
} from "@nacre/wire";
import { assert, boolean, integer, property, record } from "fast-check";
import { describe, expect, test } from "vitest";
import { PacketCounter } from "../../packet/src/counters.ts";
import { TRANSPORT_LIMITS } from "../src/limits.ts";
import { type End, Pair } from "./support/pair.ts";
import { RawPeer } from "./support/raw-peer.ts";

/** Returns a message like CHANNEL_DATA that contains its index. */
function numbered(index: number, length = 100): Uint8Array {
  return concatBytes(Uint8Array.of(94, index >> 8, index), new Uint8Array(length));
}

const indexOf = (payload: Uint8Array): number => ((payload[1] ?? 0) << 8) | (payload[2] ?? 0);

function exchanges(end: End): number {
  return end.eventsOf("keys-complete").length;
}

function inOrder(end: End): void {
  const indices = end.messages.map(indexOf);
  expect(indices).toEqual(indices.map((_, i) => i));
}

describe("a rekey begins", () => {
  test.each(["client", "server"] as const)("when the %s requests it", (name) => {
    const pair = new Pair().connect().enterConnection();
    const sessionId = pair.client.transport.sessionId;
    pair[name].transport.requestRekey();
    pair.pump();
    for (const end of [pair.client, pair.server]) {
      expect(exchanges(end)).toBe(2);
      expect(end.eventsOf("new-keys")[1]).toMatchObject({ initial: false, strictKex: true });
      expect(end.eventsOf("keys-complete")[1]).toEqual({ type: "keys-complete", initial: false });
    }
    expect(pair.client.transport.sessionId).toBe(sessionId);
    expect(pair.client.eventsOf("verify-host-key")).toHaveLength(1);
    expect(pair.server.eventsOf("sign-exchange-hash")).toHaveLength(2);
    expect(pair.client.eventsOf("ext-info")).toHaveLength(1);
  });

  test("only once when both sides request it concurrently", () => {
    const pair = new Pair().connect().enterConnection();
    pair.client.transport.requestRekey();
    pair.server.transport.requestRekey();
    pair.client.transport.requestRekey();
    pair.pump();
    expect([exchanges(pair.client), exchanges(pair.server)]).toEqual([2, 2]);
  });

  test("only after the first key exchange", () => {
    const pair = new Pair();
    pair.client.transport.start(0);
    pair.client.transport.requestRekey();
    pair.server.transport.start(0);
    pair.pump();
    expect(exchanges(pair.client)).toBe(1);
  });

  test.each(["client", "server"] as const)(
    "at most `rekeysBeforeLogin` times from a %s before authentication succeeds",
    (name) => {
      const pair = new Pair({
        client: { limits: { rekeysBeforeLogin: 2 } },
        server: { limits: { rekeysBeforeLogin: 2 } },
      });
      const [hasty, other] = name === "client" ? [pair.client, pair.server] : [pair.server, pair.client];
      pair.connect();
      hasty.transport.enterConnection();
      for (let i = 1; i <= 2; i++) {
        hasty.transport.requestRekey();
        pair.pump();
        expect(exchanges(other)).toBe(1 + i);
      }
      hasty.transport.requestRekey();
      pair.pump();
      expect(other.eventsOf("closed")).toMatchObject([{ error: { code: "rekey-flood" } }]);
      expect(exchanges(other)).toBe(3);
    },
  );

  test("any number of times after authentication", () => {
    const pair = new Pair({ server: { limits: { rekeysBeforeLogin: 1 } } }).connect().enterConnection();
    for (let i = 0; i < 5; i++) {
      pair.client.transport.requestRekey();
      pair.pump();
    }
    expect(exchanges(pair.server)).toBe(6);
  });

  test("on our side only after authentication, since OpenSSH ends the connection on an earlier one", () => {
    const limits = { rekeyBytes: 100, rekeyInterval: 1000 };
    const pair = new Pair({ client: { limits } }).connect();
    pair.client.transport.requestRekey();
    for (let i = 0; i < 10; i++) pair.client.transport.sink.write(Uint8Array.of(50, i));
    pair.tick(5000).pump();
    expect(exchanges(pair.client)).toBe(1);
    pair.enterConnection();
    pair.client.transport.sink.write(numbered(0));
    pair.pump();
    expect(exchanges(pair.client)).toBe(2);
  });

  test("at any time when the peer starts it", () => {
    const peer = new RawPeer("server").handshake().exchange();
    expect(peer.error).toBeUndefined();
    expect(peer.events.at(-1)).toEqual({ type: "keys-complete", initial: false });
  });

  test.each([
    ["bytes sent", { rekeyBytes: 2000 }, "client"],
    ["bytes received", { rekeyBytes: 2000 }, "server"],
    ["packets sent", { rekeyPackets: 20 }, "client"],
    ["packets received", { rekeyPackets: 20 }, "server"],
  ] as const)("after a limited number of %s", (_, limits, limited) => {
    const pair = new Pair({ [limited]: { limits } }).connect().enterConnection();
    for (let i = 0; i < 100; i++) {
      pair.client.transport.sink.write(numbered(i));
      pair.pump();
    }
    expect(exchanges(pair.client)).toBeGreaterThan(4);
    expect(exchanges(pair.client)).toBeLessThan(12);
    expect(pair.server.messages).toHaveLength(100);
    inOrder(pair.server);
  });

  test("after the cipher's `maxBytes`, if that is below the limit", () => {
    const algorithms = { ...toyAlgorithms, ciphers: [toyCipher("toy-aead", { maxBytes: 2000 })] };
    const pair = new Pair({ client: { algorithms } }).connect().enterConnection();
    for (let i = 0; i < 30; i++) pair.client.transport.sink.write(numbered(i));
    pair.pump();
    expect(exchanges(pair.client)).toBe(2);
  });

  test("after `rekeyInterval`", () => {
    const pair = new Pair({ client: { limits: { rekeyInterval: 1000 } } }).connect(50);
    expect(pair.client.transport.deadline()).toBeUndefined();
    pair.enterConnection();
    expect(pair.client.transport.deadline()).toBe(1050);
    pair.tick(1049).pump();
    expect(exchanges(pair.client)).toBe(1);
    pair.tick(1050).pump();
    expect(exchanges(pair.client)).toBe(2);
    expect(pair.client.transport.deadline()).toBe(2050);
  });

  test("before 2^31 packets at the maximum limit", () => {
    const counter = new PacketCounter();
    counter.newKeys({ resetSequence: false, maxPackets: TRANSPORT_LIMITS.ranges.rekeyPackets.most });
    counter.packetsSinceKeys = 2 ** 31 - 3;
    counter.count(16, 0);
    expect(counter.isUsedUp).toBe(false);
    counter.count(16, 0);
    expect([counter.packetsSinceKeys, counter.isUsedUp]).toEqual([2 ** 31 - 1, true]);
  });
});

describe("under load", () => {
  test("delivers every message once and in order across rekeys, for any chunking of the input", () => {
    assert(
      property(
        record({
          seed: integer({ min: 1, max: 1_000_000 }),
          clientBytes: integer({ min: 1, max: 5000 }),
          serverPackets: integer({ min: 1, max: 40 }),
          slow: boolean(),
        }),
        ({ seed, clientBytes, serverPackets, slow }) => {
          const random = seededRandom(seed);
          const pick = (below: number): number => (random(1)[0] ?? 0) % below;
          const pair = new Pair({
            seed,
            client: { limits: { rekeyBytes: clientBytes } },
            server: { limits: { rekeyPackets: serverPackets } },
            tamper: (_, bytes) => {
              const at = pick(bytes.length + 1);
              return [bytes.subarray(0, at), bytes.subarray(at)];
            },
          })
            .connect()
            .enterConnection();
          const sent = { client: 0, server: 0 };
          for (let round = 0; round < 200; round++) {
            const [from, to] = pick(2) === 0 ? [pair.client, pair.server] : [pair.server, pair.client];
            from.transport.sink.write(numbered(sent[from.name]++, pick(200)));
            if (pick(30) === 0) from.transport.requestRekey();
            // Carry one direction at a time, so that messages of both sides cross in many ways.
            if (!slow || pick(3) === 0) {
              pair.drain(from);
              pair.carry(from, to);
              pair.drain(to);
            }
          }
          pair.pump();
          expect([pair.client.error, pair.server.error]).toEqual([undefined, undefined]);
          expect(pair.server.messages).toHaveLength(sent.client);
          expect(pair.client.messages).toHaveLength(sent.server);
          inOrder(pair.server);
          inOrder(pair.client);
          expect(exchanges(pair.client)).toBeGreaterThan(1);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("during a rekey (RFC 4253 §7.1)", () => {
  test("accepts any message before the peer's KEXINIT, and only 1–4 after it", () => {
    const peer = new RawPeer("server").handshake();
    peer.transport.enterConnection();
    peer.transport.requestRekey();
    peer.turn().send(numbered(0));
    expect(peer.events.at(-1)).toMatchObject({ type: "message" });
    peer.sendInit();
    expect(peer.send(SSH_MSG_IGNORE.encode({ data: new Uint8Array() })).error).toBeUndefined();
    for (const payload of [numbered(1), SSH_MSG_PING.encode({ data: new Uint8Array() }), Uint8Array.of(150)]) {
      const other = new RawPeer("server").handshake();
      other.transport.enterConnection();
      expect(other.sendInit().send(payload).error).toMatchObject({ code: "unexpected-message" });
    }
  });

  test("queues our messages and sends them in order after NEWKEYS", () => {
    const peer = new RawPeer("server").handshake();
    peer.transport.enterConnection();
    peer.transport.requestRekey();
    expect(peer.transport.sink.held).toBe(true);
    peer.transport.sink.write(numbered(0));
    peer.transport.sink.begin(0, 3, 0, 0).set(numbered(1, 0));
    peer.transport.sink.commit(0);
    expect(peer.turn().numbers).toEqual([20, 30, 21, 20]);
    expect(peer.transport.sink.pending).toBe(106);
    peer.exchange();
    expect(peer.transport.sink.held).toBe(false);
    expect(peer.numbers).toEqual([20, 30, 21, 20, 30, 21, 94, 94]);
    expect(peer.received.slice(-2).map(indexOf)).toEqual([0, 1]);
    expect(peer.transport.sink.pending).toBe(0);
  });

  test("ends the connection if more than `maxQueuedBytes` are queued", () => {
    const peer = new RawPeer("server", { limits: { maxQueuedBytes: 1000 } }).handshake();
    peer.transport.enterConnection();
    peer.transport.requestRekey();
    for (let i = 0; i < 9; i++) peer.transport.sink.write(numbered(i));
    expect(peer.turn().error).toBeUndefined();
    peer.transport.sink.write(numbered(9));
    expect(peer.turn().error).toMatchObject({ code: "rekey-flood", culprit: "peer" });
    expect(peer.transport.sink.pending).toBe(0);
  });

  test("answers a flood of PINGs in a stalled exchange only within the limit (CVE-2025-26466)", () => {
    const peer = new RawPeer("server", { limits: { maxQueuedBytes: 1000 } }).handshake();
    peer.transport.enterConnection();
    peer.transport.requestRekey();
    peer.turn();
    for (let i = 0; i < 200; i++) peer.send(SSH_MSG_PING.encode({ data: new Uint8Array(95) }));
    expect(peer.error).toBeUndefined();
    expect(peer.transport.sink.pending).toBeLessThanOrEqual(1000);
    peer.exchange();
    expect(peer.numbers.filter((number) => number === 193)).toHaveLength(10);
    expect(peer.error).toBeUndefined();
  });

  test("limits the queued replies to a flood of requests (CVE-2025-22869)", () => {
    const peer = new RawPeer("server", { limits: { maxQueuedBytes: 1000 } }).handshake();
    peer.transport.enterConnection();
    peer.transport.requestRekey();
    peer.turn();
    const request = SSH_MSG_GLOBAL_REQUEST.encode({ requestName: "x", wantReply: true, data: new Uint8Array() });
    for (let i = 0; i < 2000 && peer.error === undefined; i++) {
      peer.send(request);
      peer.transport.sink.write(Uint8Array.of(82));
    }
    expect(peer.turn().error).toMatchObject({ code: "rekey-flood" });
    // A one-byte reply counts as 64 bytes.
    expect(peer.events.filter(({ type }) => type === "message")).toHaveLength(16);
  });

  test("ends the connection with `kex-timeout` if the peer never answers our KEXINIT", () => {
    const peer = new RawPeer("server", { limits: { kexTimeout: 500 } }).handshake();
    peer.transport.enterConnection();
    peer.transport.tick(1000);
    peer.transport.requestRekey();
    expect(peer.transport.deadline()).toBe(1500);
    peer.send(numbered(0));
    peer.transport.tick(1499);
    expect(peer.turn().error).toBeUndefined();
    peer.transport.tick(1500);
    expect(peer.turn().error).toMatchObject({ code: "kex-timeout" });
  });
});

/** Sends a message 500 times without reading the replies. Returns the bytes that wait for the peer. */
function flood(transport: Transport, peer: RawPeer, payload: Uint8Array): number {
  for (let i = 0; i < 500; i++) {
    peer.sendOnly(payload);
    while (transport.nextEvent() !== undefined) continue;
  }
  return transport.sink.pending;
}

describe("automatic answers", () => {
  const limits: Partial<TransportLimits> = { maxQueuedBytes: 2000 };

  test("are dropped if the peer does not read", () => {
    const peer = new RawPeer("server", { limits }).handshake();
    expect(flood(peer.transport, peer, SSH_MSG_PING.encode({ data: new Uint8Array(50) }))).toBeLessThan(2200);
    expect(flood(peer.transport, peer, Uint8Array.of(150))).toBeLessThan(2200);
    expect(peer.turn().error).toBeUndefined();
  });

  test("echo the data of a PING; a PONG gets no answer", () => {
    const peer = new RawPeer("server").handshake().send(SSH_MSG_PING.encode({ data: utf8Encode("hello") }));
    expect(SSH_MSG_PONG.decode(peer.last(193))).toEqual({ data: utf8Encode("hello") });
    const before = peer.received.length;
    peer.send(SSH_MSG_PONG.encode({ data: new Uint8Array() }));
    expect(peer.received).toHaveLength(before);
    expect(peer.error).toBeUndefined();
  });
});
