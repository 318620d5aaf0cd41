import { impossibleLimits } from "@nacre/testing/limits";
import {
  CHANNEL_OPEN_FAILURE_REASON,
  SSH_MSG_CHANNEL_CLOSE,
  SSH_MSG_CHANNEL_EOF,
  SSH_MSG_CHANNEL_OPEN,
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION,
  SSH_MSG_CHANNEL_OPEN_FAILURE,
  SSH_MSG_CHANNEL_REQUEST,
} from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { CONNECTION_LIMITS, Connection } from "../src/index.ts";
import { adjust, confirm, data, errorCode, FakeSink, NOTHING, open, Side, the, thrownCode } from "./support.ts";

const close = (recipientChannel: number): Uint8Array<ArrayBuffer> => SSH_MSG_CHANNEL_CLOSE.encode({ recipientChannel });
const eof = (recipientChannel: number): Uint8Array<ArrayBuffer> => SSH_MSG_CHANNEL_EOF.encode({ recipientChannel });
const refusal = (recipientChannel: number): Uint8Array<ArrayBuffer> =>
  SSH_MSG_CHANNEL_OPEN_FAILURE.encode({
    recipientChannel,
    reasonCode: CHANNEL_OPEN_FAILURE_REASON.RESOURCE_SHORTAGE,
    description: "no room \u001b[0m",
    languageTag: "en",
  });

describe("opening a channel", () => {
  test("sends our window, maximum packet size and the type's data", () => {
    const side = new Side({ limits: { initialWindow: 5000, maxPacketSize: 600 } });
    const channel = side.connection.openChannel("direct-tcpip", new Uint8Array([1, 2]));
    expect(SSH_MSG_CHANNEL_OPEN.decode(the(side.sink.take()[0]))).toEqual({
      channelType: "direct-tcpip",
      senderChannel: channel,
      initialWindowSize: 5000,
      maximumPacketSize: 600,
      data: new Uint8Array([1, 2]),
    });
    expect(side.hears(confirm(channel))).toEqual([{ type: "channel-opened", channel }]);
  });

  test("reports a refusal with the peer's text and frees the number", () => {
    const side = new Side();
    expect(side.connection.openChannel("session")).toBe(0);
    expect(side.hears(refusal(0))).toEqual([
      { type: "channel-open-failed", channel: 0, reasonCode: 4, description: "no room \u001b[0m" },
    ]);
    expect(side.connection.channelCount).toBe(0);
    side.sessionNumbered(0);
  });

  test.each([
    ["confirmed", confirm(0), [close(100)]],
    ["refused", refusal(0), []],
  ])("ends a channel that was closed while opening, once the peer has %s it", (_, answer, sent) => {
    const side = new Side();
    side.connection.openChannel("session");
    side.sink.take();
    side.connection.close(0);
    side.connection.close(0);
    expect(side.sink.take()).toEqual([]);
    const events = side.hears(answer);
    expect(side.sink.take()).toEqual(sent);
    if (sent.length > 0) events.push(...side.hears(data(0, 5), close(0)));
    expect(events).toEqual([{ type: "channel-closed", channel: 0 }]);
    expect(side.connection.channelCount).toBe(0);
  });

  test("throws `usage` when sending before the confirmation", () => {
    const { connection } = new Side();
    const channel = connection.openChannel("session");
    expect(thrownCode(() => connection.write(channel, new Uint8Array(1)))).toBe("usage");
    expect(thrownCode(() => connection.request(channel, "shell", NOTHING, { wantReply: true }))).toBe("usage");
    expect(thrownCode(() => connection.sendEof(channel))).toBe("usage");
    expect(thrownCode(() => connection.consumed(channel, 1))).toBe("usage");
    expect(thrownCode(() => connection.discard(channel, 1))).toBe("usage");
  });

  test("throws `channel-limit` above `maxChannels`, and refuses the peer's opens", () => {
    const side = new Side({ limits: { maxChannels: 2 }, allowed: ["x11"] });
    side.connection.openChannel("session");
    side.connection.openChannel("session");
    expect(thrownCode(() => side.connection.openChannel("session"))).toBe("channel-limit");
    side.sink.take();
    expect(side.hears(open("x11"))).toEqual([{ type: "open-refused", channelType: "x11" }]);
    expect(SSH_MSG_CHANNEL_OPEN_FAILURE.decode(the(side.sink.take()[0])).reasonCode).toBe(4);
  });

  test("does not count pending opens of the peer against ours, and refuses them above `maxChannels`", () => {
    const side = new Side({ limits: { maxChannels: 2 }, allowed: ["x11"] });
    const asked = side.hears(open("x11"), open("x11", { senderChannel: 1 }), open("x11", { senderChannel: 2 }));
    expect(asked.map(({ type }) => type)).toEqual(["open-request", "open-request", "open-refused"]);
    const [first, second] = asked.flatMap((event) => (event.type === "open-request" ? [event.token] : []));
    side.connection.openChannel("session");
    expect(side.connection.answerOpen(the(first), true)).toBe(1);
    side.sink.take();
    expect(side.connection.answerOpen(the(second), true)).toBeUndefined();
    expect(SSH_MSG_CHANNEL_OPEN_FAILURE.decode(the(side.sink.take()[0])).reasonCode).toBe(4);
    expect(side.connection.channelCount).toBe(2);
  });

  test.each([
    ["a confirmation of an open channel", [confirm(0)], "unexpected-message"],
    ["a refusal of an open channel", [refusal(0)], "unexpected-message"],
    ["a confirmation of an unknown channel", [confirm(1)], "channel-unknown"],
    ["a refusal of an unknown channel", [refusal(1)], "channel-unknown"],
  ])("rejects %s", (_, payloads, code) => {
    const side = new Side();
    side.session();
    expect(errorCode(side.hears(...payloads))).toBe(code);
  });

  test.each([data(0, 1), adjust(0, 1), eof(0), close(0)])(
    "rejects a message for a channel that is not confirmed yet",
    (payload) => {
      const side = new Side();
      side.connection.openChannel("session");
      expect(errorCode(side.hears(payload))).toBe("channel-unknown");
    },
  );
});

