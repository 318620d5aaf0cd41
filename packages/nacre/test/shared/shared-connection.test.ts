import { code, failure } from "@nacre/testing/nacre/outcomes";
import { SSH_MSG_CHANNEL_OPEN, SSH_MSG_GLOBAL_REQUEST, SSH_MSG_REQUEST_SUCCESS, utf8Encode, Writer } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { openMaster } from "../../src/shared/master.ts";
import { Client, connectionOf } from "../../src/users/client/client.ts";
import { dial, listen } from "../../src/users/forward/client.ts";
import { exec } from "../../src/users/session/exec.ts";
import { FakeMaster, hello, packet, proxies, serverBehind } from "./support.ts";

interface Shared {
  readonly client: Client;
  readonly master: FakeMaster;
  readonly server: ReturnType<typeof serverBehind>;
}

async function share(opensSession = false): Promise<Shared> {
  const master = new FakeMaster(hello, proxies);
  const server = serverBehind(master);
  const client = new Client(await (await openMaster(master)).share(opensSession));
  return { client, master, server };
}

/** Lets the server accept the open that it has received. Returns its number for the channel. */
function accept({ connection, flush }: Shared["server"]): number {
  const open = connection.nextEvent();
  if (open?.type !== "open-request") throw new Error("no open");
  const id = connection.answerOpen(open.token, true)!;
  flush();
  return id;
}

const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

describe("a connection that a master shares", () => {
  test("runs a command", async () => {
    const { client, master, server } = await share(true);
    const run = exec(client, "echo", { input: "in" });
    const heard: string[] = [];
    let channel = -1;
    while (!heard.includes("eof")) {
      await tick();
      for (let event = server.connection.nextEvent(); event !== undefined; event = server.connection.nextEvent()) {
        if (event.type === "open-request") channel = server.connection.answerOpen(event.token, true)!;
        if (event.type === "channel-request") {
          heard.push(event.requestType);
          server.connection.answerRequest(event.token!, true);
        }
        if (event.type === "data") heard.push(new TextDecoder().decode(event.data));
        if (event.type === "eof") heard.push("eof");
      }
      server.flush();
    }
    expect(heard).toEqual(["exec", "in", "eof"]);
    server.connection.write(channel, utf8Encode("out"));
    server.connection.write(channel, utf8Encode("err"), 1);
    server.connection.request(channel, "exit-status", new Writer().uint32(7).finish(), { wantReply: false });
    server.connection.close(channel);
    server.flush();
    expect(await run).toMatchObject({ stdout: "out", stderr: "err", status: 7 });
    // Each packet is length, padding length 0, message: a master passes padding on to the server.
    expect(master.messages.slice(2).every(([padding]) => padding === 0)).toBe(true);
    await client.close();
    expect(master.isClosed).toBe(true);
    expect((await client.ended).code).toBe("closed");
  });

  test("can be ended: what the master has sent is handled, and nothing more is sent", async () => {
    const { client, master, server } = await share();
    const opening = client.openChannel("session");
    await tick();
    accept(server);
    const channel = await opening;
    const said: unknown[] = [];
    channel.request("x@example.org", new Uint8Array(0), (success) => said.push(success));
    await tick();
    const request = server.connection.nextEvent();
    const ending = client.end();
    const sent = master.messages.length;
    if (request?.type === "channel-request") server.connection.answerRequest(request.token!, true);
    server.flush();
    channel.write(utf8Encode("late"));
    await tick();
    expect(said).toEqual([true]);
    expect(master.messages).toHaveLength(sent);
    master.handler.ended();
    await ending;
    expect(await client.ended).toEqual(code("closed"));
    expect(master.isClosed).toBe(true);
  });

  test("carries data in both directions, within the windows, however the bytes are cut", async () => {
    const { client, master, server } = await share();
    const opening = client.openChannel("direct-tcpip");
    await tick();
    const id = accept(server);
    const channel = await opening;
    const received: number[] = [];
    channel.handler = {
      data: (_, bytes) => {
        received.push(...bytes);
        channel.consumed(bytes.length);
      },
      writable() {},
      eof() {},
      request() {},
      closed() {},
    };
    server.connection.write(id, Uint8Array.of(1, 2, 3));
    server.flush((bytes) => {
      for (const byte of bytes) master.handler.data(Uint8Array.of(byte));
    });
    await tick();
    expect(received).toEqual([1, 2, 3]);
    let sent = 0;
    const block = new Uint8Array(1024 * 1024).fill(5);
    for (let round = 0; round < 100 && sent < 3 * block.length; round++) {
      sent += channel.write(block.subarray(0, Math.min(block.length, 3 * block.length - sent)));
      await tick();
      for (let event = server.connection.nextEvent(); event !== undefined; event = server.connection.nextEvent())
        if (event.type === "data") server.connection.consumed(id, event.data.length);
      server.flush();
      await tick();
    }
    expect(sent).toBe(3 * block.length);
    await client.close();
  });

  test("ends its channels with the master, after all that arrived before", async () => {
    const { client, master, server } = await share();
    const opening = client.openChannel("session");
    await tick();
    const id = accept(server);
    const channel = await opening;
    server.connection.write(id, utf8Encode("last"));
    server.flush();
    master.handler.ended();
    expect((await channel.ended).error).toEqual(code("connection-lost"));
    expect(await failure(client.openChannel("session"))).toEqual(code("connection-lost"));
    expect(master.isClosed).toBe(true);
  });

  test("does without what a master does not carry", async () => {
    const { client } = await share();
    expect(() => client.info).toThrow(expect.objectContaining({ code: "not-supported-here" }));
    client.rekey();
    const dialling = failure(dial(client, { host: "h", port: 1 }));
    await client.close();
    expect(await dialling).toEqual(code("closed"));
  });

  test("master: a global request · client", async () => {
    const { client, master } = await share();
    expect(await failure(listen(client, { port: 0 }))).toEqual(code("not-supported-here"));
    expect(() => connectionOf(client).driver.mux.globalRequest("keepalive@openssh.com", new Uint8Array())).toThrow();
    await tick();
    expect(master.messages).toHaveLength(2);
    await client.close();
  });

  test("master: messages for no channel · client", async () => {
    const opens = { channelType: "x11", senderChannel: 0, initialWindowSize: 1, maximumPacketSize: 1 };
    const nothing = new Uint8Array();
    for (const payload of [
      SSH_MSG_CHANNEL_OPEN.encode({ ...opens, data: nothing }),
      SSH_MSG_GLOBAL_REQUEST.encode({ requestName: "x", wantReply: true, data: nothing }),
      SSH_MSG_REQUEST_SUCCESS.encode({ data: nothing }),
      Uint8Array.of(1),
      Uint8Array.of(101),
      nothing,
    ]) {
      const { client, master } = await share();
      master.handler.data(packet(payload));
      expect(await client.ended).toEqual(code("unexpected-message"));
      // It must not answer: the master would pass that on to the server.
      expect(master.messages).toHaveLength(2);
    }
  });

  test("master: padding · client", async () => {
    const { client, master } = await share();
    master.handler.data(packet(Uint8Array.of(97, 0, 0, 0, 0, 9, 9, 9, 9), 4));
    expect(await client.ended).toEqual(code("packet-padding"));
  });

  test("ends with an error for a channel that is not open", async () => {
    const { client, master } = await share();
    master.handler.data(packet(Uint8Array.of(96, 0, 0, 0, 5)));
    expect(await client.ended).toEqual(code("channel-unknown"));
  });
});
