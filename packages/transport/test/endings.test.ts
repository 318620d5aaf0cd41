import type { KexMethod } from "@nacre/kex";
import { toyAlgorithms, toyCipher, toyKex, toyMac, toySignature } from "@nacre/testing/toys";
import type { TransportEvent, TransportOptions } from "@nacre/transport";
import {
  concatBytes,
  type KexInit,
  SSH_MSG_DEBUG,
  SSH_MSG_DISCONNECT,
  SSH_MSG_UNIMPLEMENTED,
  SshError,
  utf8Encode,
  Writer,
} from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { Pair } from "./support/pair.ts";
import { RawPeer, rawKexInit } from "./support/raw-peer.ts";

const limits = { preBannerLines: 3, preBannerBytes: 40, kexTimeout: 1000 };

describe("identification", () => {
  test("accepts lines before it from a server, within the limits", () => {
    const long = `${"x".repeat(38)}\r\n`;
    const peer = new RawPeer("server", { limits }).sendRaw(`hello\r\n${long}\r\n`).handshake();
    expect(peer.error).toBeUndefined();
    expect(peer.transport.peerVersion).toBe("SSH-2.0-Raw");
    expect(new RawPeer("server", { limits }).sendRaw("1\r\n2\r\n3\r\n4\r\n").error).toMatchObject({
      code: "banner-limit",
    });
    expect(new RawPeer("server", { limits }).sendRaw(`x${long}`).error).toMatchObject({ code: "banner-limit" });
    expect(new RawPeer("client", { limits }).sendRaw("hello\r\n").error).toMatchObject({ code: "not-ssh" });
  });

  test.each([
    ["an HTTP server", "server", "HTTP/1.1 400 Bad Request\r\n\r\n<html>\0", "not-ssh", "HTTP/1.1 400 Bad Request"],
    ["a TLS alert", "server", Uint8Array.of(0x15, 3, 1, 0, 2, 2, 40), "not-ssh", "\\x15\\x03\\x01\\x00"],
    ["a browser", "client", "GET / HTTP/1.1\r\n", "not-ssh", '"G"'],
    ["SSH 1.5", "server", "SSH-1.5-Old\r\n", "protocol-version", "1.5"],
    ["a very long identification", "server", `SSH-2.0-${"x".repeat(300)}`, "banner-limit", "255"],
  ] as const)("rejects %s with its text and sends no DISCONNECT", (_, role, text, code, excerpt) => {
    const peer = new RawPeer(role).sendRaw(text);
    expect(peer.error).toMatchObject({ code, message: expect.stringContaining(excerpt) });
    expect(peer.numbers).toEqual([20]);
  });

  test.each([
    ["", "connection-lost"],
    ["220 mail.example.com ESMTP\r\n", "not-ssh"],
    ["SSH-2.0-Ra", "not-ssh"],
  ])("reports a connection that ends after %j", (text, code) => {
    const peer = new RawPeer("server").sendRaw(text);
    peer.transport.end();
    expect(peer.turn().error).toMatchObject({ code });
  });

  test("reports text sent in place of an identification when the connection breaks, else the given error", () => {
    const reset = new SshError("connection-lost", "the connection broke: reset");
    const told = new RawPeer("server").sendRaw("Not allowed at this time\r\n");
    told.transport.broken(reset);
    expect(told.turn().error).toMatchObject({
      code: "not-ssh",
      message: expect.stringContaining("Not allowed at this time"),
    });
    for (const peer of [new RawPeer("server"), new RawPeer("server").identify(), new RawPeer("server").handshake()]) {
      peer.transport.broken(reset);
      expect(peer.turn().error).toBe(reset);
    }
  });

  test("reports the received text if a slow peer times out", () => {
    const peer = new RawPeer("server", { limits });
    const text = utf8Encode("220 smtp\r\n");
    for (let i = 0; i < text.length; i++) {
      peer.transport.tick(i * 99);
      peer.sendRaw(text.subarray(i, i + 1));
    }
    expect(peer.transport.deadline()).toBe(1000);
    peer.transport.tick(1000);
    expect(peer.turn().error).toMatchObject({
      code: "kex-timeout",
      message: 'the server did not identify itself within 1000 ms; it sent "220 smtp"',
    });
    const silent = new RawPeer("server", { limits });
    silent.transport.tick(1000);
    expect(silent.turn().error?.message).toContain("it sent nothing");
  });

  test("reports the time for connecting, not the part of it that was left", () => {
    const connecting = { timeout: 700, elapsed: 600 };
    const silent = new RawPeer("server", { limits, connecting });
    silent.transport.tick(100);
    expect(silent.turn().error).toMatchObject({
      code: "connect-timeout",
      message: "the server did not identify itself within 700 ms; it sent nothing",
    });
    const stalled = new RawPeer("server", { limits, connecting }).identify();
    stalled.transport.tick(100);
    expect(stalled.turn().error).toMatchObject({
      code: "connect-timeout",
      message: "the server did not complete the key exchange within 700 ms",
    });
    const longer = new RawPeer("server", { limits, connecting: { timeout: 2000, elapsed: 0 } });
    longer.transport.tick(1000);
    expect(longer.turn().error).toMatchObject({ code: "kex-timeout" });
  });

  test("rejects an invalid software version of our own", () => {
    expect(() => new Pair({ client: { softwareVersion: "a b" } })).toThrow(expect.objectContaining({ code: "usage" }));
  });
});

