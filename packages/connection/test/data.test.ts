import {
  SSH_MSG_CHANNEL_CLOSE,
  SSH_MSG_CHANNEL_DATA,
  SSH_MSG_CHANNEL_EOF,
  SSH_MSG_CHANNEL_EXTENDED_DATA,
  SSH_MSG_CHANNEL_WINDOW_ADJUST,
} from "@nacre/wire";
import { assert, integer, property, uint8Array } from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeData, sendData } from "../src/data-message.ts";
import { adjust, data, errorCode, FakeSink, Side, thrownCode } from "./support.ts";

const counting = (length: number): Uint8Array<ArrayBuffer> => Uint8Array.from({ length }, (_, i) => i);
const sent = (side: Side): readonly Uint8Array[] =>
  side.sink.take().map((payload) => SSH_MSG_CHANNEL_DATA.decode(payload).data);

const stderr = (recipientChannel: number, length: number, dataTypeCode = 1): Uint8Array<ArrayBuffer> =>
  SSH_MSG_CHANNEL_EXTENDED_DATA.encode({ recipientChannel, dataTypeCode, data: new Uint8Array(length) });

describe("the fast path gives the same result as the codec", () => {
  const numbers = integer({ min: 0, max: 2 ** 32 - 1 });

  test("for sent data", () => {
    assert(
      property(numbers, uint8Array(), (recipientChannel, bytes) => {
        const sink = new FakeSink();
        sendData(sink, recipientChannel, bytes, 0, bytes.length);
        sendData(sink, recipientChannel, bytes, 1, bytes.length);
        expect(sink.take()).toEqual([
          SSH_MSG_CHANNEL_DATA.encode({ recipientChannel, data: bytes }),
          SSH_MSG_CHANNEL_EXTENDED_DATA.encode({ recipientChannel, dataTypeCode: 1, data: bytes }),
        ]);
      }),
    );
  });

  test("for received data", () => {
    assert(
      property(numbers, uint8Array(), (recipientChannel, bytes) => {
        const payload = SSH_MSG_CHANNEL_DATA.encode({ recipientChannel, data: bytes });
        expect(decodeData(payload)).toEqual({ recipientChannel, data: bytes });
        expect(decodeData(payload).data.buffer).toBe(payload.buffer);
      }),
    );
  });

  test("for truncated or overlong data", () => {
    const payload = SSH_MSG_CHANNEL_DATA.encode({ recipientChannel: 1, data: new Uint8Array(3) });
    for (let length = 0; length < payload.length; length++)
      expect(thrownCode(() => decodeData(payload.subarray(0, length)))).toBe("malformed-message");
    expect(thrownCode(() => decodeData(new Uint8Array([...payload, 0])))).toBe("malformed-message");
  });
});

