import type { SentMessage } from "@nacre/packet";
import {
  SSH_MSG_DEBUG,
  SSH_MSG_DISCONNECT,
  SSH_MSG_EXT_INFO,
  SSH_MSG_IGNORE,
  SSH_MSG_NEWKEYS,
  SSH_MSG_UNIMPLEMENTED,
  SSH_MSG_USERAUTH_SUCCESS,
  utf8Encode,
} from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { RawPeer, rawKexInit } from "./support/raw-peer.ts";

const INJECTED: readonly (readonly [string, Uint8Array])[] = [
  ["IGNORE", SSH_MSG_IGNORE.encode({ data: new Uint8Array(3) })],
  ["DEBUG", SSH_MSG_DEBUG.encode({ alwaysDisplay: true, message: "hi", languageTag: "" })],
  ["UNIMPLEMENTED", SSH_MSG_UNIMPLEMENTED.encode({ sequenceNumber: 0 })],
  ["an unknown message", Uint8Array.of(199)],
  ["EXT_INFO", SSH_MSG_EXT_INFO.encode({ extensions: [] })],
];

/** Steps of the first key exchange. A test can inject a packet before each. */
const STEPS: Readonly<Record<"client" | "server", readonly ((peer: RawPeer) => void)[]>> = {
  server: [(peer) => peer.sendInit(), (peer) => peer.replyKex(), (peer) => peer.newKeys()],
  client: [(peer) => peer.sendInit(), (peer) => peer.startKex(), (peer) => peer.newKeys()],
};

describe.each(["client", "server"] as const)("Terrapin (CVE-2023-48795) with packets injected as the %s", (role) => {
  describe.each([0, 1, 2])("before step %i of the first key exchange", (place) => {
    const inject = (strict: boolean, payload: Uint8Array): RawPeer => {
      const peer = new RawPeer(role, { strict }).identify();
      STEPS[role].forEach((step, i) => {
        if (i === place) peer.send(payload);
        if (peer.error === undefined) step(peer);
      });
      return peer;
    };

    test.each(INJECTED)("a strict exchange rejects %s", (_, payload) => {
      const peer = inject(true, payload);
      expect(peer.error).toMatchObject({ code: "unexpected-message", culprit: "peer" });
      expect(SSH_MSG_DISCONNECT.decode(peer.last(1))).toMatchObject({ reasonCode: 2 });
      expect(peer.events.some(({ type }) => type === "keys-complete")).toBe(false);
    });

    test.each(INJECTED.slice(0, 3))("an exchange that is not strict accepts %s", (_, payload) => {
      expect(inject(false, payload).error).toBeUndefined();
    });
  });
});

test.each(["client", "server"] as const)("detects that the first packet after a %s's NEWKEYS was dropped", (role) => {
  const peer = new RawPeer(role).handshake();
  peer.skip(SSH_MSG_IGNORE.encode({ data: new Uint8Array() }));
  expect(peer.error).toBeUndefined();
  peer.send(SSH_MSG_IGNORE.encode({ data: new Uint8Array() }));
  expect(peer.error).toMatchObject({ code: "mac-mismatch" });
  expect(SSH_MSG_DISCONNECT.decode(peer.last(1))).toMatchObject({ reasonCode: 5 });
});

/** Sends a message and returns the sequence number of its packet. */
function nextNumber(peer: RawPeer): number | undefined {
  const sent: SentMessage = { sequenceNumber: undefined };
  peer.transport.sink.write(Uint8Array.of(50), sent);
  return sent.sequenceNumber;
}

test("a rekey without the markers stays strict and resets sequence numbers", () => {
  const peer = new RawPeer("server").handshake();
  peer.send(SSH_MSG_IGNORE.encode({ data: new Uint8Array() }));
  expect(nextNumber(peer)).toBe(0);
  peer.exchange();
  peer.send(SSH_MSG_IGNORE.encode({ data: new Uint8Array() }));
  expect(peer.error).toBeUndefined();
  expect(peer.events.filter(({ type }) => type === "keys-complete")).toHaveLength(2);
  expect(nextNumber(peer)).toBe(0);
});

test("ignores markers that first appear in a rekey", () => {
  const peer = new RawPeer("server", { strict: false }).handshake();
  const before = nextNumber(peer);
  expect(before).toBeGreaterThan(0);
  peer.sendInit({ kexAlgorithms: [...rawKexInit.kexAlgorithms, "kex-strict-s-v00@openssh.com"] });
  peer.replyKex().newKeys();
  peer.send(SSH_MSG_IGNORE.encode({ data: new Uint8Array() }));
  expect(peer.error).toBeUndefined();
  expect(nextNumber(peer)).toBe(before! + 4);
});

