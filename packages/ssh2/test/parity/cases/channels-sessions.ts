import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Connection, PseudoTtyInfo, Session, X11Info } from "ssh2";
import type { Case } from "../case.ts";
import {
  eachSession,
  exec,
  inOnePiece,
  logIn,
  openAgent,
  opened,
  readAll,
  runs,
  watch,
  watchAll,
  watched,
} from "../sessions.ts";

const section = "channels";

/** Grants each request of a session, records it, and ends each command with success. */
function granting(record: (event: string, ...values: unknown[]) => void): (connection: Connection) => void {
  return eachSession((session: Session) => {
    session.on("env", (accept, _reject, info) => {
      record("env", info.key, info.val, typeof accept);
      accept?.();
    });
    session.on("pty", (accept, _reject, info: PseudoTtyInfo) => {
      record("pty", info);
      accept?.();
    });
    session.on("x11", (accept, _reject, info: X11Info) => {
      const { single, protocol, cookie, screen } = info as X11Info & { single: boolean };
      record("x11", single, protocol, cookie.length === 32 ? "random" : cookie, screen);
      accept?.();
    });
    session.on("auth-agent", (accept) => {
      record("auth-agent");
      accept?.();
    });
    session.on("exec", (accept, _reject, { command }) => {
      record("exec", command);
      const channel = accept();
      channel.exit(0);
      channel.end();
    });
    session.on("shell", (accept) => {
      record("shell");
      const channel = accept();
      channel.exit(0);
      channel.end();
    });
    session.on("subsystem", (accept, _reject, { name }) => {
      record("subsystem", name);
      accept().end();
    });
  });
}

/** Starts each command and ends it in one packet. */
const endsInOnePacket = (connection: Connection): void =>
  eachSession((session) =>
    session.on("exec", (accept) =>
      inOnePiece(connection, () => {
        const channel = accept();
        channel.write("out");
        channel.stderr.write("err");
        channel.exit(1);
        channel.end();
      }),
    ),
  )(connection);

/** Refuses each session. */
const refusesSessions = (connection: Connection): void => {
  connection.on("session", (_accept, reject) => reject());
};

/** Closes the channel of a command in place of an answer. */
const closesInPlaceOfAnAnswer = (connection: Connection): void => {
  const { _protocol } = connection as unknown as { _protocol: { channelClose(id: number): void } };
  // The client's number of its first channel.
  eachSession((session) => session.on("exec", () => _protocol.channelClose(0)))(connection);
};

/** Grants X11 and shells. */
const grantsX11 = (connection: Connection): void =>
  eachSession((session) => {
    session.on("x11", (accept) => accept?.());
    session.on("shell", (accept) => accept());
  })(connection);

