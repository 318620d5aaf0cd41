import {
  SSH_MSG_CHANNEL_CLOSE,
  SSH_MSG_CHANNEL_EOF,
  SSH_MSG_CHANNEL_EXTENDED_DATA,
  SSH_MSG_CHANNEL_FAILURE,
  SSH_MSG_CHANNEL_OPEN_FAILURE,
  SSH_MSG_CHANNEL_REQUEST,
  SSH_MSG_CHANNEL_SUCCESS,
  SSH_MSG_CHANNEL_WINDOW_ADJUST,
  SSH_MSG_GLOBAL_REQUEST,
  SSH_MSG_REQUEST_FAILURE,
  SSH_MSG_REQUEST_SUCCESS,
} from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { CONNECTION_LIMITS } from "../src/index.ts";
import { adjust, confirm, data, errorCode, NOTHING, open, Side, the } from "./support.ts";

const LARGEST = 2 ** 32 - 1;

const flood = (channel: number, dataTypeCode: number): Uint8Array<ArrayBuffer> =>
  SSH_MSG_CHANNEL_EXTENDED_DATA.encode({ recipientChannel: channel, dataTypeCode, data: new Uint8Array(30_000) });

const messages = (recipientChannel: number): readonly Uint8Array<ArrayBuffer>[] => [
  data(recipientChannel, 1),
  SSH_MSG_CHANNEL_EXTENDED_DATA.encode({ recipientChannel, dataTypeCode: 1, data: new Uint8Array(1) }),
  SSH_MSG_CHANNEL_EOF.encode({ recipientChannel }),
  SSH_MSG_CHANNEL_CLOSE.encode({ recipientChannel }),
  SSH_MSG_CHANNEL_REQUEST.encode({ recipientChannel, requestType: "a@b", wantReply: true, data: NOTHING }),
  SSH_MSG_CHANNEL_SUCCESS.encode({ recipientChannel }),
  SSH_MSG_CHANNEL_FAILURE.encode({ recipientChannel }),
  confirm(recipientChannel, { senderChannel: 1 }),
  SSH_MSG_CHANNEL_OPEN_FAILURE.encode({ recipientChannel, reasonCode: 1, description: "", languageTag: "" }),
];

/** Returns a client and a server, each with one open channel. */
function sides(limits = {}): readonly (readonly [role: string, side: Side, channel: number])[] {
  const client = new Side({ limits });
  const server = new Side({ limits, allowed: ["session"] });
  return [
    ["client", client, client.session()],
    ["server", server, server.accepts(100)],
  ];
}

describe("window", () => {
  test("rejects an adjustment beyond 2^32 - 1", () => {
    for (const [, side, channel] of sides()) {
      // The window starts at 1000, so this also tests the exact maximum.
      expect(side.hears(adjust(channel, LARGEST - 1000))).toEqual([]);
      expect(errorCode(side.hears(adjust(channel, 1)))).toBe("window-overflow");
    }
    const side = new Side();
    const channel = side.session({ initialWindowSize: 0 });
    expect(side.hears(adjust(channel, LARGEST))).toEqual([]);
    expect(errorCode(side.hears(adjust(channel, LARGEST)))).toBe("window-overflow");
  });

  test("accepts data up to the window and rejects one byte more", () => {
    for (const extra of [0, 1])
      for (const [, side, channel] of sides({ initialWindow: 1000 }))
        expect(errorCode(side.hears(data(channel, 1000 + extra)))).toBe(extra === 0 ? undefined : "window-exceeded");
  });

  test("bounds memory if the application never reads, by returning no credit", () => {
    for (const [, side, channel] of sides()) {
      const { initialWindow, maxPacketSize } = CONNECTION_LIMITS.defaults;
      let held = 0;
      for (let sent = 0; sent < initialWindow; sent += maxPacketSize)
        for (const event of side.hears(data(channel, maxPacketSize)))
          if (event.type === "data") held += event.data.length;
      expect(held).toBe(initialWindow);
      expect(side.sink.payloads).toEqual([]);
      expect(errorCode(side.hears(data(channel, 1)))).toBe("window-exceeded");
    }
  });
});

