import {
  assert,
  constant,
  integer,
  maxSafeInteger,
  nat,
  oneof,
  property,
  record,
  string,
  uint8Array,
} from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeTunnelMessage, encodeTunnelMessage, type TunnelMessage } from "../src/index.ts";

const bytes = (length: number) => uint8Array({ minLength: length, maxLength: length });
const position = maxSafeInteger().map(Math.abs);
const text = string({ unit: "grapheme", maxLength: 60 });

const messages = oneof(
  record({ type: constant("open" as const), ticket: text, host: text, port: integer({ min: 1, max: 65_535 }) }),
  record({ type: constant("opened" as const), id: bytes(16), secret: bytes(32), address: text, resumeTime: nat() }),
  record({ type: constant("attach" as const), id: bytes(16) }),
  record({ type: constant("challenge" as const), nonce: bytes(32), received: position }),
  record({ type: constant("prove" as const), received: position, proof: bytes(32) }),
  record({ type: constant("attached" as const), received: position }),
  record({ type: constant("data" as const), data: uint8Array({ minLength: 1, maxLength: 300 }) }),
  record({ type: constant("acknowledge" as const), consumed: position }),
  record({ type: constant("end" as const) }),
);

describe("tunnel messages", () => {
  test("round-trip; truncated or extended ones are refused, except DATA", () => {
    assert(
      property(messages, (message: TunnelMessage) => {
        const encoded = encodeTunnelMessage(message);
        expect(decodeTunnelMessage(encoded)).toEqual(message);
        if (message.type === "data") return;
        for (let end = 0; end < encoded.length; end++)
          expect(() => decodeTunnelMessage(encoded.subarray(0, end))).toThrow(
            expect.objectContaining({ code: "malformed-message" }),
          );
        expect(() => decodeTunnelMessage(Uint8Array.of(...encoded, 0))).toThrow(
          expect.objectContaining({ code: "malformed-message" }),
        );
      }),
    );
  });

  test("longer than 64 KiB are neither encoded nor decoded", () => {
    const data = new Uint8Array(65_536);
    expect(() => encodeTunnelMessage({ type: "data", data })).toThrow(expect.objectContaining({ code: "usage" }));
    expect(() => decodeTunnelMessage(new Uint8Array(65_537).fill(7))).toThrow(
      expect.objectContaining({ code: "malformed-message" }),
    );
  });

  test("may name any port, and any position that a number represents", () => {
    for (const port of [1, 65_535]) {
      const open = { type: "open", ticket: "", host: "a", port } as const;
      expect(decodeTunnelMessage(encodeTunnelMessage(open))).toEqual(open);
    }
    const last = { type: "acknowledge", consumed: Number.MAX_SAFE_INTEGER } as const;
    expect(decodeTunnelMessage(encodeTunnelMessage(last))).toEqual(last);
  });

  test.each([15, 17])("an id of %i bytes is refused", (length) => {
    const attach = encodeTunnelMessage({ type: "attach", id: new Uint8Array(length) });
    expect(() => decodeTunnelMessage(attach)).toThrow(expect.objectContaining({ code: "malformed-message" }));
  });

  test.each([0, 65_536, 2 ** 32 - 1])("port %i is refused", (port) => {
    const open = encodeTunnelMessage({ type: "open", ticket: "", host: "a", port });
    expect(() => decodeTunnelMessage(open)).toThrow(expect.objectContaining({ code: "malformed-message" }));
  });
});