describe("the peer's opens", () => {
  test("asks the application about an allowed type, and confirms if it accepts", () => {
    const side = new Side({ allowed: ["session"], limits: { initialWindow: 5000, maxPacketSize: 600 } });
    const [event] = side.hears(open("session", { data: new Uint8Array([3]) }));
    if (event?.type !== "open-request") throw new Error("expected an open-request event");
    expect(event).toMatchObject({ channelType: "session", data: new Uint8Array([3]) });
    expect(side.sink.take()).toEqual([]);
    expect(side.connection.answerOpen(event.token, true)).toBe(0);
    expect(SSH_MSG_CHANNEL_OPEN_CONFIRMATION.decode(the(side.sink.take()[0]))).toEqual({
      recipientChannel: 7,
      senderChannel: 0,
      initialWindowSize: 5000,
      maximumPacketSize: 600,
      data: NOTHING,
    });
    expect(thrownCode(() => side.connection.answerOpen(event.token, true))).toBe("usage");
    expect(thrownCode(() => side.connection.answerOpen({ about: "session" }, true))).toBe("usage");
  });

  test.each([
    [false, { reasonCode: 1, description: "refused" }],
    [
      { reasonCode: 2, description: "connection refused" },
      { reasonCode: 2, description: "connection refused" },
    ],
  ])("refuses with the application's reason", (decision, sent) => {
    const side = new Side({ allowed: ["direct-tcpip"] });
    const [event] = side.hears(open("direct-tcpip"));
    if (event?.type !== "open-request") throw new Error("expected an open-request event");
    expect(side.connection.answerOpen(event.token, decision)).toBeUndefined();
    expect(SSH_MSG_CHANNEL_OPEN_FAILURE.decode(the(side.sink.take()[0]))).toMatchObject({
      recipientChannel: 7,
      ...sent,
    });
    expect(side.connection.channelCount).toBe(0);
  });

  test("follows later calls of `allow` and `disallow`", () => {
    const side = new Side();
    side.connection.allow("forwarded-tcpip");
    expect(side.hears(open("forwarded-tcpip"))).toMatchObject([{ type: "open-request" }]);
    side.connection.disallow("forwarded-tcpip");
    expect(side.hears(open("forwarded-tcpip"))).toEqual([{ type: "open-refused", channelType: "forwarded-tcpip" }]);
    expect(SSH_MSG_CHANNEL_OPEN_FAILURE.decode(the(side.sink.take()[0])).reasonCode).toBe(1);
  });

  test("refuses opens above `maxPendingOpens`", () => {
    const side = new Side({ allowed: ["session"], limits: { maxPendingOpens: 3 } });
    const events = side.hears(...Array.from({ length: 5 }, () => open("session")));
    expect(events.map(({ type }) => type)).toEqual([...Array(3).fill("open-request"), "open-refused", "open-refused"]);
    const refused = side.sink.take();
    expect(refused.map((payload) => SSH_MSG_CHANNEL_OPEN_FAILURE.decode(payload).reasonCode)).toEqual([4, 4]);
  });

  test("limits pending opens separately for each type", () => {
    const side = new Side({ allowed: ["session", "direct-tcpip"], limits: { maxPendingOpens: 3 } });
    for (let i = 0; i < 4; i++) side.hears(open("direct-tcpip"));
    expect(side.hears(open("session"))).toMatchObject([{ type: "open-request", channelType: "session" }]);
  });

  test("accepts another type after 32 pending opens of one, by default", () => {
    const side = new Side({ allowed: ["session", "direct-tcpip"] });
    for (let i = 0; i < 32; i++) side.hears(open("direct-tcpip"));
    expect(side.hears(open("session"))).toMatchObject([{ type: "open-request", channelType: "session" }]);
  });
});