describe("maximum packet size", () => {
  test("refuses a peer's maximum of 0, in an open or a confirmation", () => {
    const server = new Side({ allowed: ["session"] });
    expect(server.hears(open("session", { maximumPacketSize: 0 }))).toEqual([
      { type: "open-refused", channelType: "session" },
    ]);
    expect(SSH_MSG_CHANNEL_OPEN_FAILURE.decode(the(server.sink.take()[0]))).toMatchObject({
      recipientChannel: 7,
      reasonCode: 4,
    });
    const client = new Side();
    const channel = client.connection.openChannel("session");
    expect(errorCode(client.hears(confirm(channel, { maximumPacketSize: 0 })))).toBe("malformed-message");
  });

  test("accepts messages of our maximum packet size and rejects one byte more", () => {
    for (const extra of [0, 1])
      for (const [, side, channel] of sides())
        expect(errorCode(side.hears(data(channel, 32_768 + extra)))).toBe(extra === 0 ? undefined : "packet-length");
  });

  test("respects a peer's maximum of 1 and of 2^32 - 1, with messages of at most 32 KiB", () => {
    for (const maximumPacketSize of [1, LARGEST]) {
      const side = new Side();
      const channel = side.session({ initialWindowSize: LARGEST, maximumPacketSize });
      expect(side.connection.write(channel, new Uint8Array(40_000))).toBe(40_000);
      const longest = Math.max(...side.sink.take().map((payload) => payload.length - 9));
      expect(longest).toBe(Math.min(maximumPacketSize, 32_768));
    }
  });
});

describe("extended data", () => {
  test.each([0, 2, LARGEST])("drops a flood of type %i and returns its credit", (type) => {
    for (const [, side, channel] of sides()) {
      expect(side.hears(...Array.from({ length: 1000 }, () => flood(channel, type)))).toEqual([]);
      const returned = side.sink
        .take()
        .map((payload) => SSH_MSG_CHANNEL_WINDOW_ADJUST.decode(payload).bytesToAdd)
        .reduce((sum, bytes) => sum + bytes, 0);
      expect(returned).toBeGreaterThan(30_000_000 - CONNECTION_LIMITS.defaults.initialWindow / 2);
      expect(side.hears(data(channel, 1000))).toHaveLength(1);
    }
  });

  test("drops a discarded stream without blocking standard output or using memory", () => {
    const side = new Side();
    const channel = side.session();
    side.connection.discard(channel, 1);
    expect(side.hears(...Array.from({ length: 1000 }, () => flood(channel, 1)))).toEqual([]);
    expect(side.hears(data(channel, 1000))).toHaveLength(1);
  });
});

describe("unexpected replies", () => {
  test.each([
    ["REQUEST_SUCCESS", () => SSH_MSG_REQUEST_SUCCESS.encode({ data: NOTHING })],
    ["REQUEST_FAILURE", () => SSH_MSG_REQUEST_FAILURE.encode({})],
    ["CHANNEL_SUCCESS", (recipientChannel: number) => SSH_MSG_CHANNEL_SUCCESS.encode({ recipientChannel })],
    ["CHANNEL_FAILURE", (recipientChannel: number) => SSH_MSG_CHANNEL_FAILURE.encode({ recipientChannel })],
  ])("ends the connection after too many unexpected replies, and matches none to a request: %s", (_, reply) => {
    for (const [, side, channel] of sides()) {
      side.connection.request(channel, "a@b", NOTHING, { wantReply: false });
      side.connection.globalRequest("a@b", NOTHING, { wantReply: false });
      const events = side.hears(...Array.from({ length: 100 }, () => reply(channel)));
      expect(events).toHaveLength(1);
      expect(errorCode(events)).toBe("unexpected-message");
    }
  });
});

describe("channel numbers", () => {
  test.each([7, 1, LARGEST])("rejects any message for the never opened channel %i", (number) => {
    for (const message of [...messages(number), adjust(number, 1)])
      for (const [, side] of sides()) {
        const events = side.hears(message);
        expect(events).toHaveLength(1);
        expect(errorCode(events)).toBe("channel-unknown");
      }
  });

  test("rejects any message but requests for a closed channel", () => {
    for (const index of messages(0).keys())
      for (const [, side, channel] of sides()) {
        const message = the(messages(channel)[index]);
        if (message[0] === SSH_MSG_CHANNEL_REQUEST.number) continue;
        const close = SSH_MSG_CHANNEL_CLOSE.encode({ recipientChannel: channel });
        const events = side.hears(close, message);
        expect(events.map((event) => event.type)).toEqual(["channel-closed", "closed"]);
        expect(errorCode(events)).toBe("channel-unknown");
      }
  });

  test("ignores late requests for a closed channel, up to a limit for each", () => {
    for (const [, side, channel] of sides({ maxLateRequests: 2 })) {
      const late = the(messages(channel).find(([number]) => number === SSH_MSG_CHANNEL_REQUEST.number));
      side.hears(SSH_MSG_CHANNEL_CLOSE.encode({ recipientChannel: channel }));
      side.sink.take();
      expect(side.hears(late, late)).toEqual([]);
      expect(side.sink.take()).toEqual([]);
      expect(errorCode(side.hears(late))).toBe("channel-unknown");
    }
  });

  test("delivers nothing of an old channel to the new one with its number", () => {
    const side = new Side();
    const channel = side.session();
    const old = side.connection.request(channel, "a@b", NOTHING, { wantReply: true });
    side.hears(data(channel, 500), SSH_MSG_CHANNEL_CLOSE.encode({ recipientChannel: channel }));
    side.sessionNumbered(channel);
    const request = side.connection.request(channel, "c@d", NOTHING, { wantReply: true });
    expect(request).not.toBe(old);
    expect(side.hears(SSH_MSG_CHANNEL_SUCCESS.encode({ recipientChannel: channel }))).toEqual([
      { type: "request-reply", channel, request, success: true },
    ]);
  });
});

