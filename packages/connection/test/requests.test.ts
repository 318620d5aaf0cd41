import {
  type AskToken,
  SSH_MSG_CHANNEL_CLOSE,
  SSH_MSG_CHANNEL_FAILURE,
  SSH_MSG_CHANNEL_REQUEST,
  SSH_MSG_CHANNEL_SUCCESS,
  SSH_MSG_GLOBAL_REQUEST,
  SSH_MSG_REQUEST_FAILURE,
  SSH_MSG_REQUEST_SUCCESS,
} from "@nacre/wire";
import { describe, expect, test } from "vitest";
import type { ConnectionEvent } from "../src/index.ts";
import { errorCode, NOTHING, Side, the, thrownCode } from "./support.ts";

const request = (
  recipientChannel: number,
  requestType: string,
  data = NOTHING,
  wantReply = false,
): Uint8Array<ArrayBuffer> => SSH_MSG_CHANNEL_REQUEST.encode({ recipientChannel, requestType, wantReply, data });
const success = (recipientChannel: number): Uint8Array<ArrayBuffer> =>
  SSH_MSG_CHANNEL_SUCCESS.encode({ recipientChannel });
const failure = (recipientChannel: number): Uint8Array<ArrayBuffer> =>
  SSH_MSG_CHANNEL_FAILURE.encode({ recipientChannel });
const close = (recipientChannel: number): Uint8Array<ArrayBuffer> => SSH_MSG_CHANNEL_CLOSE.encode({ recipientChannel });
const globalRequest = (requestName: string, wantReply: boolean): Uint8Array<ArrayBuffer> =>
  SSH_MSG_GLOBAL_REQUEST.encode({ requestName, wantReply, data: NOTHING });

function token(event: ConnectionEvent | undefined): AskToken {
  if (event === undefined || !("token" in event) || event.token === undefined)
    throw new Error("expected an event with a token");
  return event.token;
}