describe("closing a channel", () => {
  test("ends each direction separately", () => {
    const side = new Side();
    const channel = side.session();
    side.connection.sendEof(channel);
    side.connection.sendEof(channel);
    expect(side.sink.take()).toEqual([eof(100)]);
    expect(thrownCode(() => side.connection.write(channel, new Uint8Array(1)))).toBe("usage");
    expect(side.hears(data(channel, 3), adjust(channel, 1), eof(channel), eof(channel))).toMatchObject([
      { type: "data", channel },
      { type: "eof", channel },
    ]);
    side.connection.consumed(channel, 3);
    expect(side.sink.take()).toEqual([]);
  });

  test("answers the peer's close immediately and emits the last event", () => {
    const side = new Side();
    const channel = side.session();
    expect(side.hears(data(channel, 3), close(channel))).toMatchObject([
      { type: "data", channel },
      { type: "channel-closed", channel },
    ]);
    expect(side.sink.take()).toEqual([close(100)]);
    expect(side.connection.channelCount).toBe(0);
  });

  test("drops messages that arrive between our close and the peer's", () => {
    const side = new Side();
    const channel = side.session();
    side.connection.close(channel);
    side.connection.close(channel);
    side.connection.sendEof(channel);
    side.connection.consumed(channel, 1);
    side.connection.discard(channel, 1);
    expect(side.sink.take()).toEqual([close(100)]);
    expect(
      side.hears(data(channel, 3), adjust(channel, 2 ** 32 - 1), adjust(channel, 2 ** 32 - 1), eof(channel)),
    ).toEqual([]);
    expect(thrownCode(() => side.connection.write(channel, new Uint8Array(1)))).toBe("channel-closed");
    expect(side.connection.openChannel("session")).not.toBe(channel);
    expect(side.hears(close(channel))).toEqual([{ type: "channel-closed", channel }]);
  });

  test('counts a channel as open until the application has read "channel-closed"', () => {
    const { connection } = new Side({ limits: { maxChannels: 1 } });
    const channel = connection.openChannel("session");
    connection.receive(confirm(channel));
    connection.nextEvent();
    connection.receive(data(channel, 1));
    connection.receive(close(channel));
    expect(connection.nextEvent()?.type).toBe("data");
    expect(thrownCode(() => connection.openChannel("session"))).toBe("channel-limit");
    expect(connection.nextEvent()?.type).toBe("channel-closed");
    connection.openChannel("session");
  });

  test("gives a number again after 64 other channels have closed, and the one that closed first first", () => {
    const side = new Side();
    const numbers: number[] = [];
    for (let i = 0; i < 200; i++) {
      const channel = side.session();
      numbers.push(channel);
      side.hears(close(channel));
    }
    expect(numbers).toEqual(Array.from({ length: 200 }, (_, i) => i % 65));
  });

  test("gives no number twice at a time, in any order of opens and ends", () => {
    const side = new Side();
    const open = new Set<number>();
    for (let i = 0; i < 2000; i++) {
      const channel = side.session();
      expect(open).not.toContain(channel);
      open.add(channel);
      const [ended] = [...open].slice((i * 7919) % open.size);
      if (open.size > 200 || i % 3 === 0) {
        side.hears(close(the(ended)));
        open.delete(the(ended));
      }
      expect(side.connection.channelCount).toBe(open.size);
    }
    expect(Math.max(...open)).toBeLessThan(201 + 65);
  });

  test("keeps no number for an open that does not fit into a packet", () => {
    const side = new Side();
    expect(thrownCode(() => side.connection.openChannel("session", new Uint8Array(300_000)))).toBe("usage");
    expect(side.session()).toBe(0);
    expect(side.session()).toBe(1);
  });

  test("ignores a window adjustment for a closed channel", () => {
    const side = new Side();
    const channel = side.session();
    expect(side.hears(close(channel), adjust(channel, 5))).toEqual([{ type: "channel-closed", channel }]);
    expect(side.hears(adjust(channel, 5))).toEqual([]);
    expect(errorCode(side.hears(adjust(channel + 1, 5)))).toBe("channel-unknown");
  });

  test("throws when sending on a closed channel, and ignores other calls", () => {
    const { connection } = new Side();
    expect(thrownCode(() => connection.write(0, new Uint8Array(1)))).toBe("channel-closed");
    expect(thrownCode(() => connection.request(0, "shell", NOTHING, { wantReply: true }))).toBe("channel-closed");
    connection.sendEof(0);
    connection.consumed(0, 1);
    connection.discard(0, 0);
    connection.close(0);
  });

  test.each([
    [true, ["data", "channel-request", "eof"]],
    [false, []],
  ])("passes on data, requests and EOF before the peer's CLOSE only if asked to: %s", (receiving, types) => {
    const side = new Side();
    const channel = side.session();
    side.connection.close(channel, { receiving });
    expect(side.sink.take()).toEqual([close(100)]);
    const request = SSH_MSG_CHANNEL_REQUEST.encode({
      recipientChannel: channel,
      requestType: "exit-status",
      wantReply: true,
      data: NOTHING,
    });
    const events = side.hears(data(channel, 3), request, eof(channel));
    expect(events.map(({ type }) => type)).toEqual(types);
    for (const event of events) if (event.type === "channel-request") expect(event.token).toBeUndefined();
    // The peer has our CLOSE, so that it needs no credit and no reply.
    side.connection.consumed(channel, 3);
    expect(side.sink.take()).toEqual([]);
    expect(side.hears(close(channel))).toEqual([{ type: "channel-closed", channel }]);
  });

  test("limits data received before the peer's CLOSE to the window", () => {
    const side = new Side({ limits: { initialWindow: 10 } });
    const channel = side.session();
    side.connection.close(channel, { receiving: true });
    expect(errorCode(side.hears(data(channel, 10), data(channel, 1)))).toBe("window-exceeded");
  });
});