describe("channel count", () => {
  test("stays within the limit after 100,000 allowed opens, and refused opens are freed", () => {
    const side = new Side({ allowed: ["session"], limits: { maxPendingOpens: 1000 } });
    let accepted = 0;
    let refused = 0;
    for (let i = 0; i < 100_000; i++) {
      for (const event of side.hears(open("session", { senderChannel: i })))
        if (event.type === "open-request" && side.connection.answerOpen(event.token, true) !== undefined) accepted++;
      refused += side.sink.take().filter((payload) => payload[0] === SSH_MSG_CHANNEL_OPEN_FAILURE.number).length;
    }
    expect(accepted).toBe(CONNECTION_LIMITS.defaults.maxChannels);
    expect(refused).toBe(100_000 - accepted);
    expect(side.connection.channelCount).toBe(accepted);
  });

  test("stays 0 after 100,000 forbidden opens", () => {
    const side = new Side();
    let heard = 0;
    for (let i = 0; i < 100_000; i++) {
      heard += side.hears(open("session", { senderChannel: i })).filter(({ type }) => type !== "open-refused").length;
      side.sink.take();
    }
    expect(heard).toBe(0);
    expect(side.connection.channelCount).toBe(0);
    expect(side.connection.openChannel("session")).toBe(0);
  });
});

describe("unsolicited opens", () => {
  test.each(["session", "x11", "forwarded-tcpip", "direct-tcpip", "auth-agent@openssh.com", "tun@openssh.com"])(
    "refuses an open of type %s as prohibited by default",
    (channelType) => {
      const side = new Side();
      expect(side.hears(open(channelType))).toEqual([{ type: "open-refused", channelType }]);
      expect(SSH_MSG_CHANNEL_OPEN_FAILURE.decode(the(side.sink.take()[0]))).toMatchObject({
        recipientChannel: 7,
        reasonCode: 1,
      });
    },
  );

  test.each(["nonsense", "constructor"])("refuses an open of the unknown type %s as unknown", (channelType) => {
    const side = new Side();
    expect(side.hears(open(channelType))).toEqual([{ type: "open-refused", channelType }]);
    expect(SSH_MSG_CHANNEL_OPEN_FAILURE.decode(the(side.sink.take()[0])).reasonCode).toBe(3);
  });
});

describe("floods", () => {
  const request = SSH_MSG_CHANNEL_REQUEST.encode({
    recipientChannel: 0,
    requestType: "a@b",
    wantReply: true,
    data: NOTHING,
  });
  const globalRequest = SSH_MSG_GLOBAL_REQUEST.encode({ requestName: "a@b", wantReply: true, data: NOTHING });

  test.each([
    ["channel", request],
    ["global", globalRequest],
  ])("ends the connection above the limit of unanswered %s requests", (_, payload) => {
    for (const [, side] of sides({ maxPeerRequests: 5 })) {
      const events = side.hears(...Array.from({ length: 7 }, () => payload));
      expect(events).toHaveLength(6);
      expect(errorCode(events)).toBe("request-limit");
    }
  });

  const keepalive = { wantReply: true, data: NOTHING };
  test.each([
    ["opens", open("session")],
    [
      "channel requests",
      SSH_MSG_CHANNEL_REQUEST.encode({ ...keepalive, recipientChannel: 0, requestType: "keepalive@openssh.com" }),
    ],
    ["global requests", SSH_MSG_GLOBAL_REQUEST.encode({ ...keepalive, requestName: "keepalive@openssh.com" })],
  ])("ends the connection if the peer floods %s without reading the replies", (_, payload) => {
    const limits = { highWater: 1000, maxReplyBacklog: 1000 };
    const side = new Side({ limits });
    side.session();
    let events = side.hears();
    for (let i = 0; i < 10_000 && errorCode(events) === undefined; i++) events = side.hears(payload);
    expect(errorCode(events)).toBe("request-limit");
    expect(side.sink.pending).toBeLessThan(2000 + 100);
  });
});