describe("writing", () => {
  test("splits bytes by the peer's maximum packet size and stops at its window", () => {
    const side = new Side();
    const channel = side.session({ initialWindowSize: 250, maximumPacketSize: 100 });
    const bytes = counting(300);
    expect(side.connection.write(channel, bytes)).toBe(250);
    expect(sent(side)).toEqual([bytes.subarray(0, 100), bytes.subarray(100, 200), bytes.subarray(200, 250)]);
    expect(side.connection.write(channel, bytes)).toBe(0);
  });

  test("copies the bytes before it returns", () => {
    const side = new Side();
    const channel = side.session();
    const bytes = counting(10);
    side.connection.write(channel, bytes);
    bytes.fill(0);
    expect(sent(side)).toEqual([counting(10)]);
  });

  test("sends standard error as extended data of type 1", () => {
    const side = new Side({ allowed: ["session"] });
    const channel = side.accepts(7);
    expect(side.connection.write(channel, counting(150), 1)).toBe(150);
    expect(side.sink.take().map((payload) => SSH_MSG_CHANNEL_EXTENDED_DATA.decode(payload))).toEqual([
      { recipientChannel: 7, dataTypeCode: 1, data: counting(150).subarray(0, 100) },
      { recipientChannel: 7, dataTypeCode: 1, data: counting(150).subarray(100) },
    ]);
  });

  test("sends nothing while a key exchange holds messages back", () => {
    const side = new Side();
    const channel = side.session();
    side.sink.held = true;
    expect(side.connection.write(channel, counting(5))).toBe(0);
    side.connection.flush();
    expect(side.hears()).toEqual([]);
    side.sink.held = false;
    side.connection.flush();
    expect(side.hears()).toEqual([{ type: "writable", channel }]);
  });

  test('sends nothing once the turn is over, and emits "writable" in the next', () => {
    const side = new Side();
    const channel = side.session();
    side.sink.turnOver = true;
    expect(side.connection.write(channel, counting(5))).toBe(0);
    side.connection.flush();
    expect(side.hears()).toEqual([]);
    side.sink.turnOver = false;
    side.connection.flush();
    expect(side.hears()).toEqual([{ type: "writable", channel }]);
    expect(side.connection.write(channel, counting(5))).toBe(5);
  });

  test("stops within one packet of the high-water mark", () => {
    const side = new Side({ limits: { highWater: 500 } });
    const channel = side.session({ initialWindowSize: 2 ** 32 - 1 });
    const taken = side.connection.write(channel, new Uint8Array(10_000));
    expect(taken).toBe(500);
    expect(side.sink.pending).toBeLessThan(500 + 109);
    side.connection.flush();
    expect(side.hears()).toEqual([]);
    side.sink.take();
    side.connection.flush();
    side.connection.flush();
    expect(side.hears()).toEqual([{ type: "writable", channel }]);
  });

  test('emits "writable" once per partial write, when an adjustment makes room', () => {
    const side = new Side();
    const channel = side.session({ initialWindowSize: 0 });
    expect(side.hears(adjust(channel, 1))).toEqual([]);
    expect(side.connection.write(channel, counting(5))).toBe(1);
    side.connection.flush();
    expect(side.hears(adjust(channel, 0))).toEqual([]);
    expect(side.hears(adjust(channel, 2), adjust(channel, 2))).toEqual([{ type: "writable", channel }]);
    side.connection.flush();
    expect(side.hears()).toEqual([]);
    expect(side.connection.write(channel, counting(4))).toBe(4);
    expect(side.hears(adjust(channel, 2))).toEqual([]);
  });

  test('emits "writable" on `flush` if an adjustment arrived while the sink was held', () => {
    const side = new Side();
    const channel = side.session({ initialWindowSize: 0 });
    side.connection.write(channel, counting(5));
    side.sink.held = true;
    expect(side.hears(adjust(channel, 9))).toEqual([]);
    side.sink.held = false;
    side.connection.flush();
    expect(side.hears()).toEqual([{ type: "writable", channel }]);
  });

  test('emits no "writable" for a channel that has ended or closed since', () => {
    const side = new Side();
    const [ended, closed, closedByPeer] = [side.session(), side.session(), side.session()];
    for (const channel of [ended, closed, closedByPeer]) side.connection.write(channel, new Uint8Array(2000));
    side.sink.take();
    side.connection.sendEof(ended);
    side.connection.close(closed);
    side.hears(SSH_MSG_CHANNEL_CLOSE.encode({ recipientChannel: closedByPeer }));
    side.connection.flush();
    expect(side.hears(adjust(ended, 10), adjust(closed, 10))).toEqual([]);
  });

  test("serves channels with much to send alternately", () => {
    const side = new Side({ limits: { highWater: 100 } });
    const channels = [0, 1, 2].map(() => side.session({ initialWindowSize: 2 ** 32 - 1, maximumPacketSize: 200 }));
    const served: number[] = [];
    const bytes = new Uint8Array(1000);
    for (const channel of channels) side.connection.write(channel, bytes);
    for (let round = 0; round < 9; round++) {
      side.sink.take();
      side.connection.flush();
      for (const event of side.hears())
        if (event.type === "writable" && side.connection.write(event.channel, bytes) > 0) served.push(event.channel);
    }
    expect(served).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2]);
  });

  test.each([
    [1, 4, [1, 1, 1, 1]],
    [2 ** 32 - 1, 40_000, [32_768, 7232]],
    [32_768, 32_768, [32_768]],
  ])("respects the peer's maximum packet size of %i", (maximumPacketSize, length, lengths) => {
    const side = new Side();
    const channel = side.session({ initialWindowSize: 2 ** 32 - 1, maximumPacketSize });
    expect(side.connection.write(channel, new Uint8Array(length))).toBe(length);
    expect(sent(side).map((bytes) => bytes.length)).toEqual(lengths);
  });
});

