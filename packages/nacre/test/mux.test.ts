import { code, failure, uncaught } from "@nacre/testing/nacre/outcomes";
import {
  SSH_MSG_CHANNEL_CLOSE,
  SSH_MSG_CHANNEL_DATA,
  SSH_MSG_CHANNEL_EOF,
  SSH_MSG_CHANNEL_FAILURE,
  SSH_MSG_CHANNEL_OPEN,
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION,
  SSH_MSG_CHANNEL_OPEN_FAILURE,
  SSH_MSG_CHANNEL_REQUEST,
  SSH_MSG_CHANNEL_SUCCESS,
  SSH_MSG_GLOBAL_REQUEST,
  SSH_MSG_REQUEST_FAILURE,
  SSH_MSG_REQUEST_SUCCESS,
  SshError,
  utf8Encode,
} from "@nacre/wire";
import type { Channel, ChannelFlow } from "nacre";
import { describe, expect, it } from "vitest";
import { openChannel } from "../src/mux/open-channel.ts";
import { deaf, looseMux, unopened } from "./support/muxes.ts";

const NOTHING = new Uint8Array(0);
const LOST = new SshError("connection-lost", "gone");
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

const opens = (channelType: string, senderChannel = 7, data = NOTHING): Uint8Array =>
  SSH_MSG_CHANNEL_OPEN.encode({ channelType, senderChannel, initialWindowSize: 100, maximumPacketSize: 100, data });
const confirms = (recipientChannel: number): Uint8Array =>
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION.encode({
    recipientChannel,
    senderChannel: 7,
    initialWindowSize: 100,
    maximumPacketSize: 100,
    data: NOTHING,
  });
const asks = (requestName: string, wantReply: boolean): Uint8Array =>
  SSH_MSG_GLOBAL_REQUEST.encode({ requestName, wantReply, data: NOTHING });
const requests = (requestType: string, wantReply: boolean): Uint8Array =>
  SSH_MSG_CHANNEL_REQUEST.encode({ recipientChannel: 0, requestType, wantReply, data: NOTHING });
const sends = (data: Uint8Array): Uint8Array => SSH_MSG_CHANNEL_DATA.encode({ recipientChannel: 0, data });

/** Returns the message numbers of payloads. */
const numbers = (sent: readonly Uint8Array[]): readonly (number | undefined)[] => sent.map((payload) => payload[0]);

describe("an open of this side", () => {
  it("returns the channel in the turn of its confirmation, before data that follows", () => {
    const { mux, receive } = looseMux();
    const said: string[] = [];
    mux.open("direct-tcpip", utf8Encode("there"), {
      ...unopened,
      opened(channel) {
        channel.handler = { ...deaf, data: (_, bytes) => said.push(new TextDecoder().decode(bytes)) };
      },
    });
    receive(confirms(0), sends(utf8Encode("hello")));
    expect(said).toEqual(["hello"]);
  });

  it("has the numbers of its channel while it is open", () => {
    const { mux, receive } = looseMux();
    const seen: (ChannelFlow | undefined)[] = [];
    mux.open("session", NOTHING, {
      ...unopened,
      opened(channel) {
        seen.push(channel.flow);
        channel.write(new Uint8Array(30));
        seen.push(channel.flow);
        channel.close();
        seen.push(channel.flow);
      },
    });
    receive(confirms(0));
    expect(seen).toEqual([
      { peer: 7, sendWindow: 100, maxSend: 100, receiveWindow: 2 * 1024 * 1024 },
      { peer: 7, sendWindow: 70, maxSend: 100, receiveWindow: 2 * 1024 * 1024 },
      undefined,
    ]);
  });

  it.each([
    ["closeAfterReading", ["data", "request", "eof", "closed"]],
    ["close", ["closed"]],
  ] as const)("receives what precedes the peer's CLOSE after %s()", (method, expected) => {
    const { mux, receive, sent } = looseMux();
    const said: string[] = [];
    mux.open("session", NOTHING, {
      ...unopened,
      opened(channel) {
        channel.handler = {
          data: () => said.push("data"),
          writable() {},
          eof: () => said.push("eof"),
          request(request) {
            said.push("request");
            channel.reply(request, true);
          },
          closed: () => said.push("closed"),
        };
        channel[method]();
        channel[method]();
      },
    });
    receive(confirms(0));
    receive(
      sends(utf8Encode("late")),
      requests("exit-status", true),
      SSH_MSG_CHANNEL_EOF.encode({ recipientChannel: 0 }),
      SSH_MSG_CHANNEL_CLOSE.encode({ recipientChannel: 0 }),
    );
    expect(said).toEqual(expected);
    expect(numbers(sent)).toEqual([SSH_MSG_CHANNEL_OPEN.number, SSH_MSG_CHANNEL_CLOSE.number]);
  });

  it("receives the reason of a refusal", () => {
    const { mux, receive } = looseMux();
    const said: unknown[] = [];
    mux.open("direct-tcpip", NOTHING, { ...unopened, refused: (...why) => said.push(why) });
    receive(
      SSH_MSG_CHANNEL_OPEN_FAILURE.encode({ recipientChannel: 0, reasonCode: 2, description: "no", languageTag: "" }),
    );
    expect(said).toEqual([[2, "no"]]);
  });

  it("receives the error that ends the connection, once", () => {
    const { mux, receive, lose } = looseMux();
    const said: unknown[] = [];
    mux.open("direct-tcpip", NOTHING, { ...unopened, lost: (error) => said.push(error) });
    lose(LOST);
    receive(confirms(0));
    expect(said).toEqual([LOST]);
  });

  it("throws after the end of the connection", () => {
    const { mux, lose } = looseMux();
    lose(LOST);
    expect(() => mux.open("session", undefined, unopened)).toThrow("the connection has ended: gone");
  });

  it("as a promise rejects with the peer's reason, escaped", async () => {
    const { mux, receive } = looseMux();
    const opening = failure(openChannel(mux, "direct-tcpip"));
    const description = "\u001b[2Jno";
    receive(SSH_MSG_CHANNEL_OPEN_FAILURE.encode({ recipientChannel: 0, reasonCode: 2, description, languageTag: "" }));
    const error = (await opening) as SshError;
    expect(error).toEqual(code("channel-open-failed"));
    expect(error.message).toContain("CONNECT_FAILED");
    expect(error.message).not.toContain("\u001b");
  });
});

