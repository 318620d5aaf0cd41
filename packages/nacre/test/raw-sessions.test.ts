import * as message from "@nacre/testing/attacks/messages";
import { code, failure, uncaught } from "@nacre/testing/nacre/outcomes";
import { open, served, wire } from "@nacre/testing/nacre/wire";
import {
  exitStatus,
  SSH_MSG_CHANNEL_FAILURE,
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION,
  SSH_MSG_CHANNEL_OPEN_FAILURE,
  SSH_MSG_CHANNEL_SUCCESS,
  utf8Encode,
} from "@nacre/wire";
import {
  type Channel,
  type ChannelRequest,
  type PeerOpen,
  type Permissions,
  type ServeOptions,
  type ServerConnection,
  type Session,
  serve,
} from "nacre";
import { describe, expect, it, test } from "vitest";
import { AttackedServer, nextTurn } from "./support/attacked-server.ts";
import { deaf } from "./support/muxes.ts";

const NONE = new Uint8Array(0);
const PATIENT = { timeout: 20_000 };

/** Accepts an open, and passes each request of the channel to `onRequest`. */
function raw(onRequest: (channel: Channel, request: ChannelRequest) => void): (open: PeerOpen) => void {
  return (one) => {
    const channel = one.accept();
    if (channel === undefined) return;
    channel.handler = { ...deaf, request: (request) => onRequest(channel, request) };
  };
}

/** Grants every request, and answers the one that starts a program with its type. */
function print(channel: Channel, request: ChannelRequest): void {
  channel.reply(request, true);
  if (!["exec", "shell", "subsystem"].includes(request.requestType)) return;
  channel.write(utf8Encode(request.requestType));
  channel.notify("exit-status", exitStatus.encode({ exitStatus: 3 }));
  channel.end();
  channel.close();
}

const printing = raw(print);

