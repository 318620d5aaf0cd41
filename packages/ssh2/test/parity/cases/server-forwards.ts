import type { Client, ClientChannel, Connection } from "ssh2";
import type { Case, Recorder } from "../case.ts";
import { called, happened, journal, loggedIn, textOf } from "../serving.ts";

/** Sends text through a channel and resolves with what the other end echoes. */
async function echoed(channel: ClientChannel, text: string): Promise<string> {
  channel.end(text);
  return textOf(channel);
}

type Requested = (
  accept: ((port?: number) => void) | undefined,
  reject: (() => void) | undefined,
  name: string,
  info: unknown,
) => void;

function onRequest(connection: Connection, listener: Requested): void {
  (connection as NodeJS.EventEmitter).on("request", listener);
}

const opened = (open: (done: never) => unknown): Promise<unknown[]> => called((done) => open(done as never));

export const cases: readonly Case[] = [
  {
    name: "connects to an address for the client",
    section: "server",
    async run(ssh2, record, peers) {
      const { client } = await loggedIn(ssh2, peers, (connection) => {
        connection.on("tcpip", (accept, reject, info) => {
          record("tcpip", typeof reject, info);
          const channel = accept();
          record("accepted", (channel as unknown as { readonly type: unknown }).type);
          channel.pipe(channel);
        });
      });
      const [error, channel] = await opened((done) => client.forwardOut("192.0.2.1", 1234, "example.org", 80, done));
      record("opened", error, await echoed(channel as ClientChannel, "to and fro"));
    },
  },
  {
    name: "connects to a socket path for the client",
    section: "server",
    async run(ssh2, record, peers) {
      const { client } = await loggedIn(ssh2, peers, (connection) => {
        (connection as NodeJS.EventEmitter).on(
          "openssh.streamlocal",
          (accept: () => ClientChannel, _reject: unknown, info: unknown) => {
            record("streamlocal", info);
            const channel = accept();
            channel.pipe(channel);
          },
        );
      });
      const [error, channel] = await opened((done) => client.openssh_forwardOutStreamLocal("/run/example", done));
      record("opened", error, await echoed(channel as ClientChannel, "to and fro"));
    },
  },
  {
    name: "refuses forwards without a listener, and those that it rejects",
    section: "server",
    async run(ssh2, record, peers) {
      const { client, connection } = await loggedIn(ssh2, peers, () => {}, { strictVendor: false });
      const tcpip = (): Promise<unknown[]> => opened((done) => client.forwardOut("", 0, "example.org", 80, done));
      const path = (): Promise<unknown[]> => opened((done) => client.openssh_forwardOutStreamLocal("/run/a", done));
      record("no listener", await tcpip(), await path());
      connection.on("tcpip", (_accept, reject) => {
        reject();
        reject();
      });
      connection.on("openssh.streamlocal", (_accept: unknown, reject: () => void) => reject());
      record("rejected", await tcpip(), await path());
    },
  },
  {
    name: "accepts a forward and a session of a client that has gone",
    section: "server",
    async run(ssh2, record, peers) {
      const accepts = new Map<string, () => NodeJS.WritableStream>();
      const { client, connection } = await loggedIn(ssh2, peers, (one) => {
        for (const event of ["tcpip", "session"])
          (one as NodeJS.EventEmitter).on(event, (accept: () => NodeJS.WritableStream) => {
            accepts.set(event, accept);
            if (accepts.size === 2) client.destroy();
          });
      });
      const gone = happened(connection, "close");
      client.forwardOut("192.0.2.1", 1234, "example.org", 80, () => {});
      client.exec("late", () => {});
      await gone;
      for (const [event, accept] of accepts) {
        const accepted = accept();
        record(event, accepted.constructor.name, accept());
        if (event === "tcpip") accepted.end("too late");
      }
      await new Promise(setImmediate);
    },
  },
  {
    name: "listens for the client, and forwards connections to it",
    section: "server",
    async run(ssh2, record, peers) {
      const { client, connection } = await loggedIn(ssh2, peers, (one) => {
        onRequest(one, (accept, reject, name, info) => {
          record(name, typeof accept, typeof reject, info);
          accept?.(4567);
        });
      });
      record("port", ...(await opened((done) => client.forwardIn("localhost", 0, done))));
      record("given", ...(await opened((done) => client.forwardIn("127.0.0.1", 99, done))));
      client.on("tcp connection", (info, accept) => {
        record("tcp connection", info);
        const channel = accept();
        channel.pipe(channel);
      });
      const [error, channel] = await opened((done) => connection.forwardOut("localhost", 4567, "192.0.2.7", 5, done));
      record("opened", error, await echoed(channel as ClientChannel, "to and fro"));
      record("cancelled", ...(await opened((done) => client.unforwardIn("localhost", 4567, done))));
    },
  },
  {
    name: "listens at a socket path for the client",
    section: "server",
    async run(ssh2, record, peers) {
      const { client, connection } = await loggedIn(
        ssh2,
        peers,
        (one) => {
          onRequest(one, (accept, _reject, name, info) => {
            record(name, info);
            accept?.();
          });
        },
        { strictVendor: false },
      );
      record("listens", ...(await opened((done) => client.openssh_forwardInStreamLocal("/run/b", done))));
      client.on("unix connection", (info, accept) => {
        record("unix connection", info);
        const channel = accept();
        channel.pipe(channel);
      });
      const [error, channel] = await opened((done) => connection.openssh_forwardOutStreamLocal("/run/b", done));
      record("opened", error, await echoed(channel as ClientChannel, "to and fro"));
      record("cancelled", ...(await opened((done) => client.openssh_unforwardInStreamLocal("/run/b", done))));
    },
  },
  {
    name: "refuses requests without a listener, and those that it rejects",
    section: "server",
    async run(ssh2, record, peers) {
      const { client, connection } = await loggedIn(ssh2, peers, () => {}, { strictVendor: false });
      const listen = (): Promise<unknown[]> => opened((done) => client.forwardIn("", 0, done));
      record("no listener", ...(await listen()));
      onRequest(connection, (_accept, reject) => reject?.());
      record("rejected", ...(await listen()));
    },
  },
  {
    name: "answers requests in their order, also if it decides in another",
    section: "server",
    async run(ssh2, record, peers) {
      const waiting: (() => void)[] = [];
      const { client } = await loggedIn(ssh2, peers, (one) => {
        onRequest(one, (accept, reject, _name, info) => {
          const { bindPort } = info as { readonly bindPort: number };
          waiting.push(() => (bindPort % 2 === 0 ? accept?.() : reject?.()));
          if (waiting.length === 4) for (const decide of waiting.toReversed()) decide();
        });
      });
      const outcomes = await Promise.all(
        [2, 3, 4, 5].map((port) => opened((done) => client.forwardIn("a", port, done))),
      );
      record("outcomes", outcomes);
    },
  },
  {
    name: "reports channels that the client refuses",
    section: "server",
    async run(ssh2, record, peers) {
      const { client, connection } = await loggedIn(ssh2, peers, (one) => onRequest(one, (accept) => accept?.()));
      record("not requested", ...(await opened((done) => connection.forwardOut("a", 1, "b", 2, done))));
      await opened((done) => client.forwardIn("a", 1, done));
      client.on("tcp connection", (_info, _accept, reject) => reject());
      record("rejected", ...(await opened((done) => connection.forwardOut("a", 1, "b", 2, done))));
      record("x11", ...(await opened((done) => connection.x11("192.0.2.1", 6000, done))));
    },
  },
  {
    name: "opens channels of X11 to the client",
    section: "server",
    async run(ssh2, record, peers) {
      const { client, connection } = await loggedIn(ssh2, peers, (one) => {
        one.on("session", (accept) => {
          const session = accept();
          session.on("x11", (acceptX11) => acceptX11?.());
          session.on("shell", (acceptShell) => acceptShell());
        });
      });
      await opened((done) => client.shell(false, { x11: true } as never, done));
      client.on("x11", (info, accept) => {
        record("x11", info);
        const channel = accept();
        channel.pipe(channel);
      });
      const [error, channel] = await opened((done) => connection.x11("192.0.2.1", 6010, done));
      record("opened", error, await echoed(channel as ClientChannel, "to and fro"));
    },
  },
  {
    name: "refuses sessions after the client gave them up",
    section: "server",
    async run(ssh2, record, peers) {
      const { client, connection } = await loggedIn(
        ssh2,
        peers,
        (one) => {
          one.on("session", (accept) => accept());
        },
        { strictVendor: false },
      );
      record("no listener", ...(await noMore(client)), flag(connection));
      onRequest(connection, (_accept, _reject, name) => record("request", name));
      record("given up", ...(await noMore(client)), flag(connection));
      record("session", ...(await opened((done) => client.exec("ls", done))));
    },
  },
  {
    name: "refuses sessions if the application says so",
    section: "server",
    async run(ssh2, record, peers) {
      const { client } = await loggedIn(ssh2, peers, (one) => {
        one.on("session", (accept) => accept());
        Object.assign(one, { noMoreSessions: true });
      });
      record("session", ...(await opened((done) => client.exec("ls", done))));
    },
  },
  {
    name: "ends what the client still waits for when it ends the connection",
    section: "server",
    async run(ssh2, record: Recorder, peers) {
      const server = journal();
      const { client, connection } = await loggedIn(ssh2, peers, (one) => one.on("tcpip", () => server.note("tcpip")));
      const asked = happened(connection, "tcpip");
      const outcome = opened((done) => client.forwardOut("a", 1, "b", 2, done));
      await asked;
      connection.end();
      record("outcome", ...(await outcome));
      record("server", server.events);
    },
  },
];

const noMore = (client: Client): Promise<unknown[]> => opened((done) => client.openssh_noMoreSessions(done));

function flag(connection: Connection): unknown {
  return (connection as unknown as { readonly noMoreSessions: unknown }).noMoreSessions;
}