describe("the first key exchange", () => {
  test.each([0, 1, 2])("times out if it stalls after step %i", (steps) => {
    const peer = new RawPeer("server", { limits }).identify();
    if (steps > 0) peer.sendInit();
    if (steps > 1) peer.replyKex();
    peer.transport.tick(999);
    expect(peer.turn().error).toBeUndefined();
    peer.transport.tick(1000);
    expect(peer.turn().error).toMatchObject({ code: "kex-timeout", culprit: "peer" });
    expect(SSH_MSG_DISCONNECT.decode(peer.last(1)).reasonCode).toBe(3);
    expect(peer.transport.deadline()).toBeUndefined();
  });

  test("cannot time out once complete", () => {
    const peer = new RawPeer("server", { limits }).handshake();
    expect(peer.transport.deadline()).toBeUndefined();
    peer.transport.tick(3_000_000);
    expect(peer.turn().error).toBeUndefined();
  });

  test.each<[keyof KexInit, RegExp]>([
    ["kexAlgorithms", /key exchange method: the client offers toy-kex; the server offers x, y/],
    ["serverHostKeyAlgorithms", /host key algorithm/],
    ["encryptionAlgorithmsClientToServer", /cipher from client to server/],
    ["encryptionAlgorithmsServerToClient", /cipher from server to client/],
    ["macAlgorithmsClientToServer", /MAC from client to server: the client offers none/],
    ["macAlgorithmsServerToClient", /MAC from server to client/],
    ["compressionAlgorithmsClientToServer", /compression from client to server/],
    ["compressionAlgorithmsServerToClient", /compression from server to client/],
  ])("fails if the sides have no common entry in %s", (list, message) => {
    const aead = !list.startsWith("mac");
    // Offer a MAC only if the other direction is to fail, so that the first direction succeeds.
    const macs = list === "macAlgorithmsServerToClient" ? [toyMac] : [];
    const algorithms = { ...toyAlgorithms, ciphers: [toyCipher("toy-aead", { aead })], macs };
    const peer = new RawPeer("server", { algorithms, strict: false }).identify();
    peer.sendInit({ macAlgorithmsClientToServer: ["toy-mac"], [list]: ["x", "y"] });
    expect(peer.error).toMatchObject({ code: "no-common-algorithm", message: expect.stringMatching(message) });
    expect(SSH_MSG_DISCONNECT.decode(peer.last(1)).reasonCode).toBe(3);
  });

  test("rejects a malformed KEXINIT, NEWKEYS or method message", () => {
    const trailing = concatBytes(Uint8Array.of(21), new Uint8Array(1));
    expect(new RawPeer("server").identify().send(Uint8Array.of(20, 1)).error).toMatchObject({
      code: "malformed-message",
    });
    const peer = new RawPeer("server").identify().sendInit().replyKex();
    expect(peer.newKeys(trailing).error).toMatchObject({ code: "malformed-message" });
    expect(new RawPeer("client").identify().sendInit().send(Uint8Array.of(30, 0)).error).toMatchObject({
      code: "malformed-message",
    });
  });

  test("rejects a second KEXINIT during the exchange", () => {
    expect(new RawPeer("server", { strict: false }).identify().sendInit().sendInit().error).toMatchObject({
      code: "unexpected-message",
    });
  });
});

