import { macrotask } from "@nacre/testing/macrotask";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import {
  type Bytes,
  CHANNEL_OPEN_FAILURE_REASON,
  forwardedStreamlocal,
  SSH_MSG_CHANNEL_CLOSE,
  SSH_MSG_CHANNEL_DATA,
  SSH_MSG_CHANNEL_EOF,
  SSH_MSG_CHANNEL_OPEN,
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION,
  SSH_MSG_CHANNEL_OPEN_FAILURE,
  SSH_MSG_GLOBAL_REQUEST,
  SSH_MSG_REQUEST_FAILURE,
  SSH_MSG_REQUEST_SUCCESS,
  SshError,
  tcpipChannel,
  tcpipForwardReply,
  toHex,
  utf8Encode,
} from "@nacre/wire";
import type { ListenAddress, WebPair } from "nacre";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type WebStreams, webStreams } from "../../src/streams/web-streams.ts";
import { type RemoteListener, RemoteListeners } from "../../src/users/forward/remote-listener.ts";
import { looseMux } from "../support/muxes.ts";

const NOTHING = new Uint8Array(0);
const LOST = new SshError("connection-lost", "gone");
const SUCCESS = SSH_MSG_REQUEST_SUCCESS.encode({ data: NOTHING });
const FAILURE = SSH_MSG_REQUEST_FAILURE.encode({});
const { ADMINISTRATIVELY_PROHIBITED, CONNECT_FAILED, RESOURCE_SHORTAGE } = CHANNEL_OPEN_FAILURE_REASON;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const portReply = (port: number): Uint8Array =>
  SSH_MSG_REQUEST_SUCCESS.encode({ data: tcpipForwardReply.encode({ port }) });

let nextPeerChannel = 1000;
const opens = (channelType: string, data: Uint8Array): Uint8Array =>
  SSH_MSG_CHANNEL_OPEN.encode({
    channelType,
    senderChannel: nextPeerChannel++,
    initialWindowSize: 100,
    maximumPacketSize: 100,
    data,
  });
/** An open for a connection from 192.0.2.9 to this address. */
const fromTcp = (address: string, port: number): Uint8Array =>
  opens(
    "forwarded-tcpip",
    tcpipChannel.encode({ address, port, originatorAddress: "192.0.2.9", originatorPort: 50_000 }),
  );
const fromPath = (path: string): Uint8Array =>
  opens("forwarded-streamlocal@openssh.com", forwardedStreamlocal.encode({ path, reserved: NOTHING }));

function listening(limits = {}) {
  const loose = looseMux({}, limits);
  const { engine } = loose.mux;
  const listeners = new RemoteListeners(loose.mux, engine.closed);
  /** Listens, and receives the server's reply together with the messages in `behind`. */
  const listen = async (
    address: ListenAddress,
    reply: Uint8Array = SUCCESS,
    ...behind: readonly Uint8Array[]
  ): Promise<RemoteListener<WebStreams>> => {
    const listener = listeners.listen(address, webStreams);
    loose.receive(reply, ...behind);
    return listener;
  };
  /** The outcomes of the peer's opens: `"opened"`, or the reason code of the refusal. */
  const answers = (): readonly (string | number)[] =>
    loose.sent.flatMap((payload): readonly (string | number)[] => {
      if (payload[0] === SSH_MSG_CHANNEL_OPEN_CONFIRMATION.number) return ["opened"];
      if (payload[0] !== SSH_MSG_CHANNEL_OPEN_FAILURE.number) return [];
      return [SSH_MSG_CHANNEL_OPEN_FAILURE.decode(payload).reasonCode];
    });
  return { ...loose, listeners, listen, answers };
}

const next = async (listener: RemoteListener<WebStreams>): Promise<WebPair | undefined> =>
  (await listener[Symbol.asyncIterator]().next()).value;

const requestOf = (payload: Uint8Array | undefined): readonly [string, boolean, string] => {
  const { requestName, wantReply, data } = SSH_MSG_GLOBAL_REQUEST.decode(payload as Bytes);
  return [requestName, wantReply, toHex(data)];
};

