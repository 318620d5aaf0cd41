import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { Client, ParsedKey } from "ssh2";
import type { Case, Ssh2 } from "../case.ts";
import { ed25519Pair } from "../made-keys.ts";
import { called, ended, happened, journal, keys, loggedIn, served, watch } from "../serving.ts";

const SIDE = ["greeting", "handshake", "ready", "rekey", "error", "end", "close"] as const;

/** Records a thrown error of a constructor. */
function thrown(make: () => unknown): unknown {
  try {
    make();
    return "made";
  } catch (error) {
    return error;
  }
}

type Private = { readonly _protocol: { disconnect(reason: number): void }; readonly _sock: Socket };
const inside = (emitter: unknown): Private => emitter as Private;

export const cases: readonly Case[] = [
  {
    name: "throws for invalid options",
    section: "server",
    async run(ssh2, record) {
      const make = (config: unknown): unknown => thrown(() => new ssh2.Server(config as never));
      record("none", make(undefined), make(null), make(1));
      record("host keys", make({}), make({ hostKeys: "key" }), make({ hostKeys: [keys.host.private] }));
      record("unreadable", make({ hostKeys: ["no key"] }), make({ hostKeys: [Buffer.from("no key")] }));
      record("public", make({ hostKeys: [keys.host.public] }));
    },
  },
  {
    name: "takes host keys as text, as Buffers, with a passphrase and parsed",
    section: "server",
    async run(ssh2, record, peers) {
      const passphrase = "open sesame";
      const locked = ed25519Pair({ passphrase, cipher: "aes256-ctr", rounds: 1 });
      const text = keys.host.private;
      const sources = [
        [text, keys.host.public],
        [Buffer.from(text), keys.host.public],
        [{ key: locked.private, passphrase }, locked.public],
        [{ key: ssh2.utils.parseKey(text) }, keys.host.public],
      ] as const;
      for (const [source, expected] of sources) {
        const one = await served(ssh2, peers, (connection) => connection.on("authentication", (c) => c.accept()), {
          hostKeys: [source as never],
        });
        const seen: Buffer[] = [];
        const hostVerifier = (key: Buffer): boolean => seen.push(key) > 0;
        await one.client({ hostVerifier });
        record("key", seen[0]?.equals((peers.ssh2.utils.parseKey(expected) as ParsedKey).getPublicSSH()));
      }
      record(
        "locked",
        thrown(() => new ssh2.Server({ hostKeys: [locked.private] })),
      );
    },
  },
  {
    name: "uses the first host key of each type",
    section: "server",
    async run(ssh2, record, peers) {
      const other = ed25519Pair();
      const one = await served(ssh2, peers, (connection) => connection.on("authentication", (c) => c.accept()), {
        hostKeys: [keys.ecdsa.private, keys.host.private, other.private],
      });
      for (const type of ["ssh-ed25519", "ecdsa-sha2-nistp256"] as const) {
        const seen: Buffer[] = [];
        await one.client({
          algorithms: { serverHostKey: [type] },
          hostVerifier: (key: Buffer) => seen.push(key) > 0,
        });
        const [first, second] = [keys.host, keys.ecdsa].map(({ public: key }) =>
          (peers.ssh2.utils.parseKey(key) as ParsedKey).getPublicSSH(),
        );
        record(type, seen[0]?.equals(first!), seen[0]?.equals(second!));
      }
    },
  },
  {
    name: "says who connects",
    section: "server",
    async run(ssh2, record, peers) {
      const one = await served(ssh2, peers, (connection, { ip, family, port, header }) => {
        record("info", ip, family, typeof port, header);
        connection.on("authentication", (context) => context.accept());
      });
      await one.client({ ident: "Example_1.0" });
    },
  },
  {
    name: "shows its identification, greeting and banner",
    section: "server",
    async run(ssh2, record, peers) {
      const config = { ident: "Example_2.0", greeting: "Hello\r\nworld", banner: "No entry" };
      const one = await served(ssh2, peers, (c) => c.on("authentication", (context) => context.accept()), config);
      const client = one.connecting();
      const side = journal();
      watch(client, ["greeting", "banner"], side.note);
      await ended(client, "ready");
      record("client", side.events, (client as unknown as { readonly _remoteVer: string })._remoteVer);
    },
  },
  {
    name: "disconnects clients without a listener for them",
    section: "server",
    async run(ssh2, record, peers) {
      const server = new ssh2.Server({ hostKeys: [keys.host.private] });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      peers.after(() => called((done) => server.close(done)));
      const client: Client = new peers.ssh2.Client();
      const side = journal();
      watch(client, ["ready", "error", "end", "close"], side.note);
      client.connect({ host: "127.0.0.1", port: (server.address() as AddressInfo).port, username: "alice" });
      await happened(client, "close");
      record("client", side.events);
    },
  },
  {
    name: "emits the events of a connection that the client ends",
    section: "server",
    async run(ssh2, record, peers) {
      const server = journal();
      const { client, connection } = await loggedIn(ssh2, peers, (one) =>
        watch(
          one,
          SIDE.filter((n) => n !== "handshake"),
          server.note,
        ),
      );
      const closed = happened(connection, "close");
      client.end();
      await closed;
      record("server", server.events);
    },
  },
  {
    name: "ends a connection",
    section: "server",
    async run(ssh2, record, peers) {
      const server = journal();
      const { client, connection } = await loggedIn(ssh2, peers, (one) =>
        watch(one, ["error", "end", "close"], server.note),
      );
      const side = journal();
      watch(client, ["error", "end", "close"], side.note);
      const closed = Promise.all([happened(connection, "close"), happened(client, "close")]);
      record("returns itself", (connection.end() as unknown) === connection);
      await closed;
      connection.end();
      record("server", server.events);
      record("client", side.events);
    },
  },
  {
    name: "reports the reason of a disconnect",
    section: "server",
    async run(ssh2, record, peers) {
      for (const reason of [2, 10, 77]) {
        const server = journal();
        const { client, connection } = await loggedIn(ssh2, peers, (one) =>
          watch(one, ["error", "end", "close"], server.note),
        );
        const closed = happened(connection, "close");
        inside(client)._protocol.disconnect(reason);
        await closed;
        record("server", server.events);
      }
    },
  },
  {
    name: "reports a reset",
    section: "server",
    async run(ssh2, record, peers) {
      const server = journal();
      const { client, connection } = await loggedIn(ssh2, peers, (one) => watch(one, ["error", "close"], server.note));
      const closed = happened(connection, "close");
      inside(client)._sock.resetAndDestroy();
      await closed;
      record("server", server.events);
    },
  },
  {
    name: "ignores peers that do not speak SSH",
    section: "server",
    async run(ssh2, record, peers) {
      const server = journal();
      const one = await served(ssh2, peers, (connection) => {
        server.note("connection");
        connection.on("authentication", (context) => context.accept());
      });
      const socket = connect(one.port, "127.0.0.1");
      socket.on("error", () => {}).resume();
      socket.end("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
      await once(socket, "close");
      await one.client();
      record("server", server.events);
    },
  },
  {
    name: "exchanges keys again",
    section: "server",
    async run(ssh2, record, peers) {
      const server = journal();
      const { client, connection } = await loggedIn(ssh2, peers, (one) => {
        one.on("rekey", () => server.note("rekey"));
        one.on("handshake", () => server.note("handshake"));
      });
      record("callback", ...(await called((done) => connection.rekey(done))));
      record("callback", ...(await called((done) => connection.rekey(done))));
      await called((done) => client.exec("refused", done));
      record("server", server.events);
    },
  },
  {
    name: "serves a socket that it is given",
    section: "server",
    async run(ssh2, record, peers) {
      const server = new ssh2.Server({ hostKeys: [keys.host.private] }, (connection, info) => {
        record("family", info.family);
        connection.on("authentication", (context) => context.accept());
      });
      const plain = createServer((socket) => server.injectSocket(socket)).listen(0, "127.0.0.1");
      await once(plain, "listening");
      peers.after(() => called((done) => plain.close(done)));
      const client: Client = new peers.ssh2.Client();
      peers.after(() => client.destroy());
      client.connect({ host: "127.0.0.1", port: (plain.address() as AddressInfo).port, username: "alice" });
      await ended(client, "ready");
    },
  },
  {
    name: "is a listener like that of `net`",
    section: "server",
    async run(ssh2, record) {
      const server = new ssh2.Server({ hostKeys: [keys.host.private] });
      const side = journal();
      watch(server, ["listening", "close"], side.note);
      record("chains", server.listen(0, "127.0.0.1") === server, server.ref() === server, server.unref() === server);
      await once(server, "listening");
      const { address, family } = server.address() as AddressInfo;
      record("address", address, family);
      record("connections", await called((done) => server.getConnections(done)));
      record("closed", await called((done) => server.close(done)));
      record("closed again", await called((done) => server.close(done)));
      record("events", side.events);
      const taken = createServer().listen(0, "127.0.0.1");
      await once(taken, "listening");
      const second = new ssh2.Server({ hostKeys: [keys.host.private] });
      second.listen((taken.address() as AddressInfo).port, "127.0.0.1");
      const [error] = (await once(second, "error")) as [NodeJS.ErrnoException];
      record("error", error.code);
      await called((done) => taken.close(done));
    },
  },
  {
    name: "counts its connections and closes those beyond the maximum",
    section: "server",
    async run(ssh2, record, peers) {
      const { client, served: one } = await loggedIn(ssh2, peers, () => {});
      const server = one.server as typeof one.server & { maxConnections: number };
      record("open", await called((done) => server.getConnections(done)));
      server.maxConnections = 1;
      const refused = one.connecting();
      record("refused", ...(await ended(refused, "error")));
      client.end();
      await happened(client, "close");
    },
  },
  {
    name: "honours a replaced `end` of the socket",
    section: "server",
    async run(ssh2, record, peers) {
      const { client, connection } = await loggedIn(ssh2, peers, () => {});
      const socket = inside(connection)._sock;
      const end = socket.end.bind(socket) as (...args: unknown[]) => Socket;
      const isReplaced = new Promise<void>((resolve) => {
        socket.end = (...args: unknown[]): Socket => {
          resolve();
          return end(...args);
        };
      });
      const closed = happened(client, "close");
      connection.end();
      await isReplaced;
      await closed;
      record("called");
    },
  },
  {
    name: "has no channels before the login",
    section: "server",
    async run(ssh2: Ssh2, record, peers) {
      const { connection } = await loggedIn(ssh2, peers, (one) => {
        record("channels", Object.keys(one).includes("_chanMgr"), managed(one));
      });
      record("after", managed(connection));
    },
  },
];

function managed(connection: unknown): unknown {
  return (connection as { readonly _chanMgr: { readonly _count: number } })._chanMgr._count;
}