describe("the numbers of a channel", () => {
  test("are those of an open channel", () => {
    const side = new Side({ limits: { initialWindow: 1000 } });
    expect(side.connection.channelFlow(0)).toBeUndefined();
    const channel = side.connection.openChannel("session");
    expect(side.connection.channelFlow(channel)).toBeUndefined();
    side.hears(confirm(channel, { initialWindowSize: 500, maximumPacketSize: 100 }), data(channel, 30));
    side.connection.write(channel, new Uint8Array(20));
    expect(side.connection.channelFlow(channel)).toEqual({
      peer: 100,
      sendWindow: 480,
      maxSend: 100,
      receiveWindow: 970,
    });
    side.hears(eof(channel));
    side.connection.sendEof(channel);
    expect(side.connection.channelFlow(channel)).toEqual({ peer: 100, sendWindow: 0, maxSend: 0, receiveWindow: 0 });
    side.connection.close(channel);
    expect(side.connection.channelFlow(channel)).toBeUndefined();
  });
});

describe("after the peer broke the protocol", () => {
  test('emits one "closed" event and nothing after it', () => {
    const side = new Side({ allowed: ["x11"] });
    const channel = side.session();
    const [asked] = side.hears(open("x11"));
    side.sink.held = true;
    side.connection.write(channel, new Uint8Array(5));
    side.sink.held = false;
    expect(errorCode(side.hears(data(channel, 1), new Uint8Array([94]), data(channel, 1)))).toBe("malformed-message");
    expect(side.hears(data(channel, 1), open("x11"))).toEqual([]);
    side.connection.flush();
    side.connection.consumed(channel, 1);
    side.connection.close(channel);
    if (asked?.type === "open-request") side.connection.answerOpen(asked.token, true);
    expect(side.hears()).toEqual([]);
    expect(side.sink.take()).toEqual([]);
    expect(thrownCode(() => side.connection.write(channel, new Uint8Array(1)))).toBe("closed");
    expect(thrownCode(() => side.connection.openChannel("session"))).toBe("closed");
    expect(thrownCode(() => side.connection.globalRequest("x@y", NOTHING, { wantReply: true }))).toBe("closed");
  });

  test.each([0, 1, 50, 79, 83, 101, 192, 255])("rejects message %i, which is not part of this protocol", (number) => {
    expect(errorCode(new Side().hears(new Uint8Array([number])))).toBe("unexpected-message");
  });

  test("rejects an empty payload", () => {
    expect(errorCode(new Side().hears(new Uint8Array(0)))).toBe("unexpected-message");
  });
});

test.each(impossibleLimits(CONNECTION_LIMITS.ranges))("rejects the limit %s", (_, limits) => {
  expect(thrownCode(() => new Connection({ sink: new FakeSink(), limits }))).toBe("usage");
});