describe("guesses (RFC 4253 §7)", () => {
  const twoMethods = { ...toyAlgorithms, kex: [toyKex("toy-kex"), toyKex("other-kex")] };

  /** Connects a client that guesses. Returns the numbers of the messages that it sent, and the pair. */
  function clientGuess(server: Partial<TransportOptions>): { numbers: number[]; pair: Pair } {
    const numbers: number[] = [];
    const trace = {
      packet: ({ direction, payload }: { direction: string; payload: Uint8Array }) =>
        void (direction === "sent" && numbers.push(payload[0] ?? -1)),
      identification: () => {},
    };
    const pair = new Pair({
      client: { guess: true, algorithms: twoMethods, trace },
      server: { algorithms: twoMethods, ...server },
    });
    return { numbers, pair: pair.connect() };
  }

  test("a right guess of ours saves a round trip", () => {
    const { numbers, pair } = clientGuess({});
    expect(numbers).toEqual([20, 30, 21]);
    expect(pair.client.eventsOf("keys-complete")).toHaveLength(1);
    expect(new RawPeer("server", { guess: true }).numbers).toEqual([20, 30]);
  });

  test.each([
    ["method", { algorithms: { ...twoMethods, kex: [toyKex("other-kex"), toyKex("toy-kex")] } }],
    [
      "host key algorithm",
      { algorithms: { ...twoMethods, hostKeys: [toySignature("other-sig"), toySignature()] }, hostKeys: undefined },
    ],
  ])("a wrong guess of ours about the %s is ignored once, and we send a new message", (_, change) => {
    const keyed = {
      format: "toy-key",
      blob: utf8Encode("\0\0\0\u0007toy-key"),
      bits: 1,
      algorithms: [toySignature("other-sig"), toySignature()],
    };
    const { numbers, pair } = clientGuess({ ...change, hostKeys: [keyed] });
    expect(numbers).toEqual([20, 30, 30, 21]);
    expect([pair.client.error, pair.server.error]).toEqual([undefined, undefined]);
    expect(pair.server.eventsOf("sign-exchange-hash")).toHaveLength(1);
    expect(pair.client.transport.sessionId).toEqual(pair.server.transport.sessionId);
  });

  test("ignores exactly one message after a client's wrong guess, with any content", () => {
    const wrong = { firstKexPacketFollows: true, serverHostKeyAlgorithms: ["unknown", "toy-sig"] };
    const peer = new RawPeer("client")
      .identify()
      .sendInit(wrong)
      .send(Uint8Array.of(34, 1, 2, 3));
    expect(peer.error).toBeUndefined();
    expect(peer.startKex().newKeys().events.at(-1)).toMatchObject({ type: "keys-complete" });
    const twice = new RawPeer("client").identify().sendInit(wrong).send(Uint8Array.of(30)).send(Uint8Array.of(30));
    expect(twice.error).toMatchObject({ code: "malformed-message" });
  });

  test("ignores a server's wrong guess, although none of our methods lets a server guess", () => {
    const wrong = { firstKexPacketFollows: true, kexAlgorithms: ["unknown", "toy-kex"] };
    const peer = new RawPeer("server", { strict: false }).identify().sendInit(wrong).send(Uint8Array.of(40));
    expect(peer.replyKex().newKeys().error).toBeUndefined();
  });

  test("uses a client's right guess", () => {
    const peer = new RawPeer("client").identify().sendInit({ firstKexPacketFollows: true }).startKex().newKeys();
    expect(peer.error).toBeUndefined();
  });

  test("rejects messages outside the key exchange after a wrong guess", () => {
    const wrong = { ...rawKexInit, firstKexPacketFollows: true, kexAlgorithms: ["unknown", "toy-kex"] };
    const peer = new RawPeer("client", { strict: false }).identify().sendInit(wrong).send(Uint8Array.of(50));
    expect(peer.error).toMatchObject({ code: "unexpected-message" });
  });
});

/** Ends the connection with an error of the application or of a layer above. Returns the DISCONNECT that the peer receives. */
function said(
  error: SshError,
  by: "disconnect" | "reject" = "disconnect",
): { reasonCode: number; description: string } {
  const peer = new RawPeer("server").handshake();
  peer.transport[by](error);
  expect(peer.turn().error).toBe(error);
  return SSH_MSG_DISCONNECT.decode(peer.last(1));
}