describe("requests", () => {
  // Written by hand: each string is a four-byte length and its bytes; each number has four bytes.
  it.each<[title: string, address: ListenAddress, name: string, data: string]>([
    ["a port of localhost (RFC 4254 §7.1)", { port: 8080 }, "tcpip-forward", "000000096c6f63616c686f7374 00001f90"],
    ["all addresses", { host: "", port: 80 }, "tcpip-forward", "00000000 00000050"],
    ["all addresses, as a star", { host: "*", port: 80 }, "tcpip-forward", "00000000 00000050"],
    ["one address", { host: "::1", port: 65_535 }, "tcpip-forward", "000000033a3a31 0000ffff"],
    [
      "a Unix socket (OpenSSH PROTOCOL §2.4)",
      { path: "/run/x" },
      "streamlocal-forward@openssh.com",
      "000000062f72756e2f78",
    ],
  ])("to listen at %s and to cancel that have the specified bytes", async (_, address, name, data) => {
    const { listen, sent, receive } = listening();
    const listener = await listen(address);
    const closing = listener.close();
    receive(SUCCESS);
    await closing;
    const bytes = data.replaceAll(" ", "");
    expect(sent.map(requestOf)).toEqual([
      [name, true, bytes],
      [`cancel-${name}`, true, bytes],
    ]);
  });

  it("for port 0 return the port that the server chose, and cancel that port", async () => {
    const { listen, sent, receive } = listening();
    const listener = await listen({ host: "127.0.0.1", port: 0 }, portReply(40_001));
    expect([listener.host, listener.port, listener.path]).toEqual(["127.0.0.1", 40_001, undefined]);
    const closing = listener.close();
    receive(SUCCESS);
    await closing;
    expect(sent.map(requestOf).map(([, , data]) => data)).toEqual([
      "000000093132372e302e302e3100000000",
      "000000093132372e302e302e3100009c41",
    ]);
  });

  it.each([
    ["no port", SUCCESS],
    ["port 0", portReply(0)],
    ["port 65536", portReply(65_536)],
    ["a truncated port", SSH_MSG_REQUEST_SUCCESS.encode({ data: Uint8Array.of(1, 2) })],
  ])("for port 0 reject a reply with %s", async (_, reply) => {
    const { listen } = listening();
    expect(await failure(listen({ port: 0 }, reply))).toEqual(code("malformed-message"));
  });

  it.each<[address: unknown]>([
    [undefined],
    [null],
    [8080],
    [{}],
    [{ port: -1 }],
    [{ port: 65_536 }],
    [{ port: "80" }],
    [{ host: 1, port: 80 }],
    [{ host: "a\0", port: 80 }],
    [{ path: "" }],
    [{ path: "/a\0" }],
    [{ path: `/${"x".repeat(107)}` }],
    [{ path: "/a", port: 80 }],
    [{ host: "a".repeat(300_000), port: 80 }],
  ])("are not sent for an invalid address: %j", async (address) => {
    const { listeners, sent } = listening();
    expect(await failure(listeners.listen(address as ListenAddress, webStreams))).toEqual(code("usage"));
    expect(sent).toEqual([]);
  });

  it("reject with forward-denied and the escaped address if the server refuses", async () => {
    const { listen } = listening();
    const error = (await failure(listen({ path: "/\u001b[2J" }, FAILURE))) as SshError;
    expect(error).toEqual(code("forward-denied"));
    expect(error.message).toContain("/\\x1b[2J; it prohibits this");
    expect(await failure(listen({ host: "*", port: 80 }, FAILURE))).toMatchObject({
      message: expect.stringContaining("listen on *:80"),
    });
  });

  it("reject with the error of the connection before the reply, and with closed afterwards", async () => {
    const { listeners, lose } = listening();
    const pending = failure(listeners.listen({ port: 80 }, webStreams));
    lose(LOST);
    expect(await pending).toBe(LOST);
    expect(await failure(listeners.listen({ port: 80 }, webStreams))).toEqual(code("connection-lost"));
  });
});