export const cases: readonly Case[] = [
  {
    name: "runs a command with output, errors and a status",
    section,
    async run(ssh2, record, peers) {
      const serve = runs((channel, command) => {
        channel.write(`out of ${command}`);
        channel.stderr.write("err");
        channel.exit(7);
        channel.end();
      });
      const { client } = await logIn(ssh2, peers, serve);
      await watched(record, (callback) => client.exec("a command", callback));
    },
  },
  {
    name: "calls back before the events of a command that ends in one packet",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(ssh2, peers, endsInOnePacket);
      await new Promise<void>((resolve) =>
        client.exec("true", (error, channel) => {
          record("exec", error);
          void watchAll(record, channel).then(resolve);
        }),
      );
    },
  },
  {
    name: "reports the signal that ended a command",
    section,
    async run(ssh2, record, peers) {
      const serve = runs((channel) => {
        channel.exit("SIGKILL" as never, true as never, "out of memory" as never);
        channel.end();
      });
      const { client } = await logIn(ssh2, peers, serve);
      const channel = await watched(record, (callback) => client.exec("true", callback));
      record("_exit", (channel as unknown as { _exit: unknown })._exit);
    },
  },
  {
    name: "reports a signal without core and text",
    section,
    async run(ssh2, record, peers) {
      const serve = runs((channel) => {
        channel.exit("TERM" as never);
        channel.end();
      });
      const { client } = await logIn(ssh2, peers, serve);
      await watched(record, (callback) => client.exec("true", callback));
    },
  },
  {
    name: "closes without an exit if the server reports none",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(
        ssh2,
        peers,
        runs((channel) => channel.end("x")),
      );
      await watched(record, (callback) => client.exec("true", callback));
    },
  },
  {
    name: "reports the first of two exits",
    section,
    async run(ssh2, record, peers) {
      const serve = runs((channel) => {
        channel.exit(1);
        channel.exit(2);
        channel.end();
      });
      const { client } = await logIn(ssh2, peers, serve);
      await watched(record, (callback) => client.exec("true", callback));
    },
  },
  {
    name: "fails if the server refuses the command",
    section,
    async run(ssh2, record, peers) {
      const serve = eachSession((session) => session.on("exec", (_accept, reject) => reject()));
      const { client } = await logIn(ssh2, peers, serve);
      record("result", await exec(client).catch((error: unknown) => error));
    },
  },
  {
    name: "fails if the server refuses the channel",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(ssh2, peers, refusesSessions);
      record("result", await exec(client).catch((error: unknown) => error));
    },
  },
  {
    name: "fails if the server closes the channel in place of an answer",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(ssh2, peers, closesInPlaceOfAnAnswer);
      record("result", await exec(client).catch((error: unknown) => error));
    },
  },
  {
    name: "takes a command of bytes",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(ssh2, peers, granting(record));
      await watched(record, (callback) => client.exec(Buffer.from("echo ü") as never, callback));
    },
  },
  {
    name: "requests a terminal with the default values",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(ssh2, peers, granting(record));
      await watched(record, (callback) => client.exec("top", { pty: true }, callback));
    },
  },
  {
    name: "requests a terminal with given values and modes",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(ssh2, peers, granting(record));
      const pty = {
        rows: 50,
        cols: 132,
        height: 600,
        width: 800,
        term: "xterm-256color",
        modes: { ECHO: 0, VINTR: 3, TTY_OP_OSPEED: 38400, TTY_OP_END: 1, NONSENSE: 4 },
      };
      await watched(record, (callback) => client.exec("top", { pty: pty as never }, callback));
    },
  },
  {
    name: "takes terminal modes as bytes, and ignores values of a wrong type",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(ssh2, peers, granting(record));
      const pty = { rows: "50", cols: null, term: "", modes: Buffer.from([53, 0, 0, 0, 0, 0]) };
      await watched(record, (callback) => client.exec("top", { pty: pty as never }, callback));
    },
  },
  {
    name: "fails if the terminal is refused",
    section,
    async run(ssh2, record, peers) {
      const serve = eachSession((session) => {
        session.on("pty", (_accept, reject) => reject?.());
        session.on("close", () => record("session close"));
      });
      const { client } = await logIn(ssh2, peers, serve);
      record(
        "result",
        await opened((callback) => client.exec("a", { pty: true }, callback)).catch((error: unknown) => error),
      );
    },
  },
  {
    name: "sends variables first, then agent, terminal, X11 and command",
    section,
    async run(ssh2, record, peers) {
      const agent = join(peers.folder, "agent");
      const { client } = await logIn(ssh2, peers, granting(record), { agent });
      const options = { env: { LANG: "C", EMPTY: "" }, pty: true, x11: true, agentForward: true };
      await watched(record, (callback) => client.exec("a", options as never, callback));
    },
  },
  {
    name: "requests X11 with given values",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(ssh2, peers, granting(record));
      const x11 = { single: true, screen: 3, protocol: "XDM-AUTHORIZATION-1", cookie: "0102" };
      await watched(record, (callback) => client.exec("a", { x11: x11 }, callback));
      const cookie = Buffer.from([1, 171]);
      await watched(record, (callback) => client.exec("b", { x11: { cookie } }, callback));
      await watched(record, (callback) => client.exec("c", { x11: 3 }, callback));
    },
  },
  {
    name: "fails if X11 is refused",
    section,
    async run(ssh2, record, peers) {
      const serve = eachSession((session) => session.on("x11", (_accept, reject) => reject?.()));
      const { client } = await logIn(ssh2, peers, serve);
      record(
        "result",
        await opened((callback) => client.exec("a", { x11: true }, callback)).catch((error: unknown) => error),
      );
    },
  },
  {
    name: "accepts an X11 connection",
    section,
    async run(ssh2, record, peers) {
      const serve = (connection: Connection): void =>
        eachSession((session) => {
          session.on("x11", (accept) => accept?.());
          session.on("shell", (accept) => {
            accept();
            connection.x11("192.0.2.1", 4711, (error, channel) => {
              record("server", error);
              void readAll(channel).then((text) => record("server got", text));
              channel.end("to the display");
            });
          });
        })(connection);
      const { client } = await logIn(ssh2, peers, serve);
      const shown = new Promise<void>((resolve) =>
        client.on("x11", (info, accept) => {
          record("x11", info);
          const channel = accept();
          record("type", channel.type, channel.subtype, (channel as unknown as { server: boolean }).server);
          void watch(record, channel, "display").then(resolve);
          channel.end("from the display");
        }),
      );
      await opened((callback) => client.shell(false, { x11: true }, callback));
      // The type has no error output, so that its streams end with CLOSE.
      await shown;
    },
  },
  {
    name: "refuses an X11 connection, and those without a request",
    section,
    async run(ssh2, record, peers) {
      const { client, connection } = await logIn(ssh2, peers, grantsX11);
      const tryOne = (): Promise<unknown> =>
        new Promise((resolve) =>
          connection.x11("192.0.2.1", 4711, (error) => resolve((error as { reason?: unknown })?.reason)),
        );
      client.on("x11", (_info, _accept, reject) => {
        record("x11");
        reject();
      });
      record("before", await tryOne());
      await opened((callback) => client.shell(false, { x11: true }, callback));
      record("rejected", await tryOne());
    },
  },
  {
    name: "forwards the agent, requested once for each connection",
    section,
    async run(ssh2, record, peers) {
      const agent = join(peers.folder, "agent");
      // What the agent still answers when its channel has closed breaks its connection.
      const listener = createServer((socket) => socket.on("error", () => {}).pipe(socket)).listen(agent);
      await once(listener, "listening");
      peers.after(() => listener.close());
      const { client, connection } = await logIn(ssh2, peers, granting(record), { agent, agentForward: true });
      await watched(record, (callback) => client.exec("one", callback));
      await watched(record, (callback) => client.exec("two", callback));
      const channel = await openAgent(connection);
      channel.end("a request");
      record("answer", await readAll(channel));
    },
  },
  {
    name: "refuses agent connections without forwarding, or without an agent",
    section,
    async run(ssh2, record, peers) {
      const agent = join(peers.folder, "nobody");
      const { client, connection } = await logIn(ssh2, peers, granting(record), { agent });
      const tryOne = (): Promise<unknown> => openAgent(connection).catch(({ reason }: { reason: unknown }) => reason);
      record("before", await tryOne());
      await watched(record, (callback) => client.exec("a", { agentForward: true } as never, callback));
      record("after", await tryOne());
    },
  },
  {
    name: "fails if agent forwarding is refused, and requests it again",
    section,
    async run(ssh2, record, peers) {
      const serve = eachSession((session) => session.on("auth-agent", (_accept, reject) => reject?.()));
      const { client } = await logIn(ssh2, peers, serve, { agent: join(peers.folder, "nobody"), agentForward: true });
      for (let i = 0; i < 2; i++) record("result", await exec(client).catch((error: unknown) => error));
    },
  },
  {
    name: "starts a shell with a terminal",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(ssh2, peers, granting(record));
      const { subtype } = await watched(record, (callback) => client.shell(callback));
      record("subtype", subtype);
      await watched(record, (callback) => client.shell({ rows: 5, term: "ansi" }, callback));
    },
  },
  {
    name: "starts a shell without a terminal, and with options in place of it",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(ssh2, peers, granting(record));
      await watched(record, (callback) => client.shell(false, callback));
      await watched(record, (callback) => client.shell({ env: { A: "b" } }, callback));
      await watched(record, (callback) => client.shell({ cols: 9 }, { env: { A: "b" } }, callback));
    },
  },
  {
    name: "fails if the shell is refused",
    section,
    async run(ssh2, record, peers) {
      const serve = eachSession((session) => {
        session.on("pty", (accept) => accept?.());
        session.on("shell", (_accept, reject) => reject());
      });
      const { client } = await logIn(ssh2, peers, serve);
      record("result", await opened((callback) => client.shell(callback)).catch((error: unknown) => error));
    },
  },
  {
    name: "starts a subsystem",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(ssh2, peers, granting(record));
      const { subtype } = await watched(record, (callback) => client.subsys("netconf", callback));
      record("subtype", subtype);
    },
  },
  {
    name: "fails if a subsystem is refused, SFTP too",
    section,
    async run(ssh2, record, peers) {
      const serve = eachSession((session) => {
        session.on("subsystem", (_accept, reject) => reject());
        session.on("sftp" as never, (_accept: unknown, reject: () => void) => reject());
      });
      const { client } = await logIn(ssh2, peers, serve);
      record("subsys", await opened((callback) => client.subsys("netconf", callback)).catch((error: unknown) => error));
      record("sftp", await opened((callback) => client.sftp(callback as never)).catch((error: unknown) => error));
    },
  },
];
