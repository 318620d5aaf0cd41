import type { Writable } from "node:stream";
import { exitStatus, tcpipChannel } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import { Channel } from "../../src/channel/channel.ts";
import { open } from "../../src/channel/open-channel.ts";
import { channelsOf, protocolOf } from "../../src/channel/private.ts";
import { forwardIn } from "../../src/client/forwards.ts";
import { exec } from "../../src/client/sessions.ts";
import { MUX } from "../../src/connection.ts";
import { Script, server, turn } from "./support.ts";

const WINDOW = 2 * 2 ** 20;
const PACKET = 32 * 1024;

/** Returns a command's channel whose server grants a window of `initialWindowSize` bytes. */
async function started(script: Script, initialWindowSize: number = 2 ** 20, allowHalfOpen = true): Promise<Channel> {
  let opened: Channel | undefined;
  exec(script.client, "cat", { allowHalfOpen }, (_error, channel) => {
    opened = channel;
  });
  await script.receive(server.confirm(0, { initialWindowSize }));
  await script.receive(server.success(0));
  await script.sent();
  return opened!;
}

/** Returns a channel of a server. */
async function serverChannel(script: Script, initialWindowSize: number = 2 ** 20): Promise<Channel> {
  let opened: Channel | undefined;
  open(script.client, script.client[MUX]!, "session", undefined, (_error, channel) => {
    opened = new Channel(script.client, channel!, { type: "session", server: true });
  });
  await script.receive(server.confirm(0, { initialWindowSize }));
  await script.sent();
  return opened!;
}

/** Sends bytes to the client in messages of the maximum size. */
async function send(script: Script, length: number, id = 0): Promise<void> {
  const messages: Uint8Array[] = [];
  for (let sent = 0; sent < length; sent += PACKET)
    messages.push(server.data(id, new Uint8Array(Math.min(PACKET, length - sent))));
  await script.receive(...messages);
}

/** Returns the bytes that the client allowed the server to send since the last call. */
async function credit(script: Script): Promise<number> {
  return (await script.sent()).reduce((sum, { bytesToAdd }) => sum + ((bytesToAdd as number | undefined) ?? 0), 0);
}

describe("data to a channel", () => {
  it("returns credit while less than 2 MiB are unread, and then when it is read", async () => {
    const script = await Script.begin();
    const channel = await started(script);
    await send(script, WINDOW);
    expect(await credit(script)).toBe(WINDOW / 2);
    await send(script, WINDOW / 2);
    expect(await credit(script)).toBe(0);
    expect(channel.incoming.window).toBe(0);
    let read = 0;
    channel.on("data", (data: Buffer) => (read += data.length));
    await turn();
    expect(read).toBe(1.5 * WINDOW);
    expect(await credit(script)).toBe(WINDOW);
  });

  it("does not wait for error output that nobody reads", async () => {
    const script = await Script.begin();
    const channel = await started(script);
    channel.resume();
    const messages = Array.from({ length: WINDOW / PACKET / 2 }, () => server.errors(0, "e".repeat(PACKET)));
    await script.receive(...messages);
    expect(await credit(script)).toBe(WINDOW / 2);
    await send(script, WINDOW);
    expect(await credit(script)).toBe(WINDOW);
  });

  it("returns the credit of error output that is destroyed", async () => {
    const script = await Script.begin();
    const channel = await started(script);
    channel.stderr.destroy();
    for (let i = 0; i < 3; i++) {
      await script.receive(...Array.from({ length: WINDOW / PACKET / 2 }, () => server.errors(0, "e".repeat(PACKET))));
      expect(await credit(script)).toBe(WINDOW / 2);
    }
  });

  it("is joined while it waits, however short its messages are", async () => {
    const script = await Script.begin();
    const channel = await started(script);
    await send(script, 128 * 1024);
    const count = 20_000;
    for (let i = 0; i < 20; i++) await script.receive(...Array.from({ length: count / 20 }, () => server.data(0, "x")));
    let chunks = 0;
    let read = 0;
    channel.on("data", (data: Buffer) => {
      chunks++;
      read += data.length;
    });
    await turn();
    expect(read).toBe(128 * 1024 + count);
    expect(chunks).toBeLessThan(50);
  });

  it("keeps no large buffer for a small chunk", async () => {
    const script = await Script.begin();
    const channel = await started(script);
    await script.receive(server.data(0, "small"), server.data(0, new Uint8Array(PACKET)));
    const small = channel.read(5) as Buffer;
    expect(small.toString()).toBe("small");
    expect(small.buffer.byteLength).toBeLessThanOrEqual(Buffer.poolSize);
  });
});