describe("our requests", () => {
  test("ignores a request on a closing channel without `wantReply`, and throws with it", () => {
    const side = new Side();
    const channel = side.session();
    side.connection.close(channel);
    side.sink.take();
    expect(thrownCode(() => side.connection.request(channel, "signal", NOTHING, { wantReply: false }))).toBeUndefined();
    expect(thrownCode(() => side.connection.request(channel, "break", NOTHING, { wantReply: true }))).toBe(
      "channel-closed",
    );
    expect(side.sink.take()).toEqual([]);
    expect(side.hears(close(channel))).toEqual([{ type: "channel-closed", channel }]);
  });

  test("matches replies in order on each channel, independently of other channels", () => {
    const side = new Side();
    const [a, b] = [side.session(), side.session()];
    const ask = (channel: number, type: string, wantReply: boolean): number =>
      side.connection.request(channel, type, NOTHING, { wantReply });
    const pty = ask(a, "pty-req", true);
    ask(a, "window-change", false);
    const other = ask(b, "shell", true);
    const shell = ask(a, "shell", true);
    expect(side.sink.take()[0]).toEqual(request(100, "pty-req", NOTHING, true));
    expect(side.hears(failure(a), success(a), success(b))).toEqual([
      { type: "request-reply", channel: a, request: pty, success: false },
      { type: "request-reply", channel: a, request: shell, success: true },
      { type: "request-reply", channel: b, request: other, success: true },
    ]);
  });

  test.each([false, true])("fails requests when the channel closes before the reply (closed by us: %s)", (byUs) => {
    const side = new Side();
    const channel = side.session();
    const [first, second, third] = ["a@b", "c@d", "e@f"].map((type) =>
      side.connection.request(channel, type, NOTHING, { wantReply: true }),
    );
    if (byUs) side.connection.close(channel);
    expect(side.hears(success(channel), close(channel))).toEqual([
      { type: "request-reply", channel, request: first, success: true },
      { type: "request-reply", channel, request: second, success: false },
      { type: "request-reply", channel, request: third, success: false },
      { type: "channel-closed", channel },
    ]);
  });

  test.each(["we", "the peer"] as const)(
    "throws `usage` if a request on a channel that %s opened is too long, and sends nothing",
    (opener) => {
      const side = new Side({ allowed: ["session"] });
      const channel = opener === "we" ? side.session() : side.accepts(100);
      // OpenSSH's PACKET_MAX_SIZE minus padding and its length field.
      const most = 256 * 1024 - 256;
      const ask = (length: number): number =>
        side.connection.request(channel, "exec", new Uint8Array(length), { wantReply: true });
      const sendGlobalRequest = (length: number): number =>
        side.connection.globalRequest("a@b", new Uint8Array(length), { wantReply: true });
      const frame = request(100, "exec").length;
      expect(() => ask(most - frame + 1)).toThrow(
        expect.objectContaining({
          code: "usage",
          message: `the command is too long: its message has ${most + 1} bytes, but the maximum is ${most}`,
        }),
      );
      expect(thrownCode(() => sendGlobalRequest(most))).toBe("usage");
      expect(side.sink.take()).toEqual([]);

      const fits = ask(most - frame);
      const fitsToo = sendGlobalRequest(most - globalRequest("a@b", true).length);
      expect(side.sink.take().map(({ length }) => length)).toEqual([most, most]);
      // Only requests that were sent are answered.
      expect(side.hears(success(channel), SSH_MSG_REQUEST_FAILURE.encode({}))).toEqual([
        { type: "request-reply", channel, request: fits, success: true },
        { type: "global-reply", request: fitsToo, success: false, data: NOTHING },
      ]);
    },
  );

  test("limits unanswered requests by `maxPendingRequests`", () => {
    const side = new Side({ limits: { maxPendingRequests: 2 } });
    const channel = side.session();
    const ask = (wantReply: boolean): number => side.connection.request(channel, "a@b", NOTHING, { wantReply });
    const sendGlobalRequest = (wantReply: boolean): number =>
      side.connection.globalRequest("a@b", NOTHING, { wantReply });
    ask(true);
    ask(true);
    sendGlobalRequest(true);
    sendGlobalRequest(true);
    expect(thrownCode(() => ask(true))).toBe("request-limit");
    expect(thrownCode(() => sendGlobalRequest(true))).toBe("request-limit");
    expect(thrownCode(() => ask(false))).toBeUndefined();
    side.hears(success(channel));
    expect(thrownCode(() => ask(true))).toBeUndefined();
  });

  test.each([
    ["a channel", success, failure],
    [
      "global requests",
      () => SSH_MSG_REQUEST_SUCCESS.encode({ data: NOTHING }),
      () => SSH_MSG_REQUEST_FAILURE.encode({}),
    ],
  ] as const)("ignores unexpected replies for %s, up to the limit", (where, yes, no) => {
    for (const reply of [yes, no]) {
      const side = new Side({ limits: { maxUnaskedReplies: 2 } });
      const channel = side.session();
      const ask = (wantReply: boolean): number =>
        where === "a channel"
          ? side.connection.request(channel, "a@b", NOTHING, { wantReply })
          : side.connection.globalRequest("a@b", NOTHING, { wantReply });
      // A request without `wantReply` may get a reply, which does not count.
      for (let i = 0; i < 10; i++) ask(false);
      for (let i = 0; i < 12; i++) expect(side.hears(reply(channel))).toEqual([]);
      const request = ask(true);
      expect(side.hears(reply(channel))).toMatchObject([{ request, success: reply === yes }]);
      expect(errorCode(side.hears(reply(channel)))).toBe("unexpected-message");
    }
  });

  describe("SSH_MSG_UNIMPLEMENTED", () => {
    test("fails its request at any place in the queue, and later replies go to the others", () => {
      const side = new Side();
      const channel = side.session();
      const ask = (): number => side.connection.request(channel, "a@b", NOTHING, { wantReply: true });
      const sendGlobalRequest = (): number => side.connection.globalRequest("a@b", NOTHING, { wantReply: true });
      const [first, second, third] = [ask(), ask(), ask()];
      const [one, two] = [sendGlobalRequest(), sendGlobalRequest()];
      expect(side.connection.unimplemented(2)).toBe(true);
      expect(side.connection.unimplemented(4)).toBe(true);
      expect(side.hears(success(channel), success(channel), SSH_MSG_REQUEST_SUCCESS.encode({ data: NOTHING }))).toEqual(
        [
          { type: "request-reply", channel, request: second, success: false },
          { type: "global-reply", request: one, success: false, data: NOTHING },
          { type: "request-reply", channel, request: first, success: true },
          { type: "request-reply", channel, request: third, success: true },
          { type: "global-reply", request: two, success: true, data: NOTHING },
        ],
      );
    });

    test("fails its request once", () => {
      const side = new Side();
      const request = side.connection.globalRequest("a@b", NOTHING, { wantReply: true });
      expect([side.connection.unimplemented(0), side.connection.unimplemented(0)]).toEqual([true, false]);
      expect(side.events()).toMatchObject([{ type: "global-reply", request, success: false }]);
    });

    test("is ignored for data, a request without `wantReply`, or an unknown packet", () => {
      const side = new Side();
      const channel = side.session();
      side.connection.request(channel, "signal", NOTHING, { wantReply: false });
      side.connection.globalRequest("a@b", NOTHING, { wantReply: false });
      side.connection.write(channel, Uint8Array.of(1));
      for (const number of [0, 1, 2, 3, 4, 2 ** 32 - 1]) expect(side.connection.unimplemented(number)).toBe(false);
      expect(side.events()).toEqual([]);
    });

    test("fails its request on a closing channel", () => {
      const side = new Side();
      const channel = side.session();
      const request = side.connection.request(channel, "a@b", NOTHING, { wantReply: true });
      side.connection.close(channel);
      expect(side.connection.unimplemented(1)).toBe(true);
      expect(side.events()).toEqual([{ type: "request-reply", channel, request, success: false }]);
    });

    test("fails a channel's open and frees its number", () => {
      const side = new Side();
      const channel = side.connection.openChannel("session");
      expect(side.connection.unimplemented(0)).toBe(true);
      expect(side.events()).toEqual([
        {
          type: "channel-open-failed",
          channel,
          reasonCode: 3,
          description: "the peer does not implement SSH_MSG_CHANNEL_OPEN",
        },
      ]);
      expect(side.connection.channelCount).toBe(0);
      const second = side.connection.openChannel("session");
      side.connection.close(second);
      expect(side.connection.unimplemented(1)).toBe(true);
      expect(side.events()).toEqual([{ type: "channel-closed", channel: second }]);
      expect(side.connection.channelCount).toBe(0);
    });
  });
});

