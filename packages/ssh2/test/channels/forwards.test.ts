import { Duplex, PassThrough } from "node:stream";
import { forwardedStreamlocal, tcpipChannel, tcpipForward, tcpipForwardReply, Writer, x11Request } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import type { Channel } from "../../src/channel/channel.ts";
import * as forwards from "../../src/client/forwards.ts";
import { noMoreSessions } from "../../src/client/global-requests.ts";
import { exec, shell } from "../../src/client/sessions.ts";
import { connectionBegins, connectionClosed, connectionReady, MUX } from "../../src/connection.ts";
import { FakeClient, Log, Script, server, told, turn } from "./support.ts";

const reserved = new Uint8Array(0);

const fromAddress = (address: string, port: number): Uint8Array =>
  server.open("forwarded-tcpip", 50, {
    data: tcpipChannel.encode({ address, port, originatorAddress: "192.0.2.1", originatorPort: 9 }),
  });
const fromPath = (path: string): Uint8Array =>
  server.open("forwarded-streamlocal@openssh.com", 50, { data: forwardedStreamlocal.encode({ path, reserved }) });
const fromDisplay = (): Uint8Array =>
  server.open("x11", 50, { data: new Writer().string("192.0.2.1").uint32(9).finish() });

/** Returns what the client answered the server's open with. */
async function answer(script: Script): Promise<unknown[]> {
  return (await script.sent()).map(({ message, reasonCode, description }) => [message, reasonCode, description]);
}

const PROHIBITED = [["refusal", 1, ""]];
const FAILED = [["refusal", 2, ""]];

describe("a forwarded port", () => {
  it("takes connections that follow the server's reply in the same packet", async () => {
    const script = await Script.begin();
    const log = new Log();
    script.client.on("tcp connection", (info: object, accept: () => Channel) => {
      log.add("connection", info);
      accept().on("data", (data: Buffer) => log.add("data", data.toString()));
    });
    forwards.forwardIn(script.client, "127.0.0.1", 0, (error, port) => log.add("forwardIn", told(error), port));
    expect(tcpipForward.decode((await script.sent())[0]?.["data"] as Uint8Array)).toEqual({
      address: "127.0.0.1",
      port: 0,
    });
    await script.receive(server.granted(tcpipForwardReply.encode({ port: 81 })), fromAddress("127.0.0.1", 81));
    expect(log.events).toEqual([
      ["forwardIn", undefined, 81],
      ["connection", { destIP: "127.0.0.1", destPort: 81, srcIP: "192.0.2.1", srcPort: 9 }],
    ]);
    expect(script.client._forwarding).toEqual({ "127.0.0.1:81": 81 });
    await script.receive(server.data(0, "hello"));
    expect(log.events.at(-1)).toEqual(["data", "hello"]);
  });

  it("of OpenSSH 5 takes connections that name port 0", async () => {
    const script = await Script.begin();
    const log = new Log();
    script.client._remoteVer = "OpenSSH_5.9";
    script.client.on("tcp connection", (info: object) => log.add(info));
    forwards.forwardIn(script.client, "", 0, () => {});
    await script.receive(server.granted(tcpipForwardReply.encode({ port: 81 })), fromAddress("", 0));
    expect(log.events).toEqual([[{ destIP: "", destPort: 81, srcIP: "192.0.2.1", srcPort: 9 }]]);
  });

  it.each(["__proto__", "constructor", "127.0.0.2"])("refuses connections to %s without an event", async (address) => {
    const script = await Script.begin();
    let events = 0;
    script.client.on("tcp connection", () => events++);
    script.client.on("unix connection", () => events++);
    forwards.forwardIn(script.client, "127.0.0.1", 80, () => {});
    forwards.forwardInPath(script.client, "/path", () => {});
    await script.receive(server.granted(), server.granted());
    await script.sent();
    await script.receive(fromAddress(address, 80));
    expect(await answer(script)).toEqual(PROHIBITED);
    await script.receive(fromPath(address));
    expect(await answer(script)).toEqual(PROHIBITED);
    expect(events).toBe(0);
  });

  it("refuses connections before the reply, and after a refusal", async () => {
    const script = await Script.begin();
    script.client.on("tcp connection", () => expect.unreachable());
    forwards.forwardIn(script.client, "127.0.0.1", 80, () => {});
    await script.sent();
    await script.receive(fromAddress("127.0.0.1", 80));
    expect(await answer(script)).toEqual(PROHIBITED);
    await script.receive(server.denied(), fromAddress("127.0.0.1", 80));
    expect(await answer(script)).toEqual(PROHIBITED);
  });

  it("refuses a connection that nobody listens for, and one whose listener throws", async () => {
    const script = await Script.begin();
    forwards.forwardIn(script.client, "127.0.0.1", 80, () => {});
    await script.receive(server.granted());
    await script.sent();
    await script.receive(fromAddress("127.0.0.1", 80));
    expect(await answer(script)).toEqual(FAILED);
    script.client.on("tcp connection", () => {
      throw new Error("listener");
    });
    await script.receive(fromAddress("127.0.0.1", 80));
    expect(await answer(script)).toEqual(FAILED);
    expect(script.thrown.map(told)).toEqual(["listener"]);
  });

  it("gives the same channel for each accept(), and ignores a late reject()", async () => {
    const script = await Script.begin();
    const channels: Channel[] = [];
    script.client.on("tcp connection", (_info, accept: () => Channel, reject: () => void) => {
      channels.push(accept(), accept());
      reject();
    });
    forwards.forwardIn(script.client, "127.0.0.1", 80, () => {});
    await script.receive(server.granted());
    await script.sent();
    await script.receive(fromAddress("127.0.0.1", 80));
    expect(channels[0]).toBe(channels[1]);
    expect(await answer(script)).toEqual([["confirmation", undefined, undefined]]);
  });

  it.each(["reject", "lose"])("gives a channel that ends if accept() comes after %s", async (before) => {
    const script = await Script.begin();
    const log = new Log();
    let open: { accept: () => Channel; reject: () => void } | undefined;
    script.client.on("tcp connection", (_info, accept: () => Channel, reject: () => void) => {
      open = { accept, reject };
    });
    forwards.forwardIn(script.client, "127.0.0.1", 80, () => {});
    await script.receive(server.granted());
    await script.receive(fromAddress("127.0.0.1", 80));
    if (before === "reject") open?.reject();
    else await script.lose();
    const channel = open!.accept();
    log.watch("channel", channel, "end", "close", "error");
    channel.write("dropped", (error) => log.add("written", told(error) ?? undefined));
    channel.resume();
    await turn();
    expect(log.names).toEqual(expect.arrayContaining(["written", "channel end", "channel close"]));
    expect(log.names).not.toContain("channel error");
  });

  it.each([
    ["forwardIn", forwards.forwardIn],
    ["unforwardIn", forwards.unforwardIn],
  ] as const)('fails a pending %s after "close"', async (_, method) => {
    const script = await Script.begin();
    const log = new Log();
    script.client.on("close", () => log.add("close"));
    method(script.client, "127.0.0.1", 80, (error?: Error) => log.add(told(error)));
    await turn();
    await script.lose();
    expect(log.events).toEqual([["close"], ["No response from server"]]);
  });
});

