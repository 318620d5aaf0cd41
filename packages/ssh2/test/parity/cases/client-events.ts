import { once } from "node:events";
import { connect as connectSocket, Socket } from "node:net";
import { Duplex } from "node:stream";
import type { ClientChannel } from "ssh2";
import type { Case } from "../case.ts";
import { closed, serve, serveAnybody, watch } from "../client-peers.ts";

const section = "client: events";

/** A case that does something in an event of a connection that would succeed. */
function doing(what: "end" | "destroy", event: string): Case {
  return {
    name: `${what}() in ${event}`,
    section,
    async run({ Client }, record, peers) {
      const target = await serveAnybody(peers, { greeting: "Hello", banner: "Welcome" });
      const client = new Client();
      watch(client, record, peers);
      client.once(event as "ready", () => {
        client[what]();
        client[what]();
      });
      const over = closed(client);
      client.connect(target);
      await over;
    },
  };
}

export const cases: readonly Case[] = [
  {
    name: "come in order, with their texts",
    section,
    async run({ Client }, record, peers) {
      const target = await serveAnybody(peers, { greeting: "Hello\r\nthere", banner: "Welcome\r\nhere" });
      const client = new Client();
      watch(client, record, peers);
      client.on("handshake", ({ cs, sc }) => record("handshake", cs.compress, cs.lang, sc.compress, sc.lang));
      client.on("ready", () => client.end());
      const over = closed(client);
      record("returns itself", client.connect({ ...target, password: "x" }) === client);
      await over;
    },
  },
  doing("end", "connect"),
  doing("end", "greeting"),
  doing("end", "handshake"),
  doing("end", "banner"),
  doing("end", "ready"),
  doing("destroy", "connect"),
  doing("destroy", "handshake"),
  doing("destroy", "ready"),
  {
    name: "end() before the socket connects",
    section,
    async run({ Client }, record, peers) {
      const target = await serveAnybody(peers);
      const client = new Client();
      watch(client, record, peers);
      const over = closed(client);
      record("returns itself", client.connect(target).end() === client);
      await over;
    },
  },
  {
    name: "methods without a socket throw",
    section,
    async run({ Client }, record) {
      const client = new Client();
      const calls: readonly (() => unknown)[] = [
        () => client.exec("true", () => {}),
        () => client.shell(() => {}),
        () => client.subsys("x", () => {}),
        () => client.sftp(() => {}),
        () => client.forwardOut("a", 1, "b", 2, () => {}),
        () => client.forwardIn("a", 1, () => {}),
        () => client.unforwardIn("a", 1, () => {}),
        () => client.openssh_forwardInStreamLocal("/a", () => {}),
        () => client.openssh_unforwardInStreamLocal("/a", () => {}),
        () => client.openssh_forwardOutStreamLocal("/a", () => {}),
        () => client.openssh_noMoreSessions(() => {}),
      ];
      for (const call of calls) {
        try {
          call();
          record("nothing thrown");
        } catch (error) {
          record("thrown", error);
        }
      }
      record("returned", client.end() === client, client.destroy() === client, client.setNoDelay() === client);
    },
  },
  {
    name: "connect() on a connected client ends it and connects again",
    section,
    async run({ Client }, record, peers) {
      const target = await serveAnybody(peers);
      const client = new Client();
      watch(client, record, peers);
      let connections = 0;
      const last = new Promise<void>((resolve) => {
        client.on("ready", () => {
          if (++connections === 1) client.connect({ ...target, username: "bob" });
          else client.end();
        });
        client.on("close", () => connections === 2 && resolve());
      });
      client.connect(target);
      await last;
    },
  },
  {
    name: "connect() in close connects again",
    section,
    async run({ Client }, record, peers) {
      const target = await serveAnybody(peers);
      const client = new Client();
      watch(client, record, peers);
      let connections = 0;
      const last = new Promise<void>((resolve) => {
        client.on("ready", () => client.end());
        client.on("close", () => {
          if (++connections === 3) resolve();
          else client.connect(target);
        });
      });
      client.connect(target);
      await last;
    },
  },
  {
    name: "timeout of a silent server",
    section,
    async run({ Client }, record, peers) {
      const target = await serveAnybody(peers);
      const client = new Client();
      watch(client, record, peers);
      client.once("timeout", () => client.end());
      const over = closed(client);
      client.connect({ ...target, timeout: 600 });
      await over;
    },
  },
  {
    name: "over a socket that connects later, and one that is connected",
    section,
    async run({ Client }, record, peers) {
      const target = await serveAnybody(peers);
      for (const wait of [false, true]) {
        const sock = new Socket();
        sock.connect(target.port, target.host);
        if (wait) await once(sock, "connect");
        const client = new Client();
        watch(client, record, peers);
        client.on("ready", () => client.end());
        const over = closed(client);
        client.connect({ sock, username: "alice", hostVerifier: () => true });
        record("_sock", (client as unknown as { _sock: unknown })._sock === sock);
        await over;
      }
    },
  },
  {
    name: "over a Duplex",
    section,
    async run({ Client }, record, peers) {
      const target = await serveAnybody(peers);
      const socket = connectSocket({ port: target.port, host: target.host, noDelay: true });
      peers.after(() => socket.destroy());
      const sock = new Duplex({
        read: () => socket.resume(),
        write: (chunk, _encoding, done) => void socket.write(chunk as Buffer, done),
        final: (done) => void socket.end(done),
        destroy: (error, done) => {
          socket.destroy();
          done(error);
        },
      });
      socket.on("data", (chunk) => void sock.push(chunk));
      socket.on("end", () => sock.push(null));
      const client = new Client();
      watch(client, record, peers);
      client.on("ready", () => client.end());
      const over = closed(client);
      client.connect({ sock, username: "alice", hostVerifier: () => true });
      await over;
    },
  },
  {
    name: "over a command whose error output is drained",
    section,
    async run({ Client }, record, peers) {
      const inner = await serveAnybody(peers);
      const outer = await serve(peers, (connection) => {
        connection.on("authentication", (context) => context.accept());
        connection.on("session", (accept) => {
          accept().on("exec", (acceptExec) => {
            const channel = acceptExec();
            const socket = connectSocket({ port: inner.port, host: inner.host, noDelay: true });
            socket.on("error", () => {});
            for (let line = 0; line < 100; line++) channel.stderr.write(`${"noise".repeat(1000)}\n`);
            channel.pipe(socket).pipe(channel);
          });
        });
      });
      const jump = new Client();
      peers.after(() => jump.destroy());
      jump.connect(outer);
      await once(jump, "ready");
      const sock = await new Promise<ClientChannel>((resolve, reject) => {
        jump.exec("nc inner 22", (error, channel) => (error ? reject(error) : resolve(channel)));
      });
      const client = new Client();
      watch(client, record, peers);
      client.on("ready", () => client.end());
      const over = closed(client);
      client.connect({ sock, username: "alice", hostVerifier: () => true });
      await over;
    },
  },
  {
    name: "over a forwarded connection of a jump host",
    section,
    async run({ Client }, record, peers) {
      const inner = await serveAnybody(peers, { ident: "Inner_1" });
      const outer = await serve(peers, (connection) => {
        connection.on("authentication", (context) => context.accept());
        connection.on("tcpip", (accept, _reject, { destIP, destPort }) => {
          record("outer: tcpip", destIP, destPort);
          const channel = accept();
          const socket = connectSocket({ port: inner.port, host: inner.host, noDelay: true });
          socket.on("error", () => {});
          channel.pipe(socket).pipe(channel);
        });
      });
      const jump = new Client();
      watch(jump, (event, ...values) => record(`jump: ${event}`, ...values), peers);
      jump.connect(outer);
      await once(jump, "ready");
      const sock = await new Promise<ClientChannel>((resolve, reject) => {
        jump.forwardOut("127.0.0.1", 0, "inner", 22, (error, channel) => (error ? reject(error) : resolve(channel)));
      });
      const client = new Client();
      watch(client, record, peers);
      client.on("ready", () => client.end());
      const over = closed(client);
      client.connect({ sock, username: "alice", hostVerifier: () => true });
      await over;
      const jumpOver = closed(jump);
      jump.end();
      await jumpOver;
    },
  },
  {
    name: "handshake after a rekey of the server",
    section,
    async run({ Client }, record, peers) {
      const target = await serve(peers, (connection) => {
        connection.on("authentication", (context) => context.accept());
        connection.on("ready", () => connection.rekey(() => record("server: rekeyed")));
      });
      const client = new Client();
      watch(client, record, peers);
      let handshakes = 0;
      const second = new Promise<void>((resolve) => {
        client.on("handshake", () => {
          record("handshake");
          if (++handshakes === 2) resolve();
        });
      });
      const over = closed(client);
      client.connect(target);
      await second;
      client.end();
      await over;
    },
  },
  {
    name: "config and version of the server",
    section,
    async run({ Client }, record, peers) {
      const target = await serveAnybody(peers, { ident: "Test_1.0" });
      const client = new Client();
      watch(client, record, peers);
      const { config: before } = client as unknown as { config: Record<string, unknown> };
      record(
        "before",
        Object.keys(before).sort(),
        Object.values(before).every((value) => value === undefined),
      );
      client.on("ready", () => {
        const { config, _remoteVer } = client as unknown as { config: Record<string, unknown>; _remoteVer: string };
        record("config", { ...config, port: 0 }, _remoteVer);
        client.end();
      });
      const over = closed(client);
      client.connect({ ...target, password: "x", ident: "Client_1", readyTimeout: 5000, keepaliveInterval: 10_000 });
      await over;
    },
  },
];
