import { connected } from "@nacre/testing/nacre/host";
import { settle } from "@nacre/testing/nacre/network";
import { code, failure, uncaught } from "@nacre/testing/nacre/outcomes";
import {
  execRequest,
  exitStatus,
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
import type { Channel } from "nacre";
import { describe, expect, it } from "vitest";
import { Client, type ClientMux, type LoggedIn } from "../src/users/client/client.ts";
import { deaf, type LooseMux, looseMux, unopened } from "./support/muxes.ts";

const NOTHING = new Uint8Array(0);
const LOST = new SshError("connection-lost", "gone");
const COMMAND = execRequest.encode({ command: utf8Encode("x") });

const confirmed = SSH_MSG_CHANNEL_OPEN_CONFIRMATION.encode({
  recipientChannel: 0,
  senderChannel: 7,
  initialWindowSize: 100,
  maximumPacketSize: 100,
  data: NOTHING,
});
const granted = SSH_MSG_CHANNEL_SUCCESS.encode({ recipientChannel: 0 });
const refused = SSH_MSG_CHANNEL_FAILURE.encode({ recipientChannel: 0 });
const printed = SSH_MSG_CHANNEL_DATA.encode({ recipientChannel: 0, data: utf8Encode("x") });
const exited = SSH_MSG_CHANNEL_REQUEST.encode({
  recipientChannel: 0,
  requestType: "exit-status",
  wantReply: false,
  data: exitStatus.encode({ exitStatus: 0 }),
});
const eof = SSH_MSG_CHANNEL_EOF.encode({ recipientChannel: 0 });
const closed = SSH_MSG_CHANNEL_CLOSE.encode({ recipientChannel: 0 });

/** Makes a mux with channel 0 open. */
function opened(): LooseMux & { readonly channel: Channel } {
  const loose = looseMux();
  let channel: Channel | undefined;
  loose.mux.open("session", undefined, { ...unopened, opened: (one) => (channel = one) });
  loose.receive(confirmed);
  return { ...loose, channel: channel! };
}

/** Records the events of a channel from now on. */
function record(channel: Channel, said: unknown[]): void {
  channel.handler = {
    data: (_, bytes) => void said.push(`data ${bytes.length}`),
    writable: () => void said.push("writable"),
    eof: () => void said.push("eof"),
    request: (request) => void said.push(request.requestType),
    closed: () => void said.push("closed"),
  };
}

describe("the callback of a channel request", () => {
  it("is called before the output, the status and the CLOSE that come with the reply", () => {
    const { channel, receive } = opened();
    const said: unknown[] = [];
    channel.request("exec", COMMAND, (success) => {
      said.push(success);
      record(channel, said);
    });
    receive(granted, printed, exited, eof, closed);
    expect(said).toEqual([true, "data 1", "exit-status", "eof", "closed"]);
  });

  it("is called so also by a server and its client over a connection", async () => {
    const { client } = await connected();
    const channel = await client.openChannel("session");
    const said: unknown[] = [];
    channel.request("exec", COMMAND, (success) => {
      said.push(success);
      record(channel, said);
    });
    await channel.ended;
    expect(said).toEqual([true, "data 6", "exit-status", "eof", "closed"]);
    await client.close();
  });

  it("gets false for a refusal, and for a channel that ends without a reply, before its end", () => {
    const said: unknown[] = [];
    const one = opened();
    record(one.channel, said);
    one.channel.request("exec", COMMAND, (success) => said.push(success));
    one.receive(refused);
    expect(said.splice(0)).toEqual([false]);

    one.channel.request("exec", COMMAND, (success) => said.push(success));
    one.receive(closed);
    expect(said.splice(0)).toEqual([false, "closed"]);
    expect(() => one.channel.request("exec", COMMAND, () => {})).toThrow(code("channel-closed"));

    const other = opened();
    record(other.channel, said);
    other.channel.request("exec", COMMAND, (success) => said.push(success));
    other.lose(LOST);
    expect(said).toEqual([false, "closed"]);
    expect(() => other.channel.request("exec", COMMAND, () => {})).toThrow(code("connection-lost"));
  });

  it("may throw: the other callbacks are called, and the connection goes on", async () => {
    const heard = uncaught();
    const { channel, receive, ends } = opened();
    const said: unknown[] = [];
    record(channel, said);
    for (const name of ["one", "two", "three", "four"])
      channel.request(name, NOTHING, () => {
        said.push(name);
        throw new Error(name);
      });
    receive(granted, refused);
    receive(closed);
    await settle();
    expect(said).toEqual(["one", "two", "three", "four", "closed"]);
    expect(heard.map(String)).toEqual(["Error: one", "Error: two", "Error: three", "Error: four"]);
    expect(ends).toEqual([]);
  });

  it("of `start` is called when input may flow, in the turn of the reply", () => {
    const { channel, receive, sent } = opened();
    const said: unknown[] = [];
    record(channel, said);
    // The peer has not identified itself, so input waits for the reply.
    channel.start("exec", COMMAND, (success) => said.push(success, channel.write(utf8Encode("input"))));
    expect(channel.write(utf8Encode("input"))).toBe(0);
    const before = sent.length;
    receive(granted, closed);
    expect(said).toEqual(["writable", true, 5, "closed"]);
    expect(sent[before]?.[0]).toBe(SSH_MSG_CHANNEL_DATA.number);
  });

  it("of a refused `start` lets no input flow", () => {
    const { channel, receive } = opened();
    const said: unknown[] = [];
    record(channel, said);
    channel.start("exec", COMMAND, (success) => said.push(success));
    receive(refused);
    expect(said).toEqual([false]);
    expect(channel.write(utf8Encode("input"))).toBe(0);
  });
});

const asks = (requestName: string): Uint8Array =>
  SSH_MSG_GLOBAL_REQUEST.encode({ requestName, wantReply: true, data: Uint8Array.of(3) });
const opens = (channelType: string): Uint8Array =>
  SSH_MSG_CHANNEL_OPEN.encode({
    channelType,
    senderChannel: 7,
    initialWindowSize: 100,
    maximumPacketSize: 100,
    data: NOTHING,
  });

const failing = (): void => {
  throw new Error("application");
};

/** Returns a client over a mux. */
function clientOver(mux: Partial<ClientMux>): Client {
  return new Client({ driver: { mux, ended: new Promise(() => {}) } } as unknown as LoggedIn);
}

describe("a global request of a client", () => {
  it("calls back with the reply, before the events that follow it", () => {
    const { mux, receive, sent } = looseMux();
    const client = clientOver(mux);
    const said: unknown[] = [];
    client.globalRequest("tcpip-forward", Uint8Array.of(1), (reply) => {
      said.push(reply);
      client.accept("news@example.org", (open) => void said.push(open.channelType));
    });
    expect(SSH_MSG_GLOBAL_REQUEST.decode(sent[0]!)).toEqual({
      requestName: "tcpip-forward",
      wantReply: true,
      data: Uint8Array.of(1),
    });
    receive(SSH_MSG_REQUEST_SUCCESS.encode({ data: Uint8Array.of(2) }), opens("news@example.org"));
    expect(said).toEqual([{ success: true, data: Uint8Array.of(2) }, "news@example.org"]);
  });

  it("wants no reply without a callback", () => {
    const { mux, sent } = looseMux();
    clientOver(mux).globalRequest("no-more-sessions@openssh.com", NOTHING);
    expect(SSH_MSG_GLOBAL_REQUEST.decode(sent[0]!)).toMatchObject({ wantReply: false });
  });

  it("gets the error that ended the connection, and later ones throw it", () => {
    const { mux, lose } = looseMux();
    const client = clientOver(mux);
    const said: unknown[] = [];
    client.globalRequest("a@example.org", NOTHING, (reply) => said.push(reply));
    lose(LOST);
    expect(said).toEqual([{ success: false, error: LOST }]);
    expect(() => client.globalRequest("a@example.org", NOTHING)).toThrow(code("connection-lost"));
  });

  it("goes on if the callback throws", async () => {
    const heard = uncaught();
    const { mux, receive, ends } = looseMux();
    clientOver(mux).globalRequest("a@example.org", NOTHING, failing);
    receive(SSH_MSG_REQUEST_FAILURE.encode({}));
    await settle();
    expect(heard.map(String)).toEqual(["Error: application"]);
    expect(ends).toEqual([]);
  });

  it("throws usage for a wrong name, data or callback, and sends nothing", () => {
    const { mux, sent } = looseMux();
    const client = clientOver(mux);
    for (const name of ["", "two words", "x".repeat(65), 7])
      expect(() => client.globalRequest(name as string, NOTHING)).toThrow(code("usage"));
    expect(() => client.globalRequest("a@example.org", "text" as never)).toThrow(code("usage"));
    expect(() => client.globalRequest("a@example.org", NOTHING, {} as never)).toThrow(code("usage"));
    expect(sent).toEqual([]);
  });
});

describe("handlers of a connected client", () => {
  it("answer global requests of their name, now or later, and no others", () => {
    const { mux, receive, sent } = looseMux();
    const said: unknown[] = [];
    clientOver(mux).onGlobalRequest("a@example.org", (request) => {
      said.push([request.name, request.data]);
      request.reply(true, Uint8Array.of(4));
    });
    receive(asks("a@example.org"), asks("b@example.org"));
    expect(said).toEqual([["a@example.org", Uint8Array.of(3)]]);
    expect(sent).toEqual([
      SSH_MSG_REQUEST_SUCCESS.encode({ data: Uint8Array.of(4) }),
      SSH_MSG_REQUEST_FAILURE.encode({}),
    ]);
  });

  it("that throw refuse, and the connection goes on", async () => {
    const heard = uncaught();
    const { mux, receive, sent, ends } = looseMux();
    const client = clientOver(mux);
    client.onGlobalRequest("a@example.org", failing);
    client.accept("a@example.org", failing);
    receive(asks("a@example.org"), opens("a@example.org"));
    await settle();
    expect(sent.map((payload) => payload[0])).toEqual([
      SSH_MSG_REQUEST_FAILURE.number,
      SSH_MSG_CHANNEL_OPEN_FAILURE.number,
    ]);
    expect(heard).toHaveLength(2);
    expect(ends).toEqual([]);
  });

  it("are `usage` for an invalid name, one that has a handler, and one that Nacre handles itself", () => {
    const { mux } = looseMux();
    const client = clientOver(mux);
    client.accept("a@example.org", () => {});
    client.onGlobalRequest("a@example.org", () => {});
    expect(() => client.accept("a@example.org", () => {})).toThrow("has a handler on this connection already");
    expect(() => client.onGlobalRequest("a@example.org", () => {})).toThrow(code("usage"));
    for (const name of ["session", "forwarded-tcpip", "forwarded-streamlocal@openssh.com"])
      expect(() => client.accept(name, () => {})).toThrow("is handled by Nacre itself");
    expect(() => client.accept("two words", () => {})).toThrow(code("usage"));
    expect(() => client.accept("b@example.org", {} as never)).toThrow(code("usage"));
    expect(() => client.onGlobalRequest("b@example.org", undefined as never)).toThrow(code("usage"));
  });

  it("do not take over from the option `channels`", async () => {
    const { client } = await connected({}, { channels: { "a@example.org": () => {} } });
    expect(() => client.accept("a@example.org", () => {})).toThrow(code("usage"));
    await client.close();
  });
});

it("a request as a promise rejects as the reply says", async () => {
  const { channel, receive } = opened();
  const [one, two] = [channel.request("one", NOTHING), failure(channel.request("two", NOTHING))];
  receive(granted, refused);
  await one;
  expect(await two).toEqual(code("channel-request-failed"));
  const three = failure(channel.request("three", NOTHING));
  const reason = new SshError("aborted", "enough");
  channel.close(reason);
  channel.handler = deaf;
  receive(closed);
  expect(await three).toEqual(code("channel-request-failed"));
  expect(await channel.ended).toMatchObject({ error: reason });
});