describe("data of a channel", () => {
  it("waits for the window, and calls back when it is sent", async () => {
    const script = await Script.begin();
    const channel = await started(script, 10);
    const written: string[] = [];
    channel.write("0123456789ab", () => written.push("first"));
    channel.write("cd", () => written.push("second"));
    channel.write("ef", () => written.push("third"));
    channel.end(() => written.push("end"));
    expect((await script.sent()).map(({ data }) => String(data && Buffer.from(data as Uint8Array)))).toEqual([
      "0123456789",
    ]);
    expect(channel.outgoing.window).toBe(0);
    await script.receive(server.adjust(0, 100));
    const sent = await script.sent();
    expect(sent.map(({ message, data }) => [message, data && String(Buffer.from(data as Uint8Array))])).toEqual([
      // What waited goes out as one message.
      ["data", "abcdef"],
      ["eof", undefined],
    ]);
    expect(written).toEqual(["first", "second", "third", "end"]);
  });

  it("is dropped, and its callbacks are called, when the channel closes", async () => {
    const script = await Script.begin();
    const channel = await started(script, 1);
    const written: unknown[] = [];
    channel.write("ab", (error) => written.push(error));
    channel.write("cd", (error) => written.push(error));
    channel.on("error", (error) => written.push(error));
    await script.receive(server.close(0));
    expect(written.map((error) => error ?? undefined)).toEqual([undefined, undefined]);
  });

  it("is dropped after eof()", async () => {
    const script = await Script.begin();
    const channel = await started(script);
    channel.eof();
    channel.write("late");
    expect((await script.sent()).map(({ message }) => message)).toEqual(["eof"]);
  });

  it("ends the connection if a listener of drain throws", async () => {
    const script = await Script.begin();
    const channel = await started(script, 10);
    channel.on("drain", () => {
      throw new Error("drain");
    });
    channel.write(Buffer.alloc(channel.writableHighWaterMark));
    await script.receive(server.adjust(0, channel.writableHighWaterMark));
    expect(script.thrown).toEqual([new Error("drain")]);
  });

  it("keeps output and error output of a server in order, and ends after both", async () => {
    const script = await Script.begin();
    const channel = await serverChannel(script, 2);
    channel.write("out");
    const stderr = channel.stderr as Writable;
    stderr.write("err");
    stderr.write("more");
    channel.end();
    expect((await script.sent()).map(({ message }) => message)).toEqual(["data"]);
    expect(channel.outgoing.state).toBe("open");
    await script.receive(server.adjust(0, 4));
    expect((await script.sent()).map(({ message }) => message)).toEqual(["data", "errors"]);
    await script.receive(server.adjust(0, 100));
    expect((await script.sent()).map(({ message }) => message)).toEqual(["errors", "eof", "close"]);
  });
});