describe("a connection", () => {
  it("that opens right after the reply is accepted, and has bytes and a remote address", async () => {
    const { listen, receive, sent, answers } = listening();
    const listener = await listen({ port: 0 }, portReply(9000), fromTcp("localhost", 9000));
    const pair = (await next(listener))!;
    expect([pair.remoteAddress, pair.remotePort]).toEqual(["192.0.2.9", 50_000]);
    receive(
      SSH_MSG_CHANNEL_DATA.encode({ recipientChannel: 0, data: utf8Encode("GET /") }),
      SSH_MSG_CHANNEL_EOF.encode({ recipientChannel: 0 }),
    );
    expect(await new Response(pair.readable).text()).toBe("GET /");
    const writer = pair.writable.getWriter();
    await writer.write("200");
    await writer.close();
    await macrotask();
    expect(answers()).toEqual(["opened"]);
    expect(sent.slice(-3).map((payload) => payload[0])).toEqual([
      SSH_MSG_CHANNEL_DATA.number,
      SSH_MSG_CHANNEL_EOF.number,
      SSH_MSG_CHANNEL_CLOSE.number,
    ]);
  });

  it("to a Unix socket is matched by its path", async () => {
    const { listen, answers } = listening();
    const listener = await listen({ path: "/run/x" }, SUCCESS, fromPath("/run/x"));
    const pair = (await next(listener))!;
    expect([pair.remoteAddress, listener.port, listener.path, answers()]).toEqual([
      undefined,
      undefined,
      "/run/x",
      ["opened"],
    ]);
  });

  it("goes to the listener of its address if several have its port, otherwise to the only one at its port", async () => {
    const { listen, receive } = listening();
    const one = await listen({ host: "192.0.2.1", port: 80 });
    const other = await listen({ host: "192.0.2.2", port: 80 });
    const third = await listen({ host: "*", port: 81 });
    receive(fromTcp("192.0.2.2", 80), fromTcp("192.0.2.1", 80), fromTcp("203.0.113.5", 81));
    const taken = await Promise.all([one, other, third].map(next));
    expect(taken.filter((pair) => pair !== undefined)).toHaveLength(3);
  });

  it.each<[title: string, open: Uint8Array]>([
    ["to another port", fromTcp("localhost", 81)],
    ["to an unknown address at a port with several listeners", fromTcp("192.0.2.3", 8000)],
    ["to another path", fromPath("/run/y")],
    ["to a path, with malformed data", opens("forwarded-streamlocal@openssh.com", utf8Encode("/run/x"))],
    ["without data", opens("forwarded-tcpip", NOTHING)],
    ["with truncated data", opens("forwarded-tcpip", Uint8Array.of(0, 0, 0, 9, 1))],
    ["with an address that is not UTF-8", opens("forwarded-tcpip", Uint8Array.of(0, 0, 0, 1, 0xff, 0, 0, 0, 80))],
  ])("%s is refused as prohibited, and the listener continues", async (_, open) => {
    const { listen, receive, answers } = listening();
    const listener = await listen({ port: 80 });
    await listen({ path: "/run/x" });
    await listen({ host: "192.0.2.1", port: 8000 });
    await listen({ host: "192.0.2.2", port: 8000 });
    receive(open, fromTcp("localhost", 80));
    expect(await next(listener)).toBeDefined();
    await macrotask();
    expect(answers()).toEqual([ADMINISTRATIVELY_PROHIBITED, "opened"]);
  });

  it("is refused as prohibited before any listener, before the reply and after a refusal", async () => {
    const { listen, listeners, receive, answers } = listening();
    receive(fromTcp("localhost", 80));
    const pending = listeners.listen({ port: 80 }, webStreams);
    receive(fromTcp("localhost", 80), FAILURE, fromTcp("localhost", 80));
    await failure(pending);
    await listen({ path: "/other" });
    receive(fromTcp("localhost", 80));
    await macrotask();
    expect(answers()).toEqual(Array(4).fill(ADMINISTRATIVELY_PROHIBITED));
  });

  it("is matched with the original address even if the caller changes the object", async () => {
    const { listen, receive, answers, sent } = listening();
    const address = { host: "192.0.2.1", port: 80 };
    const listener = await listen(address);
    await listen({ host: "192.0.2.2", port: 80 });
    address.host = "192.0.2.9";
    receive(fromTcp("192.0.2.1", 80));
    expect(await next(listener)).toBeDefined();
    void listener.close();
    await macrotask();
    expect(answers()).toEqual(["opened"]);
    expect(requestOf(sent.at(-1))[2]).toBe("000000093139322e302e322e3100000050");
  });
});

describe("connections not yet taken", () => {
  it("wait up to `maxPendingOpens`; further ones are refused until some are taken", async () => {
    const { listen, receive, answers } = listening({ maxPendingOpens: 201 });
    const listener = await listen({ port: 80 });
    receive(...Array.from({ length: 200 }, () => fromTcp("localhost", 80)));
    receive(fromTcp("localhost", 80));
    await macrotask();
    expect(answers()).toEqual([]);
    receive(fromTcp("localhost", 80));
    await macrotask();
    expect(answers()).toEqual([RESOURCE_SHORTAGE]);
    await next(listener);
    receive(fromTcp("localhost", 80));
    await macrotask();
    expect(answers()).toEqual([RESOURCE_SHORTAGE, "opened"]);
  });

  it("may arrive 200 in one turn, with the default limits", async () => {
    const { listen, receive, answers } = listening();
    const listener = await listen({ port: 80 });
    receive(...Array.from({ length: 200 }, () => fromTcp("localhost", 80)));
    for (let i = 0; i < 200; i++) await next(listener);
    await macrotask();
    expect(answers()).toEqual(Array(200).fill("opened"));
  });

  it("are taken in order by pending and later calls of next", async () => {
    const { listen, receive } = listening();
    const listener = await listen({ port: 80 });
    const iterator = listener[Symbol.asyncIterator]();
    const early = [iterator.next(), listener[Symbol.asyncIterator]().next()];
    for (let port = 1; port <= 4; port++)
      receive(
        opens(
          "forwarded-tcpip",
          tcpipChannel.encode({ address: "localhost", port: 80, originatorAddress: "::1", originatorPort: port }),
        ),
      );
    const all = await Promise.all([...early, iterator.next(), iterator.next()]);
    expect(all.map(({ value }) => value?.remotePort)).toEqual([1, 2, 3, 4]);
  });
});

