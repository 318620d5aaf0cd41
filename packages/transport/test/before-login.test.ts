import { collectGarbage } from "@nacre/testing/garbage";
import { type KexInit, SSH_MSG_IGNORE, SSH_MSG_KEXINIT } from "@nacre/wire";
import { describe, expect, onTestFinished, test } from "vitest";
import { RawPeer } from "./support/raw-peer.ts";

/** The first 8 bytes of a packet of that length, in plaintext. */
const header = (packetLength: number): Uint8Array => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setUint32(0, packetLength);
  return bytes;
};
/** A payload of `length` + 5 bytes. */
const ignore = (length: number): Uint8Array => SSH_MSG_IGNORE.encode({ data: new Uint8Array(length) });

const SIDES = ["client", "server"] as const;

describe("the longest packet", () => {
  // RFC 4253 §6.1 wants 35,000 bytes in all; whole blocks of 8, the length field counted in, are 34,996 and 35,004.
  test.each(SIDES)("from a %s is 35,000 bytes before there are keys", (role) => {
    expect(new RawPeer(role).identify().sendRaw(header(34_996)).error).toBeUndefined();
    expect(new RawPeer(role).identify().sendRaw(header(35_004)).error).toMatchObject({ code: "packet-length" });
  });

  test("from a client is 35,000 bytes until login, and 256 KiB from then on", () => {
    const peer = new RawPeer("client").handshake();
    expect(peer.send(ignore(34_900)).error).toBeUndefined();
    expect(peer.send(ignore(34_900)).error).toBeUndefined();
    peer.transport.enterConnection();
    expect(peer.send(ignore(256 * 1024 - 100)).error).toBeUndefined();
    expect(peer.send(ignore(256 * 1024)).error).toMatchObject({ code: "packet-length" });
  });

  test("from a client that is not logged in is no longer under its first keys", () => {
    const peer = new RawPeer("client").handshake();
    expect(peer.send(ignore(35_000)).error).toMatchObject({ code: "packet-length" });
  });

  test("from a server that has proved its host key is 256 KiB", () => {
    const peer = new RawPeer("server").handshake();
    expect(peer.send(ignore(256 * 1024 - 100)).error).toBeUndefined();
    expect(peer.send(ignore(256 * 1024)).error).toMatchObject({ code: "packet-length" });
  });

  test("is never longer than the limit for all times", () => {
    const limits = { maxPacketLength: 40_000, maxPacketLengthBeforeLogin: 80_000 };
    expect(new RawPeer("client", { limits }).identify().sendRaw(header(39_996)).error).toBeUndefined();
    expect(new RawPeer("client", { limits }).identify().sendRaw(header(40_004)).error).toMatchObject({
      code: "packet-length",
    });
  });
});

/** What is decoded of KEXINITs from now on. */
function decodedInits(): WeakRef<object>[] {
  const found: WeakRef<object>[] = [];
  const codec = SSH_MSG_KEXINIT as { decode: (payload: Uint8Array) => KexInit };
  const { decode } = codec;
  codec.decode = (payload) => {
    const init = decode(payload);
    found.push(new WeakRef(init), new WeakRef(init.kexAlgorithms));
    return init;
  };
  onTestFinished(() => {
    codec.decode = decode;
  });
  return found;
}

test.each(SIDES)("a KEXINIT from a %s is not kept decoded while its key exchange goes on", async (role) => {
  const found = decodedInits();
  const peer = new RawPeer(role).identify().sendInit();
  expect(found).toHaveLength(2);
  await collectGarbage();
  expect(found.map((ref) => ref.deref())).toEqual([undefined, undefined]);
  expect(peer.error).toBeUndefined();
});