describe("a raw session", () => {
  it("runs commands, shells and subsystems, with all of their requests", async () => {
    const seen: unknown[] = [];
    const { client } = await served({
      rawSessions: raw((channel, request) => {
        seen.push([request.requestType, request.data.length, request.token !== undefined]);
        print(channel, request);
      }),
    });
    expect(await client.exec("ls", { env: { LANG: "C" } })).toMatchObject({ stdout: "exec", status: 3 });
    const shell = await client.shell({ pty: { term: "vt100" } });
    expect((await shell.exit).status).toBe(3);
    expect(seen).toEqual([
      ["env", 13, false],
      ["exec", 6, true],
      ["pty-req", 30, true],
      ["shell", 0, true],
    ]);
    await client.close();
  });

  it("gets requests that Nacre does not know or would refuse", async () => {
    const types: string[] = [];
    const { client } = await served({
      rawSessions: raw((channel, request) => {
        types.push(request.requestType);
        channel.reply(request, request.requestType !== "x11-req");
      }),
    });
    const channel = await client.openChannel("session");
    await channel.request("own@example.org", NONE);
    await channel.request("exit-status", Uint8Array.of(1));
    await channel.request("pty-req", NONE);
    expect(await failure(channel.request("x11-req", NONE))).toEqual(code("channel-request-failed"));
    channel.notify("signal", NONE);
    await channel.request("auth-agent-req@openssh.com", NONE);
    expect(types).toEqual([
      "own@example.org",
      "exit-status",
      "pty-req",
      "x11-req",
      "signal",
      "auth-agent-req@openssh.com",
    ]);
    await client.close();
  });

  it("sends replies in the order of the requests, whatever the order of the decisions", async () => {
    const requests: ChannelRequest[] = [];
    const replies: string[] = [];
    const { client } = await served(
      {
        rawSessions: raw((channel, request) => {
          requests.push(request);
          if (requests.length < 4) return;
          for (const one of requests.toReversed()) channel.reply(one, one.requestType !== "refused@example.org");
        }),
      },
      {
        trace: (record) => {
          if (
            record.type === "packet" &&
            record.direction === "received" &&
            /CHANNEL_(?:SUCC|FAIL)/.test(record.message)
          )
            replies.push(record.message);
        },
      },
    );
    const channel = await client.openChannel("session");
    const names = ["first", "refused", "third", "last"];
    await Promise.allSettled(names.map((name) => channel.request(`${name}@example.org`, NONE)));
    const [success, failed] = [SSH_MSG_CHANNEL_SUCCESS.name, SSH_MSG_CHANNEL_FAILURE.name];
    expect(replies).toEqual([success, failed, success, success]);
    await client.close();
  });

  it("can be decided later, and refused with a reason", async () => {
    const users: (string | undefined)[] = [];
    const opens: PeerOpen[] = [];
    const { client, connection } = await served({
      rawSessions: (one, { user }) => {
        users.push(user);
        opens.push(one);
        setTimeout(() => (opens.length === 1 ? one.reject(2, "not today") : printing(one)));
      },
    });
    expect(await failure(client.openChannel("session", undefined, { queue: false }))).toMatchObject({
      code: "channel-open-failed",
      message: expect.stringContaining("not today"),
    });
    expect(await client.exec("x")).toMatchObject({ stdout: "exec", status: 3 });
    expect(users).toEqual(["alice", "alice"]);
    expect(opens.map(({ channelType, answered }) => [channelType, answered])).toEqual([
      ["session", true],
      ["session", true],
    ]);
    for (const one of opens) expect(() => one.accept()).toThrow(expect.objectContaining({ code: "usage" }));
    expect(connection.sessionCount).toBe(0);
    await client.close();
  });

  it("is refused if the handler throws, and the connection continues", async () => {
    const heard = uncaught();
    let count = 0;
    const { client } = await served({
      rawSessions: (one) => {
        if (count++ === 0) throw new Error("application");
        printing(one);
      },
    });
    expect(await failure(client.openChannel("session", undefined, { queue: false }))).toEqual(
      code("channel-open-failed"),
    );
    expect(heard.map(String)).toEqual(["Error: application"]);
    expect((await client.exec("x")).status).toBe(3);
    await client.close();
  });

  it("counts for `maxSessions` until its channel has closed", async () => {
    const { client, connection } = await served({ rawSessions: raw(() => {}), limits: { maxSessions: 2 } });
    const refused = (): Promise<unknown> => failure(client.openChannel("session", undefined, { queue: false }));
    const first = await client.openChannel("session");
    await client.openChannel("session");
    expect(connection.sessionCount).toBe(2);
    expect(await refused()).toEqual(code("channel-open-failed"));
    first.close();
    await first.ended;
    await expect.poll(() => connection.sessionCount, PATIENT).toBe(1);
    await client.openChannel("session");
    expect(await refused()).toEqual(code("channel-open-failed"));
    await client.close();
  });

  it("gets the grace time to end", async () => {
    const channels: Channel[] = [];
    const { client, connection } = await served({
      rawSessions: (one) => {
        channels.push(one.accept()!);
        channels.at(-1)!.handler = deaf;
      },
    });
    const channel = await client.openChannel("session");
    const closing = connection.close({ grace: Infinity });
    expect(await failure(client.openChannel("session", undefined, { queue: false }))).toEqual(
      code("channel-open-failed"),
    );
    channels[0]!.close();
    await closing;
    expect(await channel.ended).toMatchObject({ broken: false });
    expect(await connection.ended).toEqual(code("closed"));
  });

  it("keeps forwards, channels and requests of other kinds as they are", async () => {
    const { client } = await served({ rawSessions: printing, channels: { "test@example.org": (one) => one.accept() } });
    expect(await failure(client.openChannel("test@example.org"))).toEqual(code("channel-open-failed"));
    expect(await failure(client.dial({ host: "localhost", port: 1 }))).toEqual(code("forward-denied"));
    await client.close();
  });
});

describe("the option `rawSessions`", () => {
  it.each<[string, Partial<ServeOptions<Session>>]>([
    ["session", { session: () => 0 }],
    ["subsystems", { subsystems: {} }],
    ["forcedCommands", { forcedCommands: {} }],
    ["acceptPty", { acceptPty: true }],
    ["acceptEnv", { acceptEnv: () => true }],
    ["acceptAgent", { acceptAgent: true }],
    ["sessionRequests", { sessionRequests: {} }],
  ])("is `usage` beside `%s`, which would do nothing", (name, options) => {
    const { far } = wire();
    expect(() => serve(far, { ...open, rawSessions: printing, ...options })).toThrow(
      expect.objectContaining({ code: "usage", message: expect.stringContaining(`\`${name}\``) }),
    );
  });

  it("is `usage` beside a handler for sessions in `channels`", () => {
    const { far } = wire();
    const channels = { session: printing };
    expect(() => serve(far, { ...open, rawSessions: printing, channels })).toThrow(
      expect.objectContaining({ code: "usage" }),
    );
  });
});