describe("receiving", () => {
  const limits = { initialWindow: 1000, maxPacketSize: 400 };
  test("delivers data as views of the payload, with its stream", () => {
    const side = new Side();
    const channel = side.session();
    const payload = SSH_MSG_CHANNEL_DATA.encode({ recipientChannel: channel, data: counting(5) });
    const events = side.hears(payload, stderr(channel, 3));
    expect(events).toEqual([
      { type: "data", channel, stream: 0, data: counting(5) },
      { type: "data", channel, stream: 1, data: new Uint8Array(3) },
    ]);
    expect(events[0]?.type === "data" && events[0].data.buffer).toBe(payload.buffer);
  });

  test("emits no event for empty data", () => {
    const side = new Side();
    expect(side.hears(data(side.session(), 0))).toEqual([]);
  });

  test("returns credit in one adjustment when half the window was consumed, and reports it", () => {
    const side = new Side({ limits });
    const channel = side.session();
    side.hears(data(channel, 400), stderr(channel, 400), data(channel, 200));
    expect([side.connection.consumed(channel, 499), side.connection.consumed(channel, 0)]).toEqual([false, false]);
    expect(side.sink.take()).toEqual([]);
    expect(side.connection.consumed(channel, 1)).toBe(true);
    expect(side.sink.take()).toEqual([
      SSH_MSG_CHANNEL_WINDOW_ADJUST.encode({ recipientChannel: 100, bytesToAdd: 500 }),
    ]);
    expect(errorCode(side.hears(data(channel, 400), data(channel, 100)))).toBeUndefined();
    expect(errorCode(side.hears(data(channel, 1)))).toBe("window-exceeded");
  });

  test("throws `usage` for consuming more than was delivered", () => {
    const side = new Side({ limits });
    const channel = side.session();
    side.hears(data(channel, 10));
    for (const bytes of [11, -1, 0.5, Number.NaN])
      expect(thrownCode(() => side.connection.consumed(channel, bytes))).toBe("usage");
    side.connection.consumed(channel, 10);
    expect(thrownCode(() => side.connection.consumed(channel, 1))).toBe("usage");
  });

  test("returns the credit of a discarded stream automatically", () => {
    const side = new Side({ limits });
    const channel = side.session();
    side.connection.discard(channel, 1);
    for (let i = 0; i < 100; i++) expect(side.hears(stderr(channel, 400))).toEqual([]);
    expect(side.hears(data(channel, 100))).toMatchObject([{ type: "data", stream: 0 }]);
  });

  test("returns the credit of a one-byte window", () => {
    const side = new Side({ limits: { initialWindow: 1 } });
    const channel = side.session();
    for (let i = 0; i < 3; i++) {
      side.hears(data(channel, 1));
      side.connection.consumed(channel, 1);
      expect(side.sink.take()).toHaveLength(1);
    }
  });

  test("rejects data after the peer's EOF, on a closing channel too", () => {
    for (const closing of [false, true]) {
      const side = new Side();
      const channel = side.session();
      if (closing) side.connection.close(channel);
      side.hears(SSH_MSG_CHANNEL_EOF.encode({ recipientChannel: channel }));
      expect(errorCode(side.hears(data(channel, 1)))).toBe("unexpected-message");
    }
  });

  test("rejects data beyond the window on a closing channel too", () => {
    const side = new Side({ limits });
    const channel = side.session();
    side.connection.close(channel);
    expect(side.hears(data(channel, 400), data(channel, 400), data(channel, 200))).toEqual([]);
    expect(errorCode(side.hears(data(channel, 1)))).toBe("window-exceeded");
  });
});
