import { once } from "node:events";
import { type AddressInfo, createConnection } from "node:net";
import * as stream from "node:stream";
import type { Client } from "ssh2";
import ssh2 from "ssh2";
import { describe, expect, it } from "vitest";
import type { Channel } from "../../src/channel/channel.ts";
import { Server } from "../../src/server/server.ts";
import { keys, nacreClient, outcome, serving } from "./serving.ts";

type Fields = Error & { readonly level?: string; readonly code?: unknown };

describe("a server", () => {
  it.each([
    ["a greeting that looks like an identification", { greeting: "SSH-2.0-x" }],
    ["an unknown limit", { limits: { sessions: 1 } }],
    ["a limit out of range", { limits: { maxSessions: -1 } }],
  ])("throws for %s at once, and not with its first client", (_, config) => {
    expect(() => new Server({ hostKeys: [keys.host.private], ...(config as object) })).toThrow(
      expect.objectContaining({ code: "usage" }),
    );
  });

  it("takes an interval that no timer can wait for", async () => {
    const { connect } = await serving(Server, undefined, undefined, {
      keepaliveInterval: 1e12,
      keepaliveCountMax: 0.5,
    });
    expect(await outcome(connect())).toBe("ready");
  });

  it("ends clients at once if it has no host keys", async () => {
    const server = new Server({ hostKeys: [] });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const socket = createConnection((server.address() as AddressInfo).port, "127.0.0.1");
    await once(socket.resume(), "close");
    await new Promise((resolve) => server.close(resolve));
  });
});

describe("a connection", () => {
  it("lets nobody in whose login has a listener that throws, also after accept()", async () => {
    const errors: Error[] = [];
    const { connect } = await serving(
      Server,
      (context) => {
        context.accept();
        throw new Error("from the listener");
      },
      (connection) => connection.on("error", (error: Error) => errors.push(error)),
    );
    expect(await outcome(connect({ password: "a" }))).not.toBe("ready");
    expect(errors).toMatchObject([{ message: "from the listener" }]);
  });

  it("reports a client that stays silent", async () => {
    const { loggedIn, connections } = await serving(Server, undefined, undefined, {
      keepaliveInterval: 20,
      keepaliveCountMax: 1,
    });
    const client = await loggedIn();
    const [connection] = connections;
    const closed = new Promise((resolve) => connection!.once("close", resolve));
    (client as unknown as { readonly _sock: stream.Duplex })._sock.pause();
    const [error] = (await once(connection!, "error", {}).catch((thrown: unknown) => [thrown])) as [Fields];
    expect([error.message, error.level]).toEqual(["Keepalive timeout", "client-timeout"]);
    await closed;
  });

  it("is not probed if the class says so", async () => {
    const { KEEPALIVE_CLIENT_INTERVAL: before } = Server;
    Server.KEEPALIVE_CLIENT_INTERVAL = -1;
    try {
      const { loggedIn } = await serving();
      await loggedIn();
    } finally {
      Server.KEEPALIVE_CLIENT_INTERVAL = before;
    }
  });

  it("opens no channels before the login and after the end", async () => {
    const errors: (string | undefined)[] = [];
    const note = (error: Error | undefined): void => void errors.push(error?.message);
    const { connect, connections } = await serving(
      Server,
      (context) => context.reject(),
      (connection) => connection.forwardOut("a", 1, "b", 2, note),
    );
    await outcome(connect());
    connections[0]!.x11("a", 1, note);
    await expect.poll(() => errors).toEqual(["Not connected", "Not connected"]);
  });

  it("reaches the client's agent", async () => {
    const { port, connections } = await serving();
    const client = await nacreClient(port);
    client.accept("auth-agent@openssh.com", (open) => {
      const channel = open.accept()!;
      channel.handler = {
        data: (_stream, bytes) => void channel.write(bytes),
        writable() {},
        eof: () => channel.end(),
        request() {},
        closed() {},
      };
    });
    const channel = await new Promise<Channel>((resolve, reject) => {
      connections[0]!.openssh_authAgent((error, opened) => (error === undefined ? resolve(opened!) : reject(error)));
    });
    channel.end("hello");
    let text = "";
    for await (const chunk of channel) text += String(chunk);
    expect(text).toBe("hello");
  });

  it("calls back with an error for keys that it cannot exchange", async () => {
    const errors: unknown[] = [];
    const { connect } = await serving(Server, undefined, (connection) => {
      connection.rekey((error) => errors.push(error?.message));
    });
    expect(await outcome(connect())).toBe("ready");
    expect(errors).toEqual(["Not connected"]);
  });

  it("runs over any stream", async () => {
    const server = new Server({ hostKeys: [keys.host.private] }, (connection) => {
      connection.on("authentication", (context: { accept(): void }) => context.accept());
    });
    const [near, far] = duplexPair();
    server.injectSocket(far);
    const client: Client = new ssh2.Client().connect({ sock: near, username: "alice" });
    await once(client, "ready");
    const closed = once(client, "close");
    client.end();
    await closed;
  });

  it("writes debug lines without secrets, each with the connection's prefix", async () => {
    const lines: string[] = [];
    const { connect } = await serving(Server, undefined, undefined, { debug: (line) => lines.push(line) });
    const client = connect({ password: "a secret password", authHandler: ["password"] });
    expect(await outcome(client)).toBe("ready");
    client.end();
    await expect.poll(() => lines.length).toBeGreaterThan(0);
    expect(lines.every((line) => /^\[\d+\.\d+\] /.test(line))).toBe(true);
    expect(lines.map((line) => line.replace(/^\[.*?\] /, ""))).toEqual(
      expect.arrayContaining(["Remote ident: 'SSH-2.0-ssh2js1.17.0'", "Outbound: Sending USERAUTH_SUCCESS"]),
    );
    expect(lines.join("\n")).not.toContain("secret");
  });

  it("leaves nothing open after many clients that vanish", async () => {
    const { connect, server, connections } = await serving(Server, undefined, (connection) => {
      connection.on("error", () => {});
    });
    for (const event of ["connect", "greeting", "handshake", "ready"])
      for (let i = 0; i < 5; i++) {
        const client = connect();
        client.on("error", () => {});
        const emitter: NodeJS.EventEmitter = client;
        const closed = new Promise((resolve) => emitter.once("close", resolve));
        emitter.once(event === "greeting" ? "connect" : event, () => client.destroy());
        await closed;
      }
    const count = (): Promise<number> => new Promise((resolve) => void server.getConnections((_, n) => resolve(n)));
    await expect.poll(count).toBe(0);
    expect(server._connections).toBe(0);
    expect(connections.map(({ _chanMgr }) => _chanMgr._count).every((one) => one === 0)).toBe(true);
  });
});

/** Node 20.0 has no `duplexPair`. */
function duplexPair(): [stream.Duplex, stream.Duplex] {
  const up = new stream.PassThrough();
  const down = new stream.PassThrough();
  return [stream.Duplex.from({ readable: down, writable: up }), stream.Duplex.from({ readable: up, writable: down })];
}
