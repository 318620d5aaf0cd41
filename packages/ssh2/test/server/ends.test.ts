import { Duplex, type Writable } from "node:stream";
import { uncaught } from "@nacre/testing/nacre/outcomes";
import { utf8Encode } from "@nacre/wire";
import type { Channel as NacreChannel } from "nacre/extend";
import { describe, expect, it, vi } from "vitest";
import { Channel } from "../../src/channel/channel.ts";
import type { IncomingClient } from "../../src/server/connection.ts";
import { Server } from "../../src/server/server.ts";
import { Session } from "../../src/server/session.ts";
import { SftpServerChannel } from "../../src/sftp-server/channel.ts";
import { keys, nacreClient, serving } from "./serving.ts";

type Accept<T> = () => T;

/** Resolves when an emitter has closed. */
const closed = (emitter: NodeJS.EventEmitter): Promise<void> =>
  new Promise((resolve) => emitter.once("close", () => resolve()));

/** Does with a channel what applications do with a new one. */
function use(channel: Channel): void {
  channel.write("output");
  (channel.stderr as Writable).write("error");
  channel.exit(0);
  channel.end();
}

describe("a channel that is accepted after its client has gone", () => {
  const opens: readonly (readonly [string, Uint8Array, string])[] = [
    ["tcpip", Uint8Array.of(...text("a"), 0, 0, 0, 1, ...text("b"), 0, 0, 0, 2), "direct-tcpip"],
    ["openssh.streamlocal", Uint8Array.of(...text("/a"), ...text(""), 0, 0, 0, 0), "direct-streamlocal@openssh.com"],
  ];

  it.each(opens)("is a closed stream: %s", async (event, data, type) => {
    let accept: Accept<Channel | undefined> | undefined;
    const one = await serving(Server, undefined, (connection) => {
      connection.on(event, (given: Accept<Channel>) => {
        accept = given;
      });
    });
    const client = await nacreClient(one.port);
    client.openChannel(type, data).catch(() => {});
    await expect.poll(() => accept).toBeDefined();
    const gone = closed(one.connections[0]!);
    void client.close();
    await gone;
    const channel = accept!()!;
    expect(channel).toBeInstanceOf(Channel);
    use(channel.resume());
    await closed(channel);
    expect(accept!()).toBe(undefined);
  });

  it("is a closed session", async () => {
    let accept: Accept<Session> | undefined;
    const one = await serving(Server, undefined, (connection) => {
      connection.on("session", (given: Accept<Session>) => {
        accept = given;
      });
    });
    const client = await nacreClient(one.port);
    client.openChannel("session").catch(() => {});
    await expect.poll(() => accept).toBeDefined();
    const gone = closed(one.connections[0]!);
    void client.close();
    await gone;
    const session = accept!();
    expect(session).toBeInstanceOf(Session);
    await closed(session);
  });

  const programs: readonly (readonly [string, string, Uint8Array, unknown])[] = [
    ["shell", "shell", new Uint8Array(0), Channel],
    ["exec", "exec", text("ls"), Channel],
    ["subsystem", "subsystem", text("own"), Channel],
    ["sftp", "subsystem", text("sftp"), SftpServerChannel],
  ];

  it.each(programs)("is a closed program, of a connection that goes on: %s", async (event, type, data, kind) => {
    let accept: Accept<Channel | undefined> | undefined;
    let session: Session | undefined;
    const one = await serving(Server, undefined, (connection) => {
      connection.on("session", (acceptSession: Accept<Session>) => {
        session = acceptSession().on(event, (given: Accept<Channel>) => {
          accept = given;
        });
      });
    });
    const client = await nacreClient(one.port);
    const channel = await client.openChannel("session");
    channel.request(type, data, () => {});
    await expect.poll(() => accept).toBeDefined();
    const gone = closed(session!);
    channel.close();
    await gone;
    const program = accept!()!;
    expect(program).toBeInstanceOf(kind);
    if (program instanceof Channel) use(program.resume());
    await closed(program);
    expect(accept!()).toBe(undefined);
    expect(one.connections[0]!._chanMgr._count).toBe(0);
  });
});

