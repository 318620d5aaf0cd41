import { toyAlgorithms, toyCipher, toyHostKey, toyMac } from "@nacre/testing/toys";
import { toHex, utf8Encode } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { Pair } from "./support/pair.ts";
import { RawPeer } from "./support/raw-peer.ts";

const message = (text: string): Uint8Array => utf8Encode(`P${text}`);

describe("a handshake in memory", () => {
  test("reports its events to both sides in order", () => {
    const pair = new Pair().connect();
    expect(pair.client.events.map(({ type }) => type)).toEqual([
      "identified",
      "verify-host-key",
      "new-keys",
      "keys-complete",
      "ext-info",
    ]);
    expect(pair.server.events.map(({ type }) => type)).toEqual([
      "identified",
      "sign-exchange-hash",
      "new-keys",
      "keys-complete",
    ]);
    expect(pair.client.events[0]).toEqual({ type: "identified", peerVersion: "SSH-2.0-Test", linesBefore: [] });
    expect(pair.client.eventsOf("verify-host-key")[0]).toMatchObject({
      algorithm: "toy-sig",
      hostKey: toyHostKey().blob,
    });
    const [keys] = pair.client.eventsOf("new-keys");
    expect(keys).toMatchObject({ initial: true, strictKex: true });
    expect(keys?.negotiated).toMatchObject({
      kex: { name: "toy-kex" },
      hostKey: { name: "toy-sig" },
      clientToServer: { cipher: { name: "toy-aead" }, mac: undefined },
    });
    expect(pair.client.transport.sessionId).toEqual(pair.server.transport.sessionId);
    expect(pair.client.transport.sessionId).toHaveLength(32);
    expect(pair.client.transport.peerVersion).toBe("SSH-2.0-Test");
  });

  test("delivers messages in both directions, from `write` and from `begin` and `commit`", () => {
    const pair = new Pair().connect().enterConnection();
    pair.client.transport.sink.write(message("one"));
    pair.client.transport.sink.begin(0, 4, 0, 0).set(message("two"));
    pair.client.transport.sink.commit(0);
    pair.server.transport.sink.write(message("three"));
    pair.pump();
    expect(pair.server.messages).toEqual([message("one"), message("two")]);
    expect(pair.client.messages).toEqual([message("three")]);
  });

  test("both sides send identification and KEXINIT without waiting for the peer", () => {
    const peer = new RawPeer("server");
    expect(peer.numbers).toEqual([20]);
    expect(new RawPeer("client").numbers).toEqual([20]);
  });

  test("the client may write after its own NEWKEYS", () => {
    const peer = new RawPeer("server").identify().sendInit().replyKex();
    expect(peer.transport.sink.held).toBe(false);
    expect(peer.events.at(-1)).toMatchObject({ type: "new-keys", initial: true });
    peer.transport.sink.write(message("early"));
    peer.take();
    expect(peer.received.at(-1)).toEqual(message("early"));
  });

  test("sends messages written before the first keys after NEWKEYS", () => {
    const peer = new RawPeer("server").identify();
    peer.transport.sink.write(message("secret"));
    expect(peer.transport.sink.held).toBe(true);
    expect(peer.transport.sink.pending).toBe(7);
    peer.turn();
    expect(peer.numbers).toEqual([20]);
    peer.exchange();
    expect(peer.numbers).toEqual([20, 30, 21, 80]);
  });

  test("has the same result for input byte by byte or in one chunk", () => {
    const whole = new Pair().connect();
    const pieces = new Pair({ tamper: (_, bytes) => Array.from(bytes, (byte) => Uint8Array.of(byte)) }).connect();
    for (const end of ["client", "server"] as const) {
      expect(pieces[end].events.map(({ type }) => type)).toEqual(whole[end].events.map(({ type }) => type));
      expect(pieces[end].transport.sessionId).toEqual(whole[end].transport.sessionId);
    }
  });

  test("ends with `connection-lost`, or `not-ssh` if cut within the identification, for a cut at any byte", () => {
    let total = 0;
    new Pair({ tamper: (from, bytes) => ((total += from === "server" ? bytes.length : 0), [bytes]) }).connect();
    expect(total).toBeGreaterThan(300);
    for (let cut = 0; cut < total; cut++) {
      let left = cut;
      const pair = new Pair({
        tamper: (from, bytes) => {
          if (from === "client") return [bytes];
          const piece = bytes.subarray(0, left);
          left -= piece.length;
          return [piece];
        },
      }).connect();
      pair.client.transport.end();
      pair.pump();
      expect(pair.client.error).toMatchObject({
        code: cut > 0 && cut < 14 ? "not-ssh" : "connection-lost",
        culprit: "peer",
      });
      expect(pair.client.transport.deadline()).toBeUndefined();
      expect(pair.client.transport.wantsInput).toBe(false);
    }
  });

  test("detects a change of any byte from the server", () => {
    const lengths: number[] = [];
    new Pair({ tamper: (from, bytes) => (from === "server" && lengths.push(bytes.length), [bytes]) }).connect();
    const total = lengths.reduce((a, b) => a + b, 0);
    // Start after the identification string. Change by 1, so that length fields stay plausible.
    for (let at = 14; at < total; at++) {
      let offset = 0;
      const pair = new Pair({
        tamper: (from, bytes) => {
          const changed = bytes.slice();
          if (from === "server") {
            if (at >= offset && at < offset + bytes.length) changed.set([changed.at(at - offset)! ^ 1], at - offset);
            offset += bytes.length;
          }
          return [changed];
        },
      }).connect();
      pair.client.transport.end();
      pair.server.transport.end();
      pair.pump();
      const noticed = pair.client.error ?? pair.server.error;
      expect(noticed, `byte ${at}`).toBeDefined();
      expect(pair.client.messages).toEqual([]);
    }
  });

  test("the server announces its authentication algorithms and ping support to a client that supports EXT_INFO", () => {
    const pair = new Pair({ server: { serverSigAlgs: ["rsa-sha2-512", "ssh-ed25519"] } }).connect();
    expect(pair.client.eventsOf("ext-info")[0]?.extensions).toEqual([
      { name: "server-sig-algs", value: utf8Encode("rsa-sha2-512,ssh-ed25519") },
      { name: "ping@openssh.com", value: utf8Encode("0") },
    ]);
    expect(new RawPeer("client").handshake().numbers).toEqual([20, 31, 21, 7]);
    expect(new RawPeer("client", { strict: false }).handshake().numbers).toEqual([20, 31, 21]);
  });

  test("negotiates a MAC for a cipher that needs one", () => {
    const algorithms = { ...toyAlgorithms, ciphers: [toyCipher("toy-plain", { aead: false })], macs: [toyMac] };
    const pair = new Pair({ client: { algorithms }, server: { algorithms } }).connect().enterConnection();
    pair.client.transport.sink.write(message("x"));
    pair.pump();
    expect(pair.server.messages).toEqual([message("x")]);
    expect(pair.client.transport.negotiated?.serverToClient).toMatchObject({ mac: { name: "toy-mac" } });
  });

  test("the key log receives the client's cookie and K without its length on both sides", () => {
    const logs: string[] = [];
    const keyLog = (cookie: Uint8Array, secret: Uint8Array): void => {
      logs.push(`${toHex(cookie)} ${toHex(secret)}`);
    };
    new Pair({ client: { keyLog }, server: { keyLog } }).connect();
    expect(logs).toHaveLength(2);
    expect(logs[0]).toBe(logs[1]);
    expect(logs[0]).toMatch(/^[0-9a-f]{32} [0-9a-f]{64,66}$/);
  });

  test("the trace receives every packet in plaintext with its sequence number and size", () => {
    const seen: string[] = [];
    const lines: string[] = [];
    const trace = {
      packet: (p: { direction: string; sequenceNumber: number; wireLength: number; payload: Uint8Array }) => {
        seen.push(`${p.direction} ${p.sequenceNumber} ${p.payload[0]} ${p.wireLength > p.payload.length + 4}`);
      },
      identification: (direction: string, line: string) => void lines.push(`${direction} ${line}`),
    };
    const pair = new Pair({ client: { trace } }).connect().enterConnection();
    pair.client.transport.sink.begin(0, 2, 0, 0).set(message("x"));
    pair.client.transport.sink.commit(0);
    expect(lines).toEqual(["sent SSH-2.0-Test", "received SSH-2.0-Test"]);
    expect(seen).toEqual([
      "sent 0 20 true",
      "received 0 20 true",
      "sent 1 30 true",
      "received 1 31 true",
      "sent 2 21 true",
      "received 2 21 true",
      "received 0 7 true",
      "sent 0 80 true",
    ]);
  });
});
