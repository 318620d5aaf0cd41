import { SSH_MSG_IGNORE } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { RawPeer } from "./support/raw-peer.ts";

/** Returns the first 8 bytes of a plaintext packet of that length. */
const header = (packetLength: number): Uint8Array => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setUint32(0, packetLength);
  return bytes;
};
/** Returns a payload of `length` + 5 bytes. */
const ignore = (length: number): Uint8Array => SSH_MSG_IGNORE.encode({ data: new Uint8Array(length) });

const SIDES = ["client", "server"] as const;

describe("the longest accepted packet", () => {
  // RFC 4253 §6.1 requires 35,000 bytes. With its 4-byte length field a packet fills 8-byte blocks, so 34,996 and 35,004 are nearest.
  test.each(SIDES)("from a %s has 35,000 bytes before the first keys", (role) => {
    expect(new RawPeer(role).identify().sendRaw(header(34_996)).error).toBeUndefined();
    expect(new RawPeer(role).identify().sendRaw(header(35_004)).error).toMatchObject({ code: "packet-length" });
  });

  test("from a client has 35,000 bytes until login and 256 KiB afterwards", () => {
    const peer = new RawPeer("client").handshake();
    expect(peer.send(ignore(34_900)).error).toBeUndefined();
    expect(peer.send(ignore(34_900)).error).toBeUndefined();
    peer.transport.enterConnection();
    expect(peer.send(ignore(256 * 1024 - 100)).error).toBeUndefined();
    expect(peer.send(ignore(256 * 1024)).error).toMatchObject({ code: "packet-length" });
  });

  test("from a client still has 35,000 bytes after the first key exchange", () => {
    const peer = new RawPeer("client").handshake();
    expect(peer.send(ignore(35_000)).error).toMatchObject({ code: "packet-length" });
  });

  test("from a server has 256 KiB once it has proved its host key", () => {
    const peer = new RawPeer("server").handshake();
    expect(peer.send(ignore(256 * 1024 - 100)).error).toBeUndefined();
    expect(peer.send(ignore(256 * 1024)).error).toMatchObject({ code: "packet-length" });
  });

  test("never exceeds `maxPacketLength`, even before login", () => {
    const limits = { maxPacketLength: 40_000, maxPacketLengthBeforeLogin: 80_000 };
    expect(new RawPeer("client", { limits }).identify().sendRaw(header(39_996)).error).toBeUndefined();
    expect(new RawPeer("client", { limits }).identify().sendRaw(header(40_004)).error).toMatchObject({
      code: "packet-length",
    });
  });
});