describe("a server's channel", () => {
  it("closes when it ends, and reports the exit before", async () => {
    const script = await Script.begin();
    const channel = await serverChannel(script);
    const events: string[] = [];
    for (const event of ["end", "finish", "close"])
      channel.on(event, (...values) => events.push(`${event} ${values.length}`));
    channel.resume();
    channel.exit(300);
    channel.end();
    const sent = await script.sent();
    expect(sent.map(({ message, requestType }) => requestType ?? message)).toEqual(["exit-status", "eof", "close"]);
    expect(exitStatus.decode(sent[0]?.["data"] as Uint8Array)).toEqual({ exitStatus: 300 });
    await script.receive(server.close(0));
    expect(events).toEqual(["finish 0", "end 0", "close 0"]);
  });

  it("has no methods of a client, and refuses unknown signals", async () => {
    const script = await Script.begin();
    const channel = await serverChannel(script);
    expect(() => channel.signal("INT")).toThrow("Client-only method called in server mode");
    expect(() => channel.setWindow(1, 2, 3, 4)).toThrow("Client-only method called in server mode");
    expect(() => channel.exit("NONSENSE")).toThrow("Invalid signal: NONSENSE");
    expect(await script.sent()).toEqual([]);
  });

  it("passes requests to its owner, and refuses what that does not take", async () => {
    const script = await Script.begin();
    const taken: string[] = [];
    let refusing: Channel | undefined;
    open(script.client, script.client[MUX]!, "session", undefined, (_error, channel) => {
      refusing = new Channel(script.client, channel!, {
        type: "session",
        server: true,
        onRequest: (request) => {
          if (request.requestType !== "signal") return false;
          taken.push(request.requestType);
          channel!.reply(request, true);
          return true;
        },
      });
    });
    await script.receive(server.confirm(0));
    await script.sent();
    await script.receive(server.request(0, "signal", new Uint8Array(0), true));
    await script.receive(server.request(0, "other", new Uint8Array(0), true));
    expect(refusing?.server).toBe(true);
    expect(taken).toEqual(["signal"]);
    expect((await script.sent()).map(({ message }) => message)).toEqual(["99", "100"]);
  });
});

describe("the private parts", () => {
  it("count channels from the open to the end", async () => {
    const script = await Script.begin();
    const manager = channelsOf(script.client);
    exec(script.client, "a", {}, () => {});
    expect(manager._count).toBe(1);
    await script.receive(server.confirm(0));
    expect(manager._count).toBe(1);
    expect(manager._channels[0]).toBeInstanceOf(Channel);
    await script.receive(server.close(0));
    expect(manager._count).toBe(0);
    exec(script.client, "a", {}, () => {});
    await script.receive(server.refuse(1));
    expect(manager._count).toBe(0);
    exec(script.client, "a", {}, () => {});
    await script.lose();
    expect(manager._count).toBe(0);
  });

  it("count opens of the server until they are answered, or cannot be", async () => {
    const script = await Script.begin();
    const counts: number[] = [];
    const rejects: (() => void)[] = [];
    script.client.on("tcp connection", (_info, _accept, reject: () => void) => {
      counts.push(channelsOf(script.client)._count);
      rejects.push(reject);
    });
    forwardIn(script.client, "a", 1, () => {});
    const data = tcpipChannel.encode({ address: "a", port: 1, originatorAddress: "b", originatorPort: 2 });
    await script.receive(server.granted());
    for (const id of [50, 51]) await script.receive(server.open("forwarded-tcpip", id, { data }));
    rejects[0]?.();
    rejects[0]?.();
    counts.push(channelsOf(script.client)._count);
    await script.lose();
    counts.push(channelsOf(script.client)._count);
    expect(counts).toEqual([1, 2, 1, 0]);
  });

  it("send on the channel with the peer's number, and on no other", async () => {
    const script = await Script.begin();
    await started(script);
    const protocol = protocolOf(script.client, "client", () => {});
    protocol.signal(1000, "SIGUSR1");
    protocol.signal(7, "SIGUSR2");
    protocol.channelEOF(1000);
    protocol.channelClose(1000);
    expect((await script.sent()).map(({ message }) => message)).toEqual(["request", "eof", "close"]);
    expect(() => protocol.exitStatus(1000, 1)).toThrow("Server-only method called in client mode");
  });

  it("disconnect with the reason", async () => {
    const script = await Script.begin();
    const reasons: unknown[] = [];
    protocolOf(script.client, "client", (reason) => reasons.push(reason)).disconnect(11);
    expect(reasons).toEqual([11]);
  });
});
