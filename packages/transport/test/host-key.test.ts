import { toyAlgorithms, toyHostKey, toySign, toySignature } from "@nacre/testing/toys";
import { TRANSPORT_LIMITS } from "@nacre/transport";
import {
  type AskToken,
  askToken,
  SSH_MSG_DISCONNECT,
  SSH_MSG_KEX_ECDH_REPLY,
  SSH_MSG_NEWKEYS,
  SshError,
} from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { Pair } from "./support/pair.ts";
import { RawPeer } from "./support/raw-peer.ts";

function askedForHostKey(): { peer: RawPeer; token: AskToken } {
  const peer = new RawPeer("server", { limits: { kexTimeout: 1000 } });
  peer.silent = true;
  peer.identify().sendInit().replyKex().newKeys();
  const ask = peer.events.at(-1);
  if (ask?.type !== "verify-host-key") throw new Error("not asked");
  return { peer, token: ask.token };
}

describe("the `verify-host-key` ask", () => {
  test("stops the key exchange until it is answered", () => {
    const { peer, token } = askedForHostKey();
    expect(peer.transport.nextEvent()).toBeUndefined();
    expect(peer.numbers).toEqual([20, 30]);
    peer.transport.answerHostKey(token, true);
    expect(peer.turn().numbers).toEqual([20, 30, 21]);
    expect(peer.events.slice(-2).map(({ type }) => type)).toEqual(["new-keys", "keys-complete"]);
  });

  test("accepts input for one packet while open, then clears `wantsInput`", () => {
    const { peer } = askedForHostKey();
    expect(peer.transport.wantsInput).toBe(true);
    peer.transport.receive(new Uint8Array(TRANSPORT_LIMITS.defaults.maxPacketLengthBeforeLogin));
    expect(peer.transport.nextEvent()).toBeUndefined();
    expect(peer.transport.wantsInput).toBe(false);
  });

  test("pauses the key exchange timer", () => {
    const { peer, token } = askedForHostKey();
    expect(peer.transport.deadline()).toBeUndefined();
    peer.transport.tick(1_000_000);
    expect(peer.turn().error).toBeUndefined();
    peer.transport.answerHostKey(token, true);
    peer.turn();
    expect(peer.events.at(-1)).toMatchObject({ type: "keys-complete" });
  });

  test("resumes the timer with the remaining time", () => {
    const peer = new RawPeer("server", { limits: { kexTimeout: 1000 } });
    peer.silent = true;
    peer.transport.tick(400);
    peer.identify().sendInit().replyKex();
    const ask = peer.events.at(-1);
    peer.transport.tick(5000);
    if (ask?.type === "verify-host-key") peer.transport.answerHostKey(ask.token, true);
    expect(peer.transport.deadline()).toBe(5600);
  });

  test("ends the connection with the given error before any key is used, if refused", () => {
    const { peer, token } = askedForHostKey();
    const refusal = new SshError("host-key-unknown", "not in /home/alice/.ssh/known_hosts");
    peer.transport.answerHostKey(token, refusal);
    expect(peer.turn().error).toBe(refusal);
    expect(peer.numbers).toEqual([20, 30, 1]);
    expect(SSH_MSG_DISCONNECT.decode(peer.last(1))).toEqual({
      reasonCode: 9,
      description: "host key not verifiable",
      languageTag: "",
    });
    expect(peer.transport.sessionId).toBeUndefined();
  });

  test("rejects an answer with another token or of another kind", () => {
    const { peer, token } = askedForHostKey();
    const usage = expect.objectContaining({ code: "usage", culprit: "caller" });
    expect(() => peer.transport.answerHostKey(askToken("verify-host-key"), true)).toThrow(usage);
    expect(() => peer.transport.answerHostKey(askedForHostKey().token, true)).toThrow(usage);
    expect(() => peer.transport.answerSignature(token, new Uint8Array())).toThrow(usage);
    expect(peer.numbers).toEqual([20, 30]);
  });

  test("rejects a second answer", () => {
    const { peer, token } = askedForHostKey();
    peer.transport.answerHostKey(token, true);
    expect(() => peer.transport.answerHostKey(token, true)).toThrow(expect.objectContaining({ code: "usage" }));
    expect(peer.turn().error).toBeUndefined();
  });

  test("ends with the connection and ignores a late answer", () => {
    const { peer, token } = askedForHostKey();
    peer.transport.end();
    expect(peer.turn().error).toMatchObject({ code: "connection-lost" });
    peer.transport.answerHostKey(token, true);
    expect(peer.turn().numbers).toEqual([20, 30]);
  });
});