describe("an open of the peer", () => {
  it("is refused without a handler, also if its type is the name of an inherited property", () => {
    const { mux, receive, sent, refused } = looseMux();
    receive(opens("x11"));
    // Allow the type on the connection, so that the mux decides.
    for (const name of ["constructor", "__proto__"]) {
      mux.engine.machine.connection.allow(name);
      receive(opens(name));
    }
    expect(numbers(sent)).toEqual(Array(3).fill(SSH_MSG_CHANNEL_OPEN_FAILURE.number));
    expect(refused).toEqual(["x11", "constructor", "__proto__"]);
  });

  it("is accepted by the handler of its type, which receives the data", () => {
    const said: unknown[] = [];
    const { receive, sent } = looseMux({
      channels: {
        x11(open) {
          said.push(open.channelType, new TextDecoder().decode(open.data));
          open.accept();
        },
      },
    });
    receive(opens("x11", 7, utf8Encode("from")));
    expect(said).toEqual(["x11", "from"]);
    expect(numbers(sent)).toEqual([SSH_MSG_CHANNEL_OPEN_CONFIRMATION.number]);
  });

  it("is accepted right after the reply that allows it", () => {
    const { mux, receive, sent } = looseMux();
    mux.globalRequest("tcpip-forward", NOTHING, ({ success }) => {
      if (success) mux.accept("forwarded-tcpip", (open) => open.accept());
    });
    receive(SSH_MSG_REQUEST_SUCCESS.encode({ data: NOTHING }), opens("forwarded-tcpip"));
    expect(numbers(sent)).toEqual([SSH_MSG_GLOBAL_REQUEST.number, SSH_MSG_CHANNEL_OPEN_CONFIRMATION.number]);
  });

  it("accepted on one connection stays refused on another", () => {
    const [one, other] = [looseMux(), looseMux()];
    one.mux.accept("x11", (open) => open.accept());
    other.receive(opens("x11"));
    expect(numbers(other.sent)).toEqual([SSH_MSG_CHANNEL_OPEN_FAILURE.number]);
  });

  it("answered after the end of the connection opens nothing", () => {
    let accept: (() => Channel | undefined) | undefined;
    const { receive, lose, sent } = looseMux({
      channels: {
        x11(open) {
          accept = () => open.accept();
        },
      },
    });
    receive(opens("x11"));
    lose(LOST);
    expect(accept?.()).toBeUndefined();
    expect(sent).toEqual([]);
  });
});

describe("a global request of this side", () => {
  it("receives its reply with the data of a success", () => {
    const { mux, receive } = looseMux();
    const said: unknown[] = [];
    for (let i = 0; i < 2; i++) mux.globalRequest("tcpip-forward", NOTHING, (reply) => said.push(reply));
    receive(SSH_MSG_REQUEST_SUCCESS.encode({ data: Uint8Array.of(1) }), SSH_MSG_REQUEST_FAILURE.encode({}));
    expect(said).toEqual([
      { success: true, data: Uint8Array.of(1) },
      { success: false, error: undefined },
    ]);
  });

  it("receives the error that ends the connection, once", () => {
    const { mux, receive, lose } = looseMux();
    const said: unknown[] = [];
    mux.globalRequest("tcpip-forward", NOTHING, (reply) => said.push(reply));
    lose(LOST);
    receive(SSH_MSG_REQUEST_FAILURE.encode({}));
    expect(said).toEqual([{ success: false, error: LOST }]);
  });
});