describe("the peer's requests", () => {
  test.each(["eow@openssh.com", "exec", "constructor", "__proto__"])(
    'reports %s as a "channel-request", with a token if a reply is wanted',
    (requestType) => {
      const side = new Side();
      const channel = side.session();
      const data = new Uint8Array([1]);
      const events = side.hears(request(channel, requestType, data), request(channel, requestType, data, true));
      expect(events).toEqual([
        { type: "channel-request", channel, requestType, data, token: undefined },
        { type: "channel-request", channel, requestType, data, token: { about: requestType } },
      ]);
      side.connection.answerRequest(token(events[1]), false);
      expect(side.sink.take()).toEqual([failure(100)]);
    },
  );

  test("sends replies in the order of the requests", () => {
    const side = new Side();
    const channel = side.session();
    const events = side.hears(
      request(channel, "a@b", NOTHING, true),
      request(channel, "keepalive@openssh.com", NOTHING, true),
      request(channel, "c@d", NOTHING, true),
      request(channel, "e@f", NOTHING, true),
    );
    expect(events).toHaveLength(3);
    side.connection.answerRequest(token(events[1]), true);
    expect(side.sink.take()).toEqual([]);
    side.connection.answerRequest(token(events[0]), true);
    expect(side.sink.take()).toEqual([success(100), failure(100), success(100)]);
    side.connection.answerRequest(token(events[2]), false);
    expect(side.sink.take()).toEqual([failure(100)]);
  });

  test("answers keepalive@openssh.com immediately, on a channel and globally", () => {
    const side = new Side();
    const channel = side.session();
    expect(
      side.hears(
        request(channel, "keepalive@openssh.com", NOTHING, true),
        globalRequest("keepalive@openssh.com", true),
        globalRequest("keepalive@openssh.com", false),
      ),
    ).toEqual([]);
    expect(side.sink.take()).toEqual([failure(100), SSH_MSG_REQUEST_FAILURE.encode({})]);
  });

  test("accepts one answer of the right kind per token", () => {
    const side = new Side();
    const channel = side.session();
    const [local, global] = side.hears(request(channel, "a@b", NOTHING, true), globalRequest("c@d", true));
    const { connection } = side;
    expect(thrownCode(() => connection.answerGlobal(token(local), true))).toBe("usage");
    expect(thrownCode(() => connection.answerRequest(token(global), true))).toBe("usage");
    expect(thrownCode(() => connection.answerOpen(token(local), true))).toBe("usage");
    expect(thrownCode(() => connection.answerRequest({ about: "a@b" }, true))).toBe("usage");
    connection.answerRequest(token(local), true);
    connection.answerGlobal(token(global), true);
    expect(thrownCode(() => connection.answerRequest(token(local), true))).toBe("usage");
    expect(thrownCode(() => connection.answerGlobal(token(global), true))).toBe("usage");
    expect(side.sink.take()).toHaveLength(2);
  });

  test("ignores an answer after the channel closed, even if its number was reused", () => {
    const side = new Side();
    const channel = side.session();
    const [event] = side.hears(request(channel, "a@b", NOTHING, true), close(channel));
    side.sessionNumbered(channel);
    side.connection.answerRequest(token(event), true);
    expect(side.sink.take()).toEqual([]);
  });

  test("drops requests on a closing channel", () => {
    const side = new Side();
    const channel = side.session();
    side.connection.close(channel);
    side.sink.take();
    expect(side.hears(request(channel, "a@b", NOTHING, true))).toEqual([]);
    expect(side.sink.take()).toEqual([]);
  });
});