// The names of the following tests are in packages/testing/src/attacks/rows/connection.ts.

/** A server that passes sessions to the application, and a client that has logged in. */
function attacked(
  rawSessions: (one: PeerOpen, connection: ServerConnection) => void,
  permissions: Permissions = {},
  change: Partial<ServeOptions<Session>> = {},
): AttackedServer {
  const withoutOthers = { session: undefined, acceptPty: undefined };
  const server = new AttackedServer(
    { "alice publickey": { permissions } },
    { ...withoutOthers, rawSessions, ...change },
  );
  return server.byKey("alice");
}

test("raw sessions: 10,000 requests without an answer · server", async () => {
  for (const wantReply of [true, false]) {
    let count = 0;
    const server = attacked(raw(() => count++));
    server.peer.send(message.channelOpen("session", 1000));
    for (let i = 0; i < 10_000 && server.ended === undefined; i++) {
      server.peer.send(message.channelRequest(0, "own@example.org", wantReply));
      // A turn of the server handles at most 256 messages.
      if (i % 100 === 0) await nextTurn();
    }
    await expect
      .poll(() => (wantReply ? server.ended?.code : count), PATIENT)
      .toBe(wantReply ? "request-limit" : 10_000);
    // Those without a reply cost no memory: the application has had each at once.
    if (wantReply) expect(count).toBe(128);
    else expect(server.ended).toBeUndefined();
  }
});

test("raw sessions: a request before the channel is confirmed · server", async () => {
  const opens: PeerOpen[] = [];
  const seen: string[] = [];
  const server = attacked((one) => opens.push(one));
  server.peer.send(message.channelOpen("session", 1000));
  expect(opens).toHaveLength(1);
  server.peer.send(message.channelRequest(0, "exec", true));
  await nextTurn();
  // The connection has ended, so the answer of the application comes too late.
  expect(server.ended?.code).toBe("channel-unknown");
  raw((_, { requestType }) => seen.push(requestType))(opens[0]!);
  await nextTurn();
  server.peer.take();
  expect(seen).toEqual([]);
  expect(server.peer.numbers).not.toContain(SSH_MSG_CHANNEL_OPEN_CONFIRMATION.number);
});

test("raw sessions: opens that wait for a decision · server", async () => {
  const opens: PeerOpen[] = [];
  const server = attacked((one) => opens.push(one), {}, { limits: { maxSessions: 3 } });
  const sendOpens = (): void => {
    for (let i = 0; i < 100; i++) server.peer.send(message.channelOpen("session", 1000 + i));
  };
  const outcome = async (): Promise<readonly number[]> => {
    await nextTurn();
    const { numbers } = server.peer.take();
    return [opens.length, numbers.filter((one) => one === SSH_MSG_CHANNEL_OPEN_FAILURE.number).length];
  };
  sendOpens();
  await expect.poll(outcome, PATIENT).toEqual([3, 97]);
  // A refused one makes room for exactly one, and an accepted one for none.
  opens[0]!.reject(1, "no");
  opens[1]!.accept();
  sendOpens();
  await expect.poll(outcome, PATIENT).toEqual([4, 98 + 99]);
});

test("raw sessions: a login whose permissions restrict its sessions · server", () => {
  for (const permissions of [{ command: "only this" }, { pty: false }, { environment: { ROLE: "guest" } }]) {
    const opens: PeerOpen[] = [];
    const server = attacked((one) => opens.push(one), permissions);
    server.peer.send(message.channelOpen("session", 1000));
    expect([server.user, opens, server.refused]).toEqual(["alice", [], ["session"]]);
    expect(server.peer.numbers.at(-1)).toBe(SSH_MSG_CHANNEL_OPEN_FAILURE.number);
  }
});

describe("the option `noMoreSessions`", () => {
  it.each([true, false])(
    "answers the client's request, and leaves the refusal to the application: %s",
    async (success) => {
      const { client, connection } = await served({ rawSessions: printing, noMoreSessions: () => success });
      const reply = new Promise((resolve) => client.globalRequest("no-more-sessions@openssh.com", NONE, resolve));
      expect(await reply).toMatchObject({ success });
      expect(await client.exec("ls")).toMatchObject({ stdout: "exec" });
      await client.close();
      await connection.ended;
    },
  );
});