describe("a global request of the peer", () => {
  it("without a handler is refused if it wants a reply, and ignored otherwise", () => {
    const { receive, sent, refused } = looseMux();
    for (const name of ["hello@example.org", "toString"]) receive(asks(name, true), asks(name, false));
    expect(numbers(sent)).toEqual([SSH_MSG_REQUEST_FAILURE.number, SSH_MSG_REQUEST_FAILURE.number]);
    expect(refused).toEqual(["hello@example.org", "toString"]);
  });

  it("is answered by its handler immediately or later, in order", () => {
    const later: (() => void)[] = [];
    const { mux, receive, sent } = looseMux({
      globalRequests: { "slow@example.org": (request) => void later.push(() => request.reply(true, Uint8Array.of(1))) },
    });
    mux.onGlobalRequest("quick@example.org", (request) => request.reply(false));
    receive(asks("slow@example.org", true), asks("quick@example.org", true));
    expect(sent).toEqual([]);
    for (const reply of later) reply();
    expect(numbers(sent)).toEqual([SSH_MSG_REQUEST_SUCCESS.number, SSH_MSG_REQUEST_FAILURE.number]);
  });
});

/** Makes a mux with channel 0 open. */
function opened(): ReturnType<typeof looseMux> & { readonly channel: Channel } {
  const loose = looseMux();
  let channel: Channel | undefined;
  loose.mux.open("any", NOTHING, { ...unopened, opened: (one) => (channel = one) });
  loose.receive(confirms(0));
  return { ...loose, channel: channel! };
}

describe("a channel", () => {
  it("receives requests and replies to those that want a reply", () => {
    const { channel, receive, sent } = opened();
    channel.handler = { ...deaf, request: (request) => channel.reply(request, request.type === "channel-request") };
    receive(requests("yes@example.org", true), requests("silent@example.org", false));
    expect(numbers(sent.slice(1))).toEqual([SSH_MSG_CHANNEL_SUCCESS.number]);
  });

  it("without a handler refuses requests that want a reply and buffers the first 16 others", () => {
    const { channel, receive, sent } = opened();
    receive(requests("refused@example.org", true));
    for (let i = 0; i < 20; i++) receive(requests(`kept-${i}@example.org`, false));
    expect(numbers(sent.slice(1))).toEqual([SSH_MSG_CHANNEL_FAILURE.number]);
    const heard: unknown[] = [];
    channel.handler = { ...deaf, request: (request) => heard.push("requestType" in request && request.requestType) };
    expect(heard).toEqual(Array.from({ length: 16 }, (_, i) => `kept-${i}@example.org`));
  });

  it("rejects the requests that await a reply when the connection ends, and later ones", async () => {
    const { channel, lose } = opened();
    const pending = ["one@example.org", "two@example.org"].map((type) => failure(channel.request(type, NOTHING)));
    lose(LOST);
    expect(await Promise.all(pending)).toEqual([LOST, LOST]);
    expect(await failure(channel.request("three@example.org", NOTHING))).toMatchObject({
      code: LOST.code,
      cause: LOST,
    });
  });

  it("reports whether the connection ended before it", async () => {
    const [one, other] = [opened(), opened()];
    const ends = [one.channel.ended, other.channel.ended];
    one.channel.close();
    one.receive(SSH_MSG_CHANNEL_CLOSE.encode({ recipientChannel: 0 }));
    other.lose(LOST);
    expect(await Promise.all(ends)).toEqual([
      { error: undefined, broken: false },
      { error: LOST, broken: true },
    ]);
    expect(await one.channel.ended).toEqual({ error: undefined, broken: false });
  });
});

describe("an exception of an application's handler", () => {
  it("is rethrown as an uncaught exception, and the connection continues", async () => {
    const heard = uncaught();
    const { channel, receive, ends } = opened();
    const said: unknown[] = [];
    channel.handler = {
      ...deaf,
      data: (_, [byte]) => {
        said.push(byte);
        throw new Error(`application ${byte}`);
      },
      eof: () => void said.push("eof"),
      closed: () => {
        said.push("closed");
        throw new Error("application, at last");
      },
    };
    const recipientChannel = 0;
    receive(
      sends(Uint8Array.of(1)),
      sends(Uint8Array.of(2)),
      SSH_MSG_CHANNEL_EOF.encode({ recipientChannel }),
      SSH_MSG_CHANNEL_CLOSE.encode({ recipientChannel }),
    );
    await settled();
    expect(said).toEqual([1, 2, "eof", "closed"]);
    expect(heard.map(String)).toEqual(["Error: application 1", "Error: application 2", "Error: application, at last"]);
    expect(ends).toEqual([]);
  });

  it("at the end of the connection does not keep other handlers from being called", async () => {
    const heard = uncaught();
    const { mux, receive, lose } = looseMux();
    const said: number[] = [];
    for (const id of [0, 1]) {
      mux.open("any", NOTHING, {
        ...unopened,
        opened(channel) {
          channel.handler = {
            ...deaf,
            closed: () => {
              said.push(id);
              throw new Error(`application ${id}`);
            },
          };
        },
      });
    }
    receive(confirms(0), confirms(1));
    lose(LOST);
    expect(await mux.engine.closed).toBe(LOST);
    await settled();
    expect(said).toEqual([0, 1]);
    expect(heard).toHaveLength(2);
  });
});
