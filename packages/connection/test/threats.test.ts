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

/** A side of each role with one open channel, which each side may have opened. */
function sides(limits = {}): readonly (readonly [role: string, side: Side, channel: number])[] {
  const client = new Side("client", { limits });
  const server = new Side("server", { limits, allowed: ["session"] });
  return [
    ["client", client, client.session()],
    ["server", server, server.accepts(100)],
  ];
}

describe("window", () => {
  test("adding past 2^32 - 1 is fatal: an adjustment of 2^32 - 1 twice", () => {
    for (const [, side, channel] of sides()) {
      // The window was opened with 1000, so that the exact sum is tried as well.
      expect(side.hears(adjust(channel, LARGEST - 1000))).toEqual([]);
      expect(errorCode(side.hears(adjust(channel, 1)))).toBe("window-overflow");
    }
    const side = new Side("client");
    const channel = side.session({ initialWindowSize: 0 });
    expect(side.hears(adjust(channel, LARGEST))).toEqual([]);
    expect(errorCode(side.hears(adjust(channel, LARGEST)))).toBe("window-overflow");
  });

  test("data of exactly the window passes, one byte over is fatal", () => {
    for (const extra of [0, 1])
      for (const [, side, channel] of sides({ initialWindow: 1000 }))
        expect(errorCode(side.hears(data(channel, 1000 + extra)))).toBe(extra === 0 ? undefined : "window-exceeded");
  });

  test("a reader that never reads is sent no credit, so that memory is bounded by the window", () => {
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

describe("packet size", () => {
  test("a peer's maximum of 0 is refused, in an open and in a confirmation", () => {
    const server = new Side("server", { allowed: ["session"] });
    expect(server.hears(open("session", { maximumPacketSize: 0 }))).toEqual([
      { type: "open-refused", channelType: "session" },
    ]);
    expect(SSH_MSG_CHANNEL_OPEN_FAILURE.decode(the(server.sink.take()[0]))).toMatchObject({
      recipientChannel: 7,
      reasonCode: 4,
    });
    const client = new Side("client");
    const channel = client.connection.openChannel("session");
    expect(errorCode(client.hears(confirm(channel, { maximumPacketSize: 0 })))).toBe("malformed-message");
  });

  test("ours is enforced: exactly it passes, one byte over is fatal", () => {
    for (const extra of [0, 1])
      for (const [, side, channel] of sides())
        expect(errorCode(side.hears(data(channel, 32_768 + extra)))).toBe(extra === 0 ? undefined : "packet-length");
  });

  test("a peer's maximum of 1 and of 2^32 - 1 are kept to, with messages of 32 KiB at most", () => {
    for (const maximumPacketSize of [1, LARGEST]) {
      const side = new Side("client");
      const channel = side.session({ initialWindowSize: LARGEST, maximumPacketSize });
      expect(side.connection.write(channel, new Uint8Array(40_000))).toBe(40_000);
      const longest = Math.max(...side.sink.take().map((payload) => payload.length - 9));
      expect(longest).toBe(Math.min(maximumPacketSize, 32_768));
    }
  });
});

describe("extended data", () => {
  test.each([0, 2, LARGEST])("a flood of type %i is dropped with its credit given back", (type) => {
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

  test("a standard error that nobody reads neither stalls standard output nor grows", () => {
    const side = new Side("client");
    const channel = side.session();
    side.connection.discard(channel, "stderr");
    expect(side.hears(...Array.from({ length: 1000 }, () => flood(channel, 1)))).toEqual([]);
    expect(side.hears(data(channel, 1000))).toHaveLength(1);
  });
});

describe("unasked replies", () => {
  test.each([
    ["REQUEST_SUCCESS", () => SSH_MSG_REQUEST_SUCCESS.encode({ data: NOTHING })],
    ["REQUEST_FAILURE", () => SSH_MSG_REQUEST_FAILURE.encode({})],
    ["CHANNEL_SUCCESS", (recipientChannel: number) => SSH_MSG_CHANNEL_SUCCESS.encode({ recipientChannel })],
    ["CHANNEL_FAILURE", (recipientChannel: number) => SSH_MSG_CHANNEL_FAILURE.encode({ recipientChannel })],
  ])("%s ends the connection and is no request's answer", (_, reply) => {
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
  test.each([7, 1, LARGEST])("no message for the never opened channel %i reaches the application", (number) => {
    for (const message of [...messages(number), adjust(number, 1)])
      for (const [, side] of sides()) {
        const events = side.hears(message);
        expect(events).toHaveLength(1);
        expect(errorCode(events)).toBe("channel-unknown");
      }
  });

  test("no message for a channel closed both ways reaches the application: data after close, close twice", () => {
    for (let i = 0; i < messages(0).length; i++)
      for (const [, side, channel] of sides()) {
        const close = SSH_MSG_CHANNEL_CLOSE.encode({ recipientChannel: channel });
        const events = side.hears(close, the(messages(channel)[i]));
        expect(events.map((event) => event.type)).toEqual(["channel-closed", "closed"]);
        expect(errorCode(events)).toBe("channel-unknown");
      }
  });

  test("a number that is used again belongs to the new channel alone", () => {
    const side = new Side("client");
    const channel = side.session();
    const old = side.connection.request(channel, "a@b", NOTHING, { wantReply: true });
    side.hears(data(channel, 500), SSH_MSG_CHANNEL_CLOSE.encode({ recipientChannel: channel }));
    expect(side.session()).toBe(channel);
    const request = side.connection.request(channel, "c@d", NOTHING, { wantReply: true });
    expect(request).not.toBe(old);
    expect(side.hears(SSH_MSG_CHANNEL_SUCCESS.encode({ recipientChannel: channel }))).toEqual([
      { type: "request-reply", channel, request, success: true },
    ]);
  });
});

describe("channel count", () => {
  test("of 100,000 opens that are allowed no more than the limit stay, and each refused one is freed", () => {
    const side = new Side("server", { allowed: ["session"], limits: { maxPendingOpens: 1000 } });
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

  test("100,000 opens that are forbidden leave nothing behind", () => {
    const side = new Side("client");
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
    "%s is forbidden unless we asked for it",
    (channelType) => {
      for (const role of ["client", "server"] as const) {
        const side = new Side(role);
        expect(side.hears(open(channelType))).toEqual([{ type: "open-refused", channelType }]);
        expect(SSH_MSG_CHANNEL_OPEN_FAILURE.decode(the(side.sink.take()[0]))).toMatchObject({
          recipientChannel: 7,
          reasonCode: 1,
        });
      }
    },
  );

  test.each(["nonsense", "constructor"])("a type nobody knows (%s) is refused as unknown", (channelType) => {
    const side = new Side("client");
    expect(side.hears(open(channelType))).toEqual([{ type: "open-refused", channelType }]);
    expect(SSH_MSG_CHANNEL_OPEN_FAILURE.decode(the(side.sink.take()[0])).reasonCode).toBe(3);
  });
});

describe("unanswered and unread", () => {
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
  ])("%s requests that the application has not answered are bounded", (_, payload) => {
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
  ])("a peer that floods %s and reads no answer is cut off", (_, payload) => {
    const limits = { highWater: 1000, maxReplyBacklog: 1000 };
    const side = new Side("client", { limits });
    side.session();
    let events = side.hears();
    for (let i = 0; i < 10_000 && errorCode(events) === undefined; i++) events = side.hears(payload);
    expect(errorCode(events)).toBe("request-limit");
    expect(side.sink.pending).toBeLessThan(2000 + 100);
  });
});
