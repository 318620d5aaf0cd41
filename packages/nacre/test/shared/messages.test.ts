import { expectError } from "@nacre/testing/errors";
import { type Bytes, concatBytes, Reader, SshError, toHex, Writer } from "@nacre/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeAnswer,
  decodeHello,
  encodeHello,
  encodeRequest,
  type MasterAnswer,
  type MasterPlace,
} from "../../src/shared/control-messages.ts";
import { FrameReader } from "../../src/shared/frames.ts";
import { framed, MUX, muxMessage } from "./support.ts";

const MAX = 256 * 1024;

/** Returns the message in a frame. */
const body = (frame: Uint8Array): Uint8Array => frame.subarray(4);

/** Returns what a request has for a place. */
function encoded({ host = "", port, path }: MasterPlace): unknown[] {
  return path === undefined ? [host, port] : [path, 0xffff_fffe];
}

/** Reads all complete frames. */
function read(reader: FrameReader): Bytes[] {
  const frames: Bytes[] = [];
  for (let frame = reader.next(); frame !== undefined; frame = reader.next()) frames.push(frame);
  return frames;
}

describe("frames", () => {
  test("are the same however the bytes are cut", () => {
    const sent = [Uint8Array.of(1), new Uint8Array(300).fill(7), Uint8Array.of(2, 3)];
    const bytes = concatBytes(...sent.map(framed));
    for (let cut = 0; cut <= bytes.length; cut++) {
      const reader = new FrameReader();
      reader.push(bytes.subarray(0, cut));
      const frames = read(reader);
      reader.push(bytes.subarray(cut));
      expect([...frames, ...read(reader)]).toEqual(sent);
      expect(reader.isEmpty).toBe(true);
    }
    const one = new FrameReader();
    for (const byte of bytes) one.push(Uint8Array.of(byte));
    expect(read(one)).toEqual(sent);
  });

  test("do not share memory with the bytes that were received", () => {
    const reader = new FrameReader();
    const bytes = framed(Uint8Array.of(5));
    reader.push(bytes);
    bytes.fill(0);
    expect(reader.next()).toEqual(Uint8Array.of(5));
  });

  test("of the greatest length are read", () => {
    const reader = new FrameReader();
    reader.push(framed(new Uint8Array(MAX)));
    expect(reader.next()).toHaveLength(MAX);
  });

  test("master: a length that lies · client", () => {
    for (const length of [0, MAX + 1, 0xffff_ffff]) {
      const reader = new FrameReader();
      reader.push(concatBytes(framed(Uint8Array.of(9)), new Writer().uint32(length).finish()));
      reader.push(new Uint8Array(1000));
      expect(reader.next()).toEqual(Uint8Array.of(9));
      expect(reader.isEmpty).toBe(false);
      expectError("packet-length", () => reader.next());
    }
  });
});

describe("the first message", () => {
  test("has version 4", () => expect(encodeHello()).toEqual(Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 4)));

  test("may have extensions", () => {
    expect(decodeHello(encodeHello())).toEqual(new Set());
    expect(decodeHello(body(muxMessage([MUX.HELLO, 4], "info", "0", "other", "")))).toEqual(new Set(["info", "other"]));
    expectError("malformed-message", () => decodeHello(body(muxMessage([MUX.HELLO, 4], "name"))));
    expectError("unexpected-message", () => decodeHello(body(muxMessage([MUX.OK, 4]))));
  });

  test("master: another version · client", () => {
    for (const version of [0, 3, 5, 0xffff_ffff])
      expectError("protocol-version", () => decodeHello(body(muxMessage([MUX.HELLO, version]))));
  });
});