describe("the server's signature", () => {
  test("is rejected before the `verify-host-key` ask if it is invalid", () => {
    const peer = new RawPeer("server")
      .identify()
      .sendInit()
      .replyKex({ signature: toySign("toy-sig", toyHostKey().blob, new Uint8Array(32)) });
    expect(peer.error).toMatchObject({ code: "bad-signature", culprit: "peer" });
    expect(peer.events.some(({ type }) => type === "verify-host-key")).toBe(false);
    expect(SSH_MSG_DISCONNECT.decode(peer.last(1))).toMatchObject({ reasonCode: 3 });
    const empty = new RawPeer("server").identify().sendInit().replyKex({ signature: new Uint8Array() });
    expect(empty.error).toMatchObject({ code: "bad-signature" });
  });

  test("is rejected if the host key has another format than negotiated", () => {
    const peer = new RawPeer("server");
    peer.hostKey = toyHostKey("x", [toySignature("toy-sig", "other-key")]).blob;
    expect(peer.identify().sendInit().replyKex().error).toMatchObject({
      code: "kex-failed",
      message: expect.stringContaining("format other-key, but toy-sig was negotiated"),
    });
  });

  test("by an unacceptable key is reported as an error of the server, not of the caller", () => {
    const weak = {
      ...toySignature(),
      verify: () => {
        throw new SshError("key-weak", "RSA key of 512 bits");
      },
    };
    const peer = new RawPeer("server", { algorithms: { ...toyAlgorithms, hostKeys: [weak] } });
    expect(peer.identify().sendInit().replyKex().error).toMatchObject({
      code: "kex-failed",
      culprit: "peer",
      message: "the server's host key is not acceptable: RSA key of 512 bits",
      cause: expect.objectContaining({ code: "key-weak" }),
    });
  });

  test("is rejected if its verification fails with any error (CVE-2025-26465)", () => {
    const broken = {
      ...toySignature(),
      verify: () => {
        throw new RangeError("out of memory");
      },
    };
    const peer = new RawPeer("server", { algorithms: { ...toyAlgorithms, hostKeys: [broken] } });
    expect(peer.identify().sendInit().replyKex().error).toMatchObject({ code: "internal", culprit: "bug" });
    expect(peer.numbers).toEqual([20, 30, 1]);
  });

  test("is rejected in a malformed reply", () => {
    const reply = SSH_MSG_KEX_ECDH_REPLY.encode({
      hostKey: new Uint8Array(2),
      serverPublicKey: new Uint8Array(32),
      signature: new Uint8Array(),
    });
    expect(new RawPeer("server").identify().sendInit().send(reply).error).toMatchObject({ code: "malformed-message" });
    expect(new RawPeer("server").identify().sendInit().send(reply.subarray(0, -1)).error).toMatchObject({
      code: "malformed-message",
    });
  });
});

describe("a rekey", () => {
  test("with the same host key raises no second ask", () => {
    const peer = new RawPeer("server").handshake().exchange();
    expect(peer.error).toBeUndefined();
    expect(peer.events.filter(({ type }) => type === "verify-host-key")).toHaveLength(1);
  });

  test("with another host key is rejected, even if the signature is valid", () => {
    const peer = new RawPeer("server").handshake();
    peer.hostKey = toyHostKey("mallory").blob;
    expect(peer.exchange().error).toMatchObject({ code: "host-key-changed", culprit: "peer" });
  });
});

describe("a server", () => {
  test("waits for the signature with the timer paused, then completes the key exchange", () => {
    const peer = new RawPeer("client", { limits: { kexTimeout: 1000 } });
    peer.silent = true;
    peer.identify().sendInit().startKex();
    const ask = peer.events.at(-1);
    if (ask?.type !== "sign-exchange-hash") throw new Error("not asked");
    expect(ask).toMatchObject({
      algorithm: "toy-sig",
      hostKey: toyHostKey().format === ask.hostKey.format ? {} : null,
    });
    peer.transport.tick(999_999);
    expect(peer.turn().error).toBeUndefined();
    peer.transport.answerSignature(ask.token, toySign("toy-sig", ask.hostKey.blob, ask.data));
    expect(() => peer.transport.answerSignature(ask.token, new Uint8Array())).toThrow(
      expect.objectContaining({ code: "usage" }),
    );
    expect(peer.turn().numbers).toEqual([20, 31, 21, 7]);
    expect(peer.newKeys(SSH_MSG_NEWKEYS.encode({})).events.at(-1)).toMatchObject({ type: "keys-complete" });
  });

  test("offers only algorithms of its host keys, and signs with the key for the negotiated one", () => {
    const [a, b, c] = [toySignature("sig-a", "key-a"), toySignature("sig-b", "key-b"), toySignature("sig-c", "key-c")];
    const pair = new Pair({
      client: { algorithms: { ...toyAlgorithms, hostKeys: [c, b, a] } },
      server: {
        algorithms: { ...toyAlgorithms, hostKeys: [a, b, c] },
        hostKeys: [toyHostKey("one", [a]), toyHostKey("two", [b])],
      },
    }).connect();
    expect(pair.client.eventsOf("verify-host-key")[0]).toMatchObject({ algorithm: "sig-b" });
    expect(pair.server.eventsOf("sign-exchange-hash")[0]?.hostKey).toEqual(toyHostKey("two", [b]));
  });

  test("without host keys fails with `no-common-algorithm`", () => {
    const pair = new Pair({ server: { hostKeys: [] } }).connect();
    expect(pair.client.error ?? pair.server.error).toMatchObject({
      code: "no-common-algorithm",
      message: expect.stringContaining("the server offers none"),
    });
  });
});