describe("global requests", () => {
  test("matches replies to our requests in order", () => {
    const side = new Side();
    const ids = ["tcpip-forward", "cancel-tcpip-forward"].map((name) =>
      side.connection.globalRequest(name, new Uint8Array([1]), { wantReply: true }),
    );
    side.connection.globalRequest("no-more-sessions@openssh.com", NOTHING, { wantReply: false });
    expect(SSH_MSG_GLOBAL_REQUEST.decode(the(side.sink.take()[0]))).toEqual({
      requestName: "tcpip-forward",
      wantReply: true,
      data: new Uint8Array([1]),
    });
    const port = new Uint8Array([0, 0, 0, 22]);
    expect(side.hears(SSH_MSG_REQUEST_SUCCESS.encode({ data: port }), SSH_MSG_REQUEST_FAILURE.encode({}))).toEqual([
      { type: "global-reply", request: ids[0], success: true, data: port },
      { type: "global-reply", request: ids[1], success: false, data: NOTHING },
    ]);
  });

  test("reports requests of the peer and sends the replies in order", () => {
    const side = new Side();
    const events = side.hears(
      globalRequest("hostkeys-00@openssh.com", false),
      globalRequest("a@b", true),
      globalRequest("keepalive@openssh.com", true),
      globalRequest("c@d", true),
    );
    expect(events).toMatchObject([
      { type: "global-request", requestName: "hostkeys-00@openssh.com", data: NOTHING, token: undefined },
      { type: "global-request", requestName: "a@b" },
      { type: "global-request", requestName: "c@d" },
    ]);
    const data = new Uint8Array([7]);
    side.connection.answerGlobal(token(events[2]), true, data);
    expect(side.sink.take()).toEqual([]);
    side.connection.answerGlobal(token(events[1]), false);
    expect(side.sink.take()).toEqual([
      SSH_MSG_REQUEST_FAILURE.encode({}),
      SSH_MSG_REQUEST_FAILURE.encode({}),
      SSH_MSG_REQUEST_SUCCESS.encode({ data }),
    ]);
  });
});