test("accepts messages 1 to 4 during a strict rekey", () => {
  const peer = new RawPeer("server").handshake().sendInit();
  for (const [, payload] of INJECTED.slice(0, 3)) peer.send(payload);
  peer.replyKex().newKeys();
  expect(peer.error).toBeUndefined();
});

test("rejects a peer without strict key exchange if `requireStrictKex` is set", () => {
  const lax = new RawPeer("server", { strict: false, requireStrictKex: true }).identify().sendInit();
  expect(lax.error).toMatchObject({ code: "strict-kex-required", culprit: "unsupported" });
  expect(lax.numbers).toEqual([20, 1]);
  expect(new RawPeer("server", { requireStrictKex: true }).handshake().error).toBeUndefined();
  expect(new RawPeer("client", { requireStrictKex: true, strict: false }).identify().sendInit().error).toMatchObject({
    code: "strict-kex-required",
  });
});

describe("state skip and role confusion", () => {
  const SKIPS: readonly (readonly [string, number[]])[] = [
    ["SERVICE_ACCEPT", [6, 0, 0, 0, 0]],
    ["USERAUTH_SUCCESS", [52]],
    ["CHANNEL_OPEN", [90]],
    ["CHANNEL_DATA", [94]],
    ["PING", [192]],
    ["NEWKEYS", [21]],
  ];

  test.each(SKIPS)("rejects %s from a server before NEWKEYS and sends it no data", (_, bytes) => {
    for (const strict of [true, false])
      for (const steps of [0, 1]) {
        const peer = new RawPeer("server", { strict }).identify();
        if (steps > 0) peer.sendInit();
        peer.transport.sink.write(utf8Encode("2password"));
        peer.send(Uint8Array.from(bytes));
        expect(peer.error).toMatchObject({ code: "unexpected-message" });
        expect(peer.numbers.every((number) => [1, 20, 30].includes(number))).toBe(true);
      }
  });

  test("rejects NEWKEYS in place of the key exchange reply", () => {
    const peer = new RawPeer("server").identify().sendInit().send(SSH_MSG_NEWKEYS.encode({}));
    expect(peer.error).toMatchObject({ code: "unexpected-message" });
  });

  test.each([
    ["client", 31],
    ["client", 33],
    ["client", 6],
    ["client", 52],
    ["server", 30],
    ["server", 32],
    ["server", 34],
    ["server", 5],
    ["server", 50],
  ] as const)("rejects a message of the other role: %s sending %i", (role, number) => {
    expect(new RawPeer(role, { strict: false }).identify().sendInit().send(Uint8Array.of(number)).error).toMatchObject({
      code: "unexpected-message",
    });
    expect(new RawPeer(role).handshake().send(Uint8Array.of(number)).error).toMatchObject({
      code: "unexpected-message",
    });
  });

  test("rejects USERAUTH_SUCCESS from a client (CVE-2018-10933)", () => {
    const peer = new RawPeer("client").handshake().send(SSH_MSG_USERAUTH_SUCCESS.encode({}));
    expect(peer.error).toMatchObject({ code: "unexpected-message" });
  });

  test("passes no message from 80 to a server's upper layers before authentication (CVE-2025-32433)", () => {
    for (let number = 80; number <= 100; number++) {
      const peer = new RawPeer("client").handshake().send(Uint8Array.of(number));
      expect(peer.events.some(({ type }) => type === "message")).toBe(false);
    }
    // A CHANNEL_OPEN sent together with the login gets UNIMPLEMENTED, but does not end the connection.
    const peer = new RawPeer("client").handshake().send(Uint8Array.of(90));
    expect(peer.error).toBeUndefined();
    expect(SSH_MSG_UNIMPLEMENTED.decode(peer.last(3))).toEqual({ sequenceNumber: 0 });
  });
});

function extInfo(count: number): Uint8Array {
  const extensions = Array.from({ length: count }, () => ({ name: "x", value: new Uint8Array() }));
  return SSH_MSG_EXT_INFO.encode({ extensions });
}

describe("EXT_INFO on the wire", () => {
  test("is reported as an event", () => {
    const peer = new RawPeer("server").handshake().send(extInfo(2));
    expect(peer.events.at(-1)).toMatchObject({ type: "ext-info", extensions: [{ name: "x" }, { name: "x" }] });
  });

  test("may have at most `maxExtensions` extensions", () => {
    expect(new RawPeer("server", { limits: { maxExtensions: 3 } }).handshake().send(extInfo(3)).error).toBeUndefined();
    expect(new RawPeer("server", { limits: { maxExtensions: 3 } }).handshake().send(extInfo(4)).error).toMatchObject({
      code: "malformed-message",
    });
  });

  test("is rejected a second time from a client", () => {
    expect(new RawPeer("client").handshake().send(extInfo(1)).send(extInfo(1)).error).toMatchObject({
      code: "unexpected-message",
    });
  });
});