describe("requests", () => {
  test("are a type and a number", () => {
    expect(toHex(encodeRequest({ type: "alive-check" }, 0))).toBe("1000000400000000");
    expect(toHex(encodeRequest({ type: "terminate" }, 1))).toBe("1000000500000001");
    expect(toHex(encodeRequest({ type: "stop-listening" }, 2))).toBe("1000000900000002");
    expect(toHex(encodeRequest({ type: "proxy" }, 258))).toBe("1000000f00000102");
  });

  test("about the connection and the channels name them", () => {
    for (const about of ["connection", "channels"] as const)
      expect(encodeRequest({ type: "info", about }, 3)).toEqual(body(muxMessage([0x20000001, 3], about)));
  });

  const place = fc.oneof<[fc.Arbitrary<MasterPlace>, fc.Arbitrary<MasterPlace>]>(
    fc.record({ host: fc.option(fc.string(), { nil: undefined }), port: fc.nat({ max: 65535 }) }),
    fc.record({ path: fc.string({ minLength: 1 }) }),
  );

  test("have the places of a forward", () => {
    const kinds = fc.constantFrom("local", "remote", "dynamic");
    const types = fc.constantFrom("open-forward", "close-forward");
    const check = fc.property(
      types,
      kinds,
      place,
      fc.option(place, { nil: undefined }),
      (type, kind, listen, target) => {
        const reader = new Reader(encodeRequest({ type, forward: { kind, listen, target } }, 9), "request");
        const readPlace = (): unknown[] => [reader.utf8("address"), reader.uint32("port")];
        expect(reader.uint32("type")).toBe(type === "open-forward" ? 0x10000006 : 0x10000007);
        expect(reader.uint32("id")).toBe(9);
        expect(reader.uint32("kind")).toBe({ local: 1, remote: 2, dynamic: 3 }[kind]);
        expect(readPlace()).toEqual(encoded(listen));
        // What ssh(1) sends for SOCKS. The master compares it when the forward is cancelled.
        expect(readPlace()).toEqual(target === undefined ? ["socks", 0] : encoded(target));
        reader.end();
      },
    );
    fc.assert(check);
  });
});

describe("answers", () => {
  const ANSWERS: readonly (readonly [Uint8Array, MasterAnswer])[] = [
    [muxMessage([MUX.OK, 3]), { type: "ok" }],
    [muxMessage([MUX.PROXY, 3]), { type: "proxy" }],
    [muxMessage([MUX.ALIVE, 3, 4711]), { type: "alive", processId: 4711 }],
    [muxMessage([MUX.REMOTE_PORT, 3, 65535]), { type: "remote-port", port: 65535 }],
    [muxMessage([MUX.DENIED, 3], "no"), { type: "denied", reason: "no" }],
    [muxMessage([MUX.FAILURE, 3], ""), { type: "failed", reason: "" }],
    [muxMessage([MUX.INFO, 3, 1], "#0\r\n".repeat(1000)), { type: "info", text: "#0\r\n".repeat(1000) }],
    [muxMessage([MUX.INFO, 3, 0], "unknown"), { type: "failed", reason: "unknown" }],
  ];

  test.each(ANSWERS)("%# are decoded, and refused when a byte is missing", (frame, answer) => {
    const message = body(frame);
    expect(decodeAnswer(message, 3)).toEqual(answer);
    for (let length = 0; length < message.length; length++)
      expectError("malformed-message", () => decodeAnswer(message.subarray(0, length), 3));
  });

  test("master: bytes behind an answer · client", () => {
    for (const [frame] of ANSWERS)
      expectError("malformed-message", () => decodeAnswer(concatBytes(body(frame), Uint8Array.of(0)), 3));
  });

  test("master: the answer to another request · client", () => {
    for (const [frame] of ANSWERS)
      for (const id of [0, 2, 4]) expectError("unexpected-message", () => decodeAnswer(body(frame), id));
  });

  test("with an invalid port or an unknown type are refused", () => {
    for (const port of [0, 65536])
      expectError("malformed-message", () => decodeAnswer(body(muxMessage([MUX.REMOTE_PORT, 3, port])), 3));
    for (const type of [MUX.HELLO, MUX.TERMINATE, 0x80000006, 0])
      expectError("unexpected-message", () => decodeAnswer(body(muxMessage([type, 3])), 3));
  });

  test("of any bytes are an answer or an SshError", () => {
    const types = fc.constantFrom(...Object.values(MUX)).map((type) => new Writer().uint32(type).uint32(3).finish());
    const message = fc.tuple(fc.oneof(types, fc.uint8Array()), fc.uint8Array()).map((parts) => concatBytes(...parts));
    const check = fc.property(message, (bytes) => {
      for (const decode of [decodeHello, (one: Uint8Array) => decodeAnswer(one, 3)])
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(SshError);
          expect((error as SshError).code).not.toBe("internal");
        }
    });
    fc.assert(check, { numRuns: 2000 });
  });
});