describe("opens of a server", () => {
  it("call back when the limit of channels is reached, and when the connection ends", async () => {
    const messages = new Map<string | undefined, number>();
    const note = (error: Error | undefined): void =>
      void messages.set(error?.message, (messages.get(error?.message) ?? 0) + 1);
    const one = await serving(Server, undefined, undefined, { limits: { maxChannels: 4 } });
    const client = await nacreClient(one.port);
    // Never answered.
    client.accept("x11", () => {});
    const [connection] = one.connections;
    for (let i = 0; i < 4; i++) connection!.x11("a", -1, note);
    for (let i = 0; i < 2; i++) connection!.forwardOut("127.0.0.1", "81" as never, "b", -1, note);
    expect([...messages]).toEqual([["No free channels available", 2]]);
    connection!.end();
    connection!.x11("a", undefined as never, note);
    connection!.openssh_authAgent(note);
    connection!.openssh_forwardOutStreamLocal("/a", note);
    await closed(connection!);
    expect([...messages]).toEqual([
      ["No free channels available", 2],
      ["No response from server", 7],
    ]);
  });
});

describe("a session", () => {
  it("keeps input before the program in few parts, however small the client's messages are", async () => {
    const start: { accept?: Accept<Channel> } = {};
    let session: Session | undefined;
    const one = await serving(Server, undefined, (connection) => {
      connection.on("session", (acceptSession: Accept<Session>) => {
        session = acceptSession().on("exec", (accept: Accept<Channel>) => {
          start.accept = accept;
        });
      });
    });
    const client = await nacreClient(one.port);
    const channel: NacreChannel = await client.openChannel("session");
    channel.request("exec", text("cat"), () => {});
    for (let i = 0; i < 200; i++) {
      channel.write(utf8Encode("a"));
      // Writes of one turn are sent as one message.
      await new Promise(setImmediate);
    }
    const ended = new Promise((resolve) => session!.once("eof", resolve));
    channel.end();
    await ended;
    const parts: Buffer[] = [];
    const program = start.accept!();
    program.on("data", (part: Buffer) => parts.push(part));
    await new Promise((resolve) => program.once("end", resolve));
    expect(Buffer.concat(parts).length).toBe(200);
    expect(parts.length).toBeLessThan(20);
    program.end();
  });
});

describe("listeners of the end that throw", () => {
  const names = ["end", "close"] as const;

  it("keep back no other event, and no callback", async () => {
    const thrown = uncaught();
    const events: string[] = [];
    const one = await serving(Server, undefined, (connection: IncomingClient) => {
      for (const name of names)
        connection.on(name, () => {
          events.push(name);
          throw new Error(`from ${name}`);
        });
    });
    const client = await one.loggedIn();
    const { _protocol } = client as unknown as {
      readonly _protocol: { readonly _handlers: Record<string, () => void> };
    };
    // Never answered.
    _protocol._handlers["CHANNEL_OPEN"] = () => {};
    const lost = new Promise<Error | undefined>((resolve) => void one.connections[0]!.x11("a", 1, resolve));
    client.end();
    expect((await lost)?.message).toBe("No response from server");
    expect(events).toEqual(names);
    await expect.poll(() => thrown).toMatchObject(names.map((name) => ({ message: `from ${name}` })));
  });
});

describe("an injected stream", () => {
  it("that fails while the algorithms load is dropped", async () => {
    const thrown = uncaught();
    const debug = vi.fn<(line: string) => void>();
    const server = new Server({ hostKeys: [keys.host.private], debug });
    const failing = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
    server.injectSocket(failing);
    expect(server._connections).toBe(1);
    const gone = closed(failing);
    failing.destroy(new Error("read ECONNRESET"));
    await gone;
    // The next stream is served once the algorithms have loaded.
    const other = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
    const served = vi.spyOn(other, "write");
    server.injectSocket(other);
    await expect.poll(() => served.mock.calls.length).toBeGreaterThan(0);
    expect(server._connections).toBe(1);
    expect([debug.mock.calls, thrown]).toEqual([[], []]);
    other.destroy();
  });
});

function text(value: string): Uint8Array {
  const bytes = utf8Encode(value);
  return Uint8Array.of(0, 0, 0, bytes.length, ...bytes);
}