describe("X11", () => {
  it("is accepted while a session with it is open", async () => {
    const script = await Script.begin();
    const log = new Log();
    script.client.on("x11", (info: object, accept: () => Channel) => {
      log.add("x11", info);
      accept();
    });
    let session: Channel | undefined;
    shell(script.client, false, { x11: { cookie: "abcd", screen: 1 } }, (_error, channel) => {
      session = channel;
    });
    await script.receive(server.confirm(0));
    const [, request] = await script.sent();
    expect(x11Request.decode(request?.["data"] as Uint8Array)).toEqual({
      singleConnection: false,
      authenticationProtocol: "MIT-MAGIC-COOKIE-1",
      authenticationCookie: "abcd",
      screenNumber: 1,
    });
    await script.receive(fromDisplay());
    expect(await answer(script)).toEqual(PROHIBITED);
    await script.receive(server.success(0), server.success(0));
    await script.sent();
    await script.receive(fromDisplay());
    expect(await answer(script)).toEqual([["confirmation", undefined, undefined]]);
    expect(log.events).toEqual([["x11", { srcIP: "192.0.2.1", srcPort: 9 }]]);
    session?.resume();
    await script.receive(server.close(0));
    await script.sent();
    await script.receive(fromDisplay());
    expect(await answer(script)).toEqual(PROHIBITED);
  });

  it("is refused once this side has closed the session", async () => {
    const script = await Script.begin();
    script.client.on("x11", () => expect.unreachable());
    exec(script.client, "a", { x11: true }, () => {});
    await script.receive(server.confirm(0));
    await script.receive(server.success(0), server.failure(0));
    expect((await script.sent()).map(({ message }) => message)).toContain("close");
    await script.receive(fromDisplay());
    expect(await answer(script)).toEqual(PROHIBITED);
  });

  it("has another random cookie for each session", async () => {
    const script = await Script.begin();
    const cookies: string[] = [];
    for (const id of [0, 1]) {
      exec(script.client, "a", { x11: true }, () => {});
      await script.receive(server.confirm(id));
      const sent = (await script.sent()).find(({ requestType }) => requestType === "x11-req");
      cookies.push(x11Request.decode(sent?.["data"] as Uint8Array).authenticationCookie);
    }
    expect(cookies[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(cookies[0]).not.toBe(cookies[1]);
  });
});

const fromAgent = (): Uint8Array => server.open("auth-agent@openssh.com", 50);

describe("agent forwarding", () => {
  it("joins the server's connections to the agent", async () => {
    const script = await Script.begin();
    const agent = new PassThrough();
    script.client._agent = { getStream: (callback) => setImmediate(callback, undefined, agent) };
    exec(script.client, "a", { agentForward: true }, () => {});
    await script.receive(server.confirm(0));
    await script.receive(server.success(0));
    await script.sent();
    await script.receive(fromAgent(), server.data(0, ""));
    expect(await answer(script)).toEqual([["confirmation", undefined, undefined]]);
    await script.receive(server.data(1, "question"));
    const [echoed] = await script.sent();
    expect(Buffer.from(echoed?.["data"] as Uint8Array).toString()).toBe("question");
    await script.receive(server.eof(1));
    expect((await script.sent()).map(({ message }) => message)).toEqual(["eof", "close"]);
    expect(agent.destroyed).toBe(true);
  });

  it.each([
    ["without a stream", { getStream: undefined }, PROHIBITED],
    ["that cannot be reached", { getStream: (done: (error: Error) => void) => done(new Error("no agent")) }, FAILED],
  ])("refuses connections to an agent %s", async (_, agent, refusal) => {
    const script = await Script.begin();
    script.client._agent = agent;
    exec(script.client, "a", { agentForward: true }, () => {});
    await script.receive(server.confirm(0));
    await script.receive(server.success(0));
    await script.sent();
    await script.receive(fromAgent());
    expect(await answer(script)).toEqual(refusal);
  });

  it("refuses connections before the server has granted it, and after it has refused", async () => {
    const script = await Script.begin();
    script.client._agent = { getStream: () => expect.unreachable() };
    exec(script.client, "a", { agentForward: true }, () => {});
    await script.receive(server.confirm(0));
    await script.sent();
    await script.receive(fromAgent());
    expect(await answer(script)).toEqual(PROHIBITED);
    await script.receive(server.failure(0));
    await script.sent();
    await script.receive(fromAgent());
    expect(await answer(script)).toEqual(PROHIBITED);
  });

  it("closes the agent's stream with the channel, even if the agent reads nothing", async () => {
    const script = await Script.begin();
    const agents = [0, 1].map(() => new Duplex({ read() {}, write() {} }));
    script.client._agent = {
      getStream: (callback) =>
        callback(
          undefined,
          agents.find((one) => !one.destroyed),
        ),
    };
    exec(script.client, "a", { agentForward: true }, () => {});
    await script.receive(server.confirm(0));
    await script.receive(server.success(0));
    await script.receive(fromAgent());
    for (let i = 0; i < 5; i++) await script.receive(server.data(1, Buffer.alloc(30_000)));
    await script.receive(server.close(1));
    expect(agents.map(({ destroyed }) => destroyed)).toEqual([true, false]);
    await script.receive(fromAgent());
    await script.lose();
    expect(agents.map(({ destroyed }) => destroyed)).toEqual([true, true]);
  });

  it("closes the connection if the agent fails", async () => {
    const script = await Script.begin();
    const agent = new PassThrough();
    script.client._agent = { getStream: (callback) => callback(undefined, agent) };
    exec(script.client, "a", { agentForward: true }, () => {});
    await script.receive(server.confirm(0));
    await script.receive(server.success(0));
    await script.receive(fromAgent());
    await script.sent();
    agent.destroy(new Error("agent"));
    expect((await script.sent()).map(({ message }) => message)).toContain("close");
  });

  it("refuses connections that were not requested", async () => {
    const script = await Script.begin();
    script.client._agent = { getStream: () => expect.unreachable() };
    await script.receive(fromAgent());
    expect((await answer(script))[0]).toEqual(["refusal", 1, expect.any(String)]);
  });
});

/** A client that is logging in, and channels for it to use after the login. */
async function waiting(): Promise<{ script: Script; client: FakeClient; log: Log }> {
  const script = await Script.begin();
  const client = new FakeClient();
  client._sock = script.client._sock;
  connectionBegins(client);
  const log = new Log();
  exec(client, "a", {}, (error) => log.add("exec", told(error)));
  forwards.forwardOut(client, "a", 1, "b", 2, (error) => log.add("forwardOut", told(error)));
  noMoreSessions(client, (error) => log.add("noMoreSessions", told(error)));
  await turn();
  expect(log.events).toEqual([]);
  return { script, client, log };
}

describe("calls before the login is over", () => {
  it("are made when it is", async () => {
    const { script, client, log } = await waiting();
    client[MUX] = script.client[MUX];
    connectionReady(client);
    expect((await script.sent()).map(({ message }) => message)).toEqual(["open", "open", "global"]);
    await script.receive(server.refuse(0), server.refuse(1), server.granted());
    expect(log.names).toEqual(["exec", "forwardOut", "noMoreSessions"]);
  });

  it("fail once if it fails", async () => {
    const { script, client, log } = await waiting();
    connectionClosed(client);
    connectionClosed(client);
    expect(log.events).toEqual([
      ["exec", "No response from server"],
      ["forwardOut", "No response from server"],
      ["noMoreSessions", "No response from server"],
    ]);
    expect(await script.sent()).toEqual([]);
  });

  it("throw without connect()", () => {
    const client = new FakeClient();
    expect(() => forwards.forwardOut(client, "a", 1, "b", 2)).toThrow("Not connected");
    expect(() => forwards.forwardInPath(client, "a")).toThrow("Not connected");
  });
});