describe("the end of a connection", () => {
  test("reports the peer's DISCONNECT with its text escaped and cut", () => {
    const peer = new RawPeer("server").handshake();
    const description = `\x1b[2Jbye\u202e${"x".repeat(2000)}`;
    peer.send(SSH_MSG_DISCONNECT.encode({ reasonCode: 12, description, languageTag: "" }));
    expect(peer.error).toMatchObject({ code: "disconnected", culprit: "peer" });
    expect(peer.error?.message).toMatch(
      /^the server ended the connection: \\x1b\[2Jbye\\u\{202e\}x{400,500}… \(reason 12, TOO_MANY_CONNECTIONS\)$/,
    );
    expect(peer.numbers).not.toContain(1);
  });

  test("accepts DISCONNECT with any reason during a strict key exchange", () => {
    const disconnect = SSH_MSG_DISCONNECT.encode({ reasonCode: 4711, description: "", languageTag: "" });
    expect(new RawPeer("server").identify().sendInit().send(disconnect).error?.message).toBe(
      "the server ended the connection: no description (reason 4711)",
    );
  });

  test.each([
    ["closed", 11, "by application"],
    ["agent-failed", 11, "by application"],
    ["internal", 11, "by application"],
    ["host-key-changed", 9, "host key not verifiable"],
    ["auth-failed", 14, "no more auth methods available"],
    ["auth-cancelled", 13, "auth cancelled by user"],
    ["auth-timeout", 10, "connection lost"],
    ["kex-failed", 3, "key exchange failed"],
    ["mac-mismatch", 5, "mac error"],
    ["service-unavailable", 7, "service not available"],
    ["protocol-version", 8, "protocol version not supported"],
    ["window-exceeded", 2, "protocol error"],
  ] as const)("our DISCONNECT for a local %s error has a fixed text", (code, reasonCode, description) => {
    expect(said(new SshError(code, "see /home/alice/.ssh"))).toMatchObject({ reasonCode, description });
  });

  test("our DISCONNECT contains the text of a protocol layer's error about the peer", () => {
    for (const code of ["window-exceeded", "no-common-algorithm"] as const)
      expect(said(new SshError(code, "10 bytes too many"), "reject")).toMatchObject({
        description: "10 bytes too many",
      });
  });

  test("our DISCONNECT never contains the text of an error on our side", () => {
    for (const code of ["auth-failed", "internal", "usage"] as const)
      expect(said(new SshError(code, "see /home/alice/.ssh"), "reject").description).not.toContain("alice");
  });

  test("sends and accepts nothing after `closed`, which is reported once", () => {
    const peer = new RawPeer("server").handshake();
    peer.transport.enterConnection();
    const bye = new SshError("closed", "done");
    peer.transport.disconnect(bye);
    peer.turn();
    const count = peer.received.length;
    peer.transport.sink.write(Uint8Array.of(80));
    peer.transport.sink.begin(0, 4, 0, 0).fill(80);
    peer.transport.sink.commit(0);
    peer.transport.requestRekey();
    peer.transport.disconnect(new SshError("aborted", "again"));
    peer.transport.tick(1e12);
    peer.transport.end();
    peer.transport.enterConnection();
    peer.sendOnly(Uint8Array.of(94, 1));
    peer.turn();
    expect(peer.received).toHaveLength(count);
    expect(peer.events.filter(({ type }) => type === "closed")).toEqual([{ type: "closed", error: bye }]);
    expect(peer.events.at(-1)).toEqual({ type: "closed", error: bye });
    expect(peer.transport.wantsInput).toBe(false);
    expect(peer.transport.deadline()).toBeUndefined();
    expect(peer.transport.sink.pending).toBe(0);
  });

  test("reports earlier events before `closed`", () => {
    const peer = new RawPeer("server").identify().sendInit();
    peer.silent = true;
    peer.replyKex().newKeys();
    const ask = peer.events.at(-1);
    if (ask?.type !== "verify-host-key") throw new Error("not asked");
    peer.transport.answerHostKey(ask.token, true);
    peer.transport.disconnect(new SshError("closed", "done"));
    const told: TransportEvent["type"][] = [];
    for (let event = peer.transport.nextEvent(); event !== undefined; event = peer.transport.nextEvent())
      told.push(event.type);
    expect(told).toEqual(["new-keys", "closed"]);
  });

  test("sends DISCONNECT even if the application disconnects before the peer has identified itself", () => {
    const peer = new RawPeer("server");
    peer.transport.disconnect(new SshError("aborted", "given up"));
    expect(peer.turn().numbers).toEqual([20, 1]);
  });

  test("reports a stream that ends without DISCONNECT or in the middle of a packet", () => {
    const peer = new RawPeer("server").handshake();
    peer.transport.end();
    expect(peer.turn().error).toMatchObject({
      code: "connection-lost",
      message: expect.stringContaining("without a disconnect message"),
    });
    const cut = new RawPeer("server").handshake().sendRaw(new Uint8Array(3));
    cut.transport.end();
    expect(cut.turn().error?.message).toContain("in the middle of a packet");
    expect(cut.numbers).not.toContain(1);
  });

  test("reports a modified packet as a MAC error", () => {
    const peer = new RawPeer("server")
      .handshake()
      .sendRaw(concatBytes(Uint8Array.of(0, 0, 0, 16, 4), new Uint8Array(31)));
    expect(peer.error).toMatchObject({ code: "mac-mismatch" });
    expect(SSH_MSG_DISCONNECT.decode(peer.last(1))).toMatchObject({ reasonCode: 5 });
  });

  test("rejects a packet beyond the limit by its length field alone", () => {
    const peer = new RawPeer("server", { limits: { maxPacketLength: 40_000 } }).identify();
    expect(peer.sendRaw(Uint8Array.of(0, 0, 0xa0, 0, 0, 0, 0, 0)).error).toMatchObject({ code: "packet-length" });
  });
});

function keyLog(): void {
  throw new Error("disk full");
}

describe("a trace or key log that throws", () => {
  test("ends the connection with `internal`", () => {
    const peer = new RawPeer("server", { keyLog }).identify().sendInit().replyKex();
    expect(peer.error).toMatchObject({ code: "internal", message: expect.stringContaining("disk full") });
    expect(peer.disconnectDescription).toBe("by application");
  });
});

describe("misuse by the caller", () => {
  const usage = expect.objectContaining({ code: "usage" });

  test("throws `usage` for a second start, input before start, and enterConnection before the first keys", () => {
    const { client } = new Pair();
    expect(() => client.transport.receive(new Uint8Array(1))).toThrow(usage);
    expect(client.transport.nextEvent()).toBeUndefined();
    expect(client.transport.deadline()).toBeUndefined();
    client.transport.start(0);
    expect(() => client.transport.start(0)).toThrow(usage);
    expect(() => client.transport.enterConnection()).toThrow(usage);
  });
});

describe("general messages (RFC 4253 §11)", () => {
  test("reports UNIMPLEMENTED and DEBUG as events, but not IGNORE", () => {
    const peer = new RawPeer("server").handshake();
    const before = peer.events.length;
    peer.send(SSH_MSG_UNIMPLEMENTED.encode({ sequenceNumber: 4 }));
    peer.send(SSH_MSG_DEBUG.encode({ alwaysDisplay: true, message: "hi\x1b", languageTag: "" }));
    peer.send(Uint8Array.of(2, 0, 0, 0, 0));
    expect(peer.events.slice(before)).toEqual([
      { type: "unimplemented", sequenceNumber: 4 },
      { type: "debug", alwaysDisplay: true, message: "hi\x1b" },
    ]);
  });

  test.each([
    ["an IGNORE with truncated data", Uint8Array.of(2, 0, 0, 0, 9)],
    ["an IGNORE without data", Uint8Array.of(2)],
    ["an UNIMPLEMENTED without a number", Uint8Array.of(3)],
    ["an UNIMPLEMENTED with trailing bytes", Uint8Array.of(3, 0, 0, 0, 1, 0)],
    ["a DEBUG without a text", Uint8Array.of(4, 1)],
  ])("ignores %s", (_, payload) => {
    const peer = new RawPeer("server").handshake();
    const { length } = peer.events;
    expect(peer.send(payload).error).toBeUndefined();
    expect(peer.events).toHaveLength(length);
  });

  test("reports a DEBUG without a language tag", () => {
    const debug = new Writer().byte(4).boolean(true).string("hi").finish();
    expect(new RawPeer("server").handshake().send(debug).events.at(-1)).toEqual({
      type: "debug",
      alwaysDisplay: true,
      message: "hi",
    });
  });

  const bye = new Writer().byte(1).uint32(11).string("bye").finish();
  test.each([
    ["without a language tag", bye, "bye (reason 11, BY_APPLICATION)"],
    ["with a truncated language tag", Uint8Array.of(...bye, 0, 0, 0, 9, 1), "bye (reason 11, BY_APPLICATION)"],
    ["with bytes after its language tag", Uint8Array.of(...bye, 0, 0, 0, 0, 1), "bye (reason 11, BY_APPLICATION)"],
    ["without a text", bye.subarray(0, 5), "no description (reason 11, BY_APPLICATION)"],
    ["without a reason", Uint8Array.of(1), "no description (reason 0)"],
  ])("ends the connection on a DISCONNECT %s", (_, payload, told) => {
    const peer = new RawPeer("server").handshake().send(payload);
    expect(peer.error).toMatchObject({ code: "disconnected", message: `the server ended the connection: ${told}` });
    expect(peer.events.slice(-2).map(({ type }) => type)).toEqual(["disconnect", "closed"]);
  });

  test("reports the reason and the text of a DISCONNECT as they came", () => {
    const payload = SSH_MSG_DISCONNECT.encode({ reasonCode: 7, description: "bye\x1b", languageTag: "" });
    const { events } = new RawPeer("server").handshake().send(payload);
    expect(events.at(-2)).toEqual({ type: "disconnect", reasonCode: 7, description: "bye\x1b" });
  });

  test("answers an unknown message with its sequence number", () => {
    const peer = new RawPeer("server", { strict: false }).handshake().send(Uint8Array.of(199));
    expect(SSH_MSG_UNIMPLEMENTED.decode(peer.last(3))).toEqual({ sequenceNumber: 3 });
    const strict = new RawPeer("server")
      .handshake()
      .send(Uint8Array.of(2, 0, 0, 0, 0))
      .send(Uint8Array.of(120));
    expect(SSH_MSG_UNIMPLEMENTED.decode(strict.last(3))).toEqual({ sequenceNumber: 1 });
  });

  test("reports the sequence number of our message that the peer did not recognize", () => {
    const pair = new Pair().connect();
    const sent = { sequenceNumber: undefined };
    pair.client.transport.sink.write(Uint8Array.of(5, 0));
    pair.client.transport.sink.write(Uint8Array.of(90, 1), sent);
    const { sequenceNumber } = sent;
    expect(sequenceNumber).toBeTypeOf("number");
    pair.pump();
    expect(pair.client.eventsOf("unimplemented")).toEqual([{ type: "unimplemented", sequenceNumber }]);
    expect(pair.server.error).toBeUndefined();
  });

  test("admits message 60 only under an authentication method that defines it", () => {
    const peer = new RawPeer("server").handshake();
    peer.transport.setLoginMethod("publickey");
    expect(peer.send(Uint8Array.of(60, 1)).events.at(-1)).toEqual({ type: "message", payload: Uint8Array.of(60, 1) });
    peer.transport.setLoginMethod(undefined);
    expect(peer.send(Uint8Array.of(60, 1)).error).toMatchObject({ code: "unexpected-message" });
  });
});

/** A key exchange method that records each time a client generates its key pair. */
function telling(name: string, told: string[]): KexMethod {
  const method = toyKex(name);
  return {
    ...method,
    client(random) {
      told.push(name);
      return method.client(random);
    },
  };
}

describe("a client's key pair", () => {
  test.each([
    ["for its first method is generated while waiting for the server's KEXINIT, and then used", "toy-kex", ["toy-kex"]],
    ["for another method is generated once that method is negotiated", "other-kex", ["other-kex", "toy-kex"]],
  ])("%s", (_, first, made) => {
    const told: string[] = [];
    const kex = ["toy-kex", "other-kex"].toSorted((one) => (one === first ? -1 : 1)).map((name) => telling(name, told));
    const peer = new RawPeer("server", { algorithms: { ...toyAlgorithms, kex } });
    expect(told).toEqual([]);
    peer.identify();
    expect(told).toEqual([first]);
    peer.sendInit().replyKex().newKeys();
    expect(told).toEqual(made);
    expect(peer.error).toBeUndefined();
    // A rekey generates a new pair, after both KEXINITs.
    peer.transport.enterConnection();
    peer.transport.requestRekey();
    peer.turn();
    expect(told).toEqual(made);
    peer.sendInit();
    expect(told).toEqual([...made, "toy-kex"]);
  });

  test("is not generated early by a server", () => {
    const told: string[] = [];
    new RawPeer("client", { algorithms: { ...toyAlgorithms, kex: [telling("toy-kex", told)] } }).identify().sendInit();
    expect(told).toEqual([]);
  });
});

describe("bytes passed to `receive`", () => {
  test("are copied, even from a Buffer, because its `slice` does not copy", () => {
    const line = Buffer.from("SSH-2.0-Lent\r\n");
    const peer = new RawPeer("server");
    peer.transport.receive(line);
    line.fill(0);
    expect(peer.turn().events[0]).toEqual({ type: "identified", peerVersion: "SSH-2.0-Lent", linesBefore: [] });
  });
});