describe("close", () => {
  it("refuses waiting and new connections, ends the iterator, and leaves taken connections open", async () => {
    const { listen, receive, answers, sent } = listening();
    const listener = await listen({ port: 80 });
    receive(fromTcp("localhost", 80), fromTcp("localhost", 80));
    const pair = (await next(listener))!;
    const closing = listener.close();
    receive(fromTcp("localhost", 80), SUCCESS);
    await closing;
    expect(answers()).toEqual(["opened", CONNECT_FAILED, ADMINISTRATIVELY_PROHIBITED]);
    const iterator = listener[Symbol.asyncIterator]();
    expect(await Promise.all([iterator.next(), iterator.next()])).toEqual(
      [1, 2].map(() => ({ done: true, value: undefined })),
    );
    await pair.writable.getWriter().write("still open");
    await macrotask();
    expect(sent.at(-1)?.[0]).toBe(SSH_MSG_CHANNEL_DATA.number);
  });

  it("ends pending calls of next", async () => {
    const { listen, receive } = listening();
    const listener = await listen({ port: 80 });
    const waiting = [next(listener), next(listener)];
    void listener.close();
    receive(SUCCESS);
    expect(await Promise.all(waiting)).toEqual([undefined, undefined]);
  });

  it("called twice asks the server once, and both calls wait for its reply", async () => {
    const { listen, receive, sent } = listening();
    const listener = await listen({ port: 80 });
    let closed = 0;
    for (let i = 0; i < 2; i++) void listener.close().then(() => void closed++);
    await macrotask();
    expect([closed, sent.length]).toEqual([0, 2]);
    receive(FAILURE);
    await macrotask();
    expect(closed).toBe(2);
  });

  it("is called by leaving a loop and by `await using`", async () => {
    const { listen, receive, sent } = listening();
    const listener = await listen({ port: 80 }, SUCCESS, fromTcp("localhost", 80));
    const loop = (async () => {
      for await (const pair of listener) {
        await pair.writable.abort();
        break;
      }
    })();
    await macrotask();
    receive(SUCCESS);
    await loop;
    await listener[Symbol.asyncDispose]();
    expect(
      sent.filter((payload) => payload[0] === SSH_MSG_GLOBAL_REQUEST.number).map((payload) => requestOf(payload)[0]),
    ).toEqual(["tcpip-forward", "cancel-tcpip-forward"]);
  });

  it("resolves after two seconds if the server does not reply", async () => {
    const { listen } = listening();
    const listener = await listen({ port: 80 });
    let closed = false;
    void listener.close().then(() => {
      closed = true;
    });
    await vi.advanceTimersByTimeAsync(1999);
    expect(closed).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect([closed, vi.getTimerCount()]).toEqual([true, 0]);
  });
});

describe("the end of the connection", () => {
  it("fails pending and later calls of next, but not close", async () => {
    const { listen, lose, receive } = listening();
    const listener = await listen({ port: 80 });
    const waiting = failure(next(listener));
    lose(LOST);
    expect(await waiting).toBe(LOST);
    expect(await failure(next(listener))).toBe(LOST);
    receive(fromTcp("localhost", 80));
    await listener.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("resolves a close that waits for the server's reply", async () => {
    const { listen, lose } = listening();
    const listener = await listen({ port: 80 });
    const closing = listener.close();
    lose(LOST);
    await closing;
    expect(await next(listener)).toBeUndefined();
  });

  it("ends the iterator without an error if this side closed it", async () => {
    const { listen, lose } = listening();
    const listener = await listen({ port: 80 });
    const waiting = next(listener);
    lose(new SshError("closed", "the connection was closed by this side"));
    expect(await waiting).toBeUndefined();
  });

  it("drops waiting connections", async () => {
    const { listen, lose, answers } = listening();
    const listener = await listen({ port: 80 }, SUCCESS, fromTcp("localhost", 80));
    lose(LOST);
    await macrotask();
    expect(await failure(next(listener))).toBe(LOST);
    expect(answers()).toEqual([]);
  });
});
