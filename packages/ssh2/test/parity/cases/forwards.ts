import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { AcceptConnection, ClientChannel, Connection, ServerChannel, TcpConnectionDetails } from "ssh2";
import type { Case, Recorder } from "../case.ts";
import { exec, later, logIn, opened, readAll, runs, watch, watchClient } from "../sessions.ts";

const section = "forwards";

/** Grants each global request with `port`, and records it. */
const granting =
  (record: Recorder, port?: number) =>
  (connection: Connection): void => {
    connection.on("request", (accept, _reject, name, info) => {
      record("request", name, info, typeof accept);
      accept?.(port);
    });
  };

const refusing = (connection: Connection): void => {
  connection.on("request", (_accept, reject) => reject?.());
};

/** Serves each connection to an address. */
const serving =
  (record: Recorder, serve: (channel: ServerChannel) => void) =>
  (connection: Connection): void => {
    connection.on("tcpip", (accept, _reject, info) => {
      record("tcpip", info);
      serve(accept());
    });
  };

/** Calls a method and records what its callback gets. The methods' types of callbacks differ. */
function recorded(record: Recorder, name: string, call: (callback: never) => unknown): Promise<void> {
  return new Promise((resolve) => {
    const callback = (error: Error | undefined, ...values: unknown[]): void => {
      record(name, error, ...values);
      resolve();
    };
    call(callback as never);
  });
}

/** Opens a forwarded connection from the server. Resolves with the channel, or the reason of the refusal. */
function forward(connection: Connection, address: string, port: number): Promise<ServerChannel | number> {
  return new Promise((resolve) => {
    connection.forwardOut(address, port, "192.0.2.1", 5000, (error, channel) => {
      resolve(error ? (error as unknown as { reason: number }).reason : channel);
    });
  });
}

/** Opens a connection to a forwarded path. */
function forwardPath(connection: Connection, path: string): Promise<ServerChannel | number> {
  return new Promise((resolve) => {
    connection.openssh_forwardOutStreamLocal(path, (error, channel) => {
      resolve(error ? (error as unknown as { reason: number }).reason : channel);
    });
  });
}

/** Answers connections with what they sent. */
const answer =
  (record: Recorder, event: string) =>
  (info: TcpConnectionDetails | object, accept: AcceptConnection<ClientChannel> | (() => ClientChannel)): void => {
    record(event, info);
    const channel = accept();
    record("kind", channel.type, channel.subtype, (channel as unknown as { server: boolean }).server);
    channel.on("close", (...values: unknown[]) => record("close", ...values));
    channel.pipe(channel);
  };

async function exchange(record: Recorder, channel: ServerChannel | number): Promise<void> {
  if (typeof channel === "number") {
    record("refused", channel);
    return;
  }
  channel.end("to and fro");
  record("echo", await readAll(channel));
}

export const cases: readonly Case[] = [
  {
    name: "opens a connection to an address",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(
        ssh2,
        peers,
        serving(record, (channel) => channel.pipe(channel)),
      );
      const channel = await opened((callback) => client.forwardOut("192.0.2.7", 4000, "example.org", 80, callback));
      record("kind", channel.type, channel.subtype, (channel as unknown as { server: boolean }).server);
      channel.end("GET");
      await watch(record, channel);
    },
  },
  {
    name: "is refused a connection to an address",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(ssh2, peers, (connection) => {
        connection.on("tcpip", (_accept, reject) => reject());
      });
      await recorded(record, "result", (callback) => client.forwardOut("127.0.0.1", 0, "example.org", 80, callback));
    },
  },
  {
    name: "opens a connection without a callback",
    section,
    async run(ssh2, record, peers) {
      const { client, connection } = await logIn(
        ssh2,
        peers,
        serving(record, (channel) => channel.end()),
      );
      const arrived = once(connection, "tcpip");
      record("returned", (client.forwardOut as (...values: unknown[]) => unknown)("a", 1, "b", 2) === client);
      await arrived;
    },
  },
  {
    name: "throws for addresses that are not text",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(ssh2, peers);
      const calls = [
        () => client.forwardOut(1 as never, 1, "a", 2, () => {}),
        () => client.forwardOut("a", 1, undefined as never, 2, () => {}),
        () => client.forwardIn(null as never, 1, () => {}),
        () => client.unforwardIn({} as never, 1, () => {}),
        () => client.openssh_forwardOutStreamLocal(5 as never, () => {}),
      ];
      for (const call of calls)
        try {
          call();
          record("returned");
        } catch (error) {
          record("thrown", (error as Error).name);
        }
    },
  },
  {
    name: "takes ports that are text",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(
        ssh2,
        peers,
        serving(record, (channel) => channel.end()),
      );
      const channel = await opened((callback) => client.forwardOut("", "8080" as never, "b", "443" as never, callback));
      await watch(record, channel);
    },
  },
  {
    name: "ends with the server's end of a connection",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(
        ssh2,
        peers,
        serving(record, (channel) => channel.end("bye")),
      );
      await new Promise<void>((resolve) =>
        client.forwardOut("a", 1, "b", 2, (_error, channel) => void watch(record, channel).then(resolve)),
      );
    },
  },
  {
    name: "closes a connection at once with destroy()",
    section,
    async run(ssh2, record, peers) {
      const serve = serving(record, (channel) => {
        channel.on("close", () => record("server close"));
        channel.resume();
      });
      const { client } = await logIn(ssh2, peers, serve);
      const channel = await opened((callback) => client.forwardOut("a", 1, "b", 2, callback));
      const closed = watch(record, channel);
      channel.destroy();
      await closed;
    },
  },
  {
    name: "serves connections to a forwarded port",
    section,
    async run(ssh2, record, peers) {
      const { client, connection } = await logIn(ssh2, peers, granting(record));
      client.on("tcp connection", answer(record, "tcp connection"));
      await recorded(record, "forwardIn", (callback) => client.forwardIn("127.0.0.1", 8000, callback));
      record("_forwarding", (client as unknown as { _forwarding: unknown })._forwarding);
      await exchange(record, await forward(connection, "127.0.0.1", 8000));
      await later();
    },
  },
  {
    name: "learns the port that the server chose",
    section,
    async run(ssh2, record, peers) {
      const { client, connection } = await logIn(ssh2, peers, granting(record, 4711));
      client.on("tcp connection", answer(record, "tcp connection"));
      await recorded(record, "forwardIn", (callback) => client.forwardIn("", 0, callback));
      record("_forwarding", (client as unknown as { _forwarding: unknown })._forwarding);
      await exchange(record, await forward(connection, "", 4711));
      await later();
    },
  },
  {
    name: "fails if the server cannot bind, or unbind",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(ssh2, peers, refusing);
      await recorded(record, "forwardIn", (callback) => client.forwardIn("0.0.0.0", 80, callback));
      await recorded(record, "unforwardIn", (callback) => client.unforwardIn("0.0.0.0", 80, callback));
    },
  },
  {
    name: "wants no answer without a callback, and refuses its connections",
    section,
    async run(ssh2, record, peers) {
      const { client, connection } = await logIn(ssh2, peers, granting(record));
      client.on("tcp connection", () => record("tcp connection"));
      const arrived = once(connection, "request");
      record("returned", (client.forwardIn as (...values: unknown[]) => unknown)("127.0.0.1", 8000) === client);
      await arrived;
      record("reason", await forward(connection, "127.0.0.1", 8000));
    },
  },
  {
    name: "refuses a forwarded connection",
    section,
    async run(ssh2, record, peers) {
      const { client, connection } = await logIn(ssh2, peers, granting(record));
      const { _chanMgr: manager } = client as unknown as { _chanMgr: { _count: number; _channels: object } };
      client.on("tcp connection", (info, _accept, reject) => {
        record("tcp connection", info, manager._count, Object.keys(manager._channels).length);
        reject();
        record("after reject()", manager._count, Object.keys(manager._channels).length);
      });
      await recorded(record, "forwardIn", (callback) => client.forwardIn("127.0.0.1", 8000, callback));
      record("reason", await forward(connection, "127.0.0.1", 8000));
    },
  },
  {
    name: "refuses connections that were not requested, without an event",
    section,
    async run(ssh2, record, peers) {
      const { client, connection } = await logIn(ssh2, peers, granting(record));
      for (const event of ["tcp connection", "unix connection"] as const)
        client.on(event as "tcp connection", () => record(event));
      record("before", await forward(connection, "127.0.0.1", 8000), await forwardPath(connection, "/path"));
      await recorded(record, "forwardIn", (callback) => client.forwardIn("127.0.0.1", 8000, callback));
      await recorded(record, "path", (callback) => client.openssh_forwardInStreamLocal("/path", callback));
      record("port", await forward(connection, "127.0.0.1", 8001));
      record("address", await forward(connection, "localhost", 8000));
      record("inherited", await forwardPath(connection, "/other"));
    },
  },
  {
    name: "refuses connections after unforwardIn",
    section,
    async run(ssh2, record, peers) {
      const { client, connection } = await logIn(ssh2, peers, granting(record));
      client.on("tcp connection", answer(record, "tcp connection"));
      await recorded(record, "forwardIn", (callback) => client.forwardIn("127.0.0.1", 8000, callback));
      await recorded(record, "unforwardIn", (callback) => client.unforwardIn("127.0.0.1", 8000, callback));
      await exchange(record, await forward(connection, "127.0.0.1", 8000));
    },
  },
  {
    name: "accepts a forwarded connection later",
    section,
    async run(ssh2, record, peers) {
      const { client, connection } = await logIn(ssh2, peers, granting(record));
      client.on("tcp connection", (info, accept) => setImmediate(() => answer(record, "tcp connection")(info, accept)));
      await recorded(record, "forwardIn", (callback) => client.forwardIn("127.0.0.1", 8000, callback));
      await exchange(record, await forward(connection, "127.0.0.1", 8000));
      await later();
    },
  },
  {
    name: "serves connections to a forwarded path",
    section,
    async run(ssh2, record, peers) {
      const { client, connection } = await logIn(ssh2, peers, granting(record));
      client.on("unix connection", answer(record, "unix connection") as never);
      await recorded(record, "forward", (callback) => client.openssh_forwardInStreamLocal("/path", callback));
      await exchange(record, await forwardPath(connection, "/path"));
      await recorded(record, "unforward", (callback) => client.openssh_unforwardInStreamLocal("/path", callback));
      await exchange(record, await forwardPath(connection, "/path"));
    },
  },
  {
    name: "fails if the server refuses a path",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(ssh2, peers, refusing);
      await recorded(record, "forward", (callback) => client.openssh_forwardInStreamLocal("/path", callback));
      await recorded(record, "unforward", (callback) => client.openssh_unforwardInStreamLocal("/path", callback));
    },
  },
  {
    name: "opens a connection to a path",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(ssh2, peers, (connection) => {
        connection.on("openssh.streamlocal", (accept, reject, info) => {
          record("openssh.streamlocal", info);
          if (info.socketPath === "/refused") reject();
          else accept().end("from the path");
        });
      });
      await new Promise<void>((resolve) =>
        client.openssh_forwardOutStreamLocal("/path", (_error, channel) => {
          record("type", channel.type);
          void watch(record, channel).then(resolve);
        }),
      );
      await recorded(record, "refused", (callback) => client.openssh_forwardOutStreamLocal("/refused", callback));
    },
  },
  {
    name: "ends sessions with openssh_noMoreSessions",
    section,
    async run(ssh2, record, peers) {
      const serve = (connection: Connection): void => {
        granting(record)(connection);
        runs((channel) => channel.end())(connection);
      };
      const { client } = await logIn(ssh2, peers, serve);
      await recorded(record, "noMoreSessions", (callback) => client.openssh_noMoreSessions(callback));
      record("exec", await exec(client).catch((error: unknown) => (error as { reason: number }).reason));
    },
  },
  {
    name: "is refused openssh_noMoreSessions",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(ssh2, peers, refusing);
      await recorded(record, "noMoreSessions", (callback) => client.openssh_noMoreSessions(callback));
    },
  },
  {
    name: "sends no requests of OpenSSH to others, unless strictVendor is false",
    section,
    async run(ssh2, record, peers) {
      for (const strictVendor of [undefined, false]) {
        const { client } = await logIn(
          ssh2,
          peers,
          granting(record),
          strictVendor === undefined ? {} : { strictVendor },
          { ident: "Other" },
        );
        await recorded(record, "more", (callback) => client.openssh_noMoreSessions(callback));
        await recorded(record, "in", (callback) => client.openssh_forwardInStreamLocal("/path", callback));
        await recorded(record, "un", (callback) => client.openssh_unforwardInStreamLocal("/path", callback));
        await recorded(record, "out", (callback) => client.openssh_forwardOutStreamLocal("/path", callback));
        record("returned", (client.openssh_noMoreSessions as () => unknown)() === client);
        client.destroy();
      }
    },
  },
  {
    name: "fails pending requests after the client's close",
    section,
    async run(ssh2, record, peers) {
      const { client, socket } = await logIn(ssh2, peers, (connection) => {
        connection.on("request", () => socket.end());
      });
      watchClient(record, client);
      await Promise.all([
        recorded(record, "forwardIn", (callback) => client.forwardIn("127.0.0.1", 8000, callback)),
        recorded(record, "forwardOut", (callback) => client.forwardOut("a", 1, "b", 2, callback)),
        recorded(record, "path", (callback) => client.openssh_forwardInStreamLocal("/path", callback)),
      ]);
    },
  },
  {
    name: "carries another connection",
    section,
    async run(ssh2, record, peers) {
      const inner = new peers.ssh2.Server(
        { hostKeys: [peers.ssh2.utils.generateKeyPairSync("ed25519").private] },
        (connection) => {
          connection.on("error", () => {});
          connection.on("authentication", (context) => context.accept());
          runs((channel) => channel.end("through the jump"))(connection);
        },
      );
      inner.listen(0, "127.0.0.1");
      await once(inner, "listening");
      peers.after(() => inner.close());
      const { client } = await logIn(ssh2, peers, (connection) => {
        connection.on("tcpip", (accept) => {
          const channel = accept();
          (inner as unknown as { injectSocket(socket: unknown): void }).injectSocket(channel);
        });
      });
      const { port } = inner.address() as AddressInfo;
      const sock = await opened((callback) => client.forwardOut("127.0.0.1", 0, "127.0.0.1", port, callback));
      const second = new ssh2.Client();
      peers.after(() => second.destroy());
      second.on("error", (error) => record("error", error));
      second.connect({ sock: sock, username: "bob", password: "x", hostVerifier: () => true });
      await once(second, "ready");
      record("output", await readAll(await exec(second)));
      watchClient(record, second);
      second.end();
      await once(second, "close");
    },
  },
];
