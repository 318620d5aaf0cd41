import { PassThrough } from "node:stream";
import type { Client, ClientChannel, Connection, ServerChannel, Session } from "ssh2";
import type { Case, Peers, Recorder, Ssh2 } from "../case.ts";
import { called, happened, journal, loggedIn, watch } from "../serving.ts";

/** Returns a case in which each session is accepted. It records the journal of the server at the end. */
function session(
  name: string,
  onSession: (one: Session, note: Recorder, connection: Connection) => void,
  use: (client: Client, record: Recorder) => Promise<void>,
  config: object = {},
): Case {
  return {
    name,
    section: "server",
    async run(ssh2: Ssh2, record: Recorder, peers: Peers) {
      const server = journal();
      const { client } = await loggedIn(
        ssh2,
        peers,
        (connection) => {
          connection.on("session", (accept) => onSession(accept(), server.note, connection));
        },
        config,
      );
      await use(client, record);
      record("server", server.events);
    },
  };
}

/** Resolves when the channel has closed, with its output and what "close" says. */
async function output(channel: ClientChannel): Promise<unknown[]> {
  let text = "";
  channel.on("data", (chunk: Buffer) => (text += String(chunk)));
  channel.stderr.on("data", (chunk: Buffer) => (text += `[${String(chunk)}]`));
  channel.on("exit", (...values: unknown[]) => (text += `<exit ${values.join(" ")}>`));
  const closed = await happened(channel, "close");
  return [text, ...closed];
}

/** Starts a program and resolves with the error, or with its output. Its listeners are there before its first event. */
function run(start: (done: (error: Error | undefined, channel: ClientChannel) => void) => unknown): Promise<unknown[]> {
  return new Promise((resolve) => {
    start((error, channel) => resolve(error === undefined ? output(channel) : ["refused", error]));
  });
}

function executed(client: Client, command: string, options: object = {}): Promise<unknown[]> {
  return run((done) => client.exec(command, options, done));
}

const finish = (channel: ServerChannel, status: number): void => {
  channel.exit(status);
  channel.end();
};

export const cases: readonly Case[] = [
  session(
    "runs a command with its environment and terminal",
    (one, note) => {
      one.on("env", (accept, reject, info) => {
        note("env", typeof accept, typeof reject, info);
        accept?.();
      });
      one.on("pty", (accept, reject, info) => {
        note("pty", typeof accept, typeof reject, info);
        accept();
      });
      one.on("exec", (accept, reject, info) => {
        note("exec", typeof accept, typeof reject, info);
        const channel = accept();
        note("channel", channel.type, channel.subtype, (one as unknown as { readonly subtype: string }).subtype);
        channel.write("out");
        channel.stderr.write("err");
        finish(channel, 3);
      });
    },
    async (client, record) => {
      const options = { env: { LANG: "C" }, pty: { rows: 30, cols: 100, term: "xterm" } };
      record("output", ...(await executed(client, "ls -l 'ü'", options)));
    },
  ),
  {
    ...session(
      "gets the modes of a terminal",
      (one, note) => {
        one.on("pty", (accept, _reject, info) => {
          note("modes", info.modes);
          accept();
        });
        one.on("exec", (accept) => finish(accept(), 0));
      },
      async (client, record) => {
        record("output", ...(await executed(client, "stty", { pty: { modes: { ECHO: 0, VINTR: 3 } } })));
      },
    ),
    differs: "terminal modes",
    expected: {
      ssh2: [
        ["output", "<exit 0>", 0],
        ["server", [["modes", {}]]],
      ],
      nacre: [
        ["output", "<exit 0>", 0],
        ["server", [["modes", { ECHO: 0, VINTR: 3 }]]],
      ],
    },
  },
  session(
    "runs a shell, and gets its window changes and signals",
    (one, note) => {
      one.on("pty", (accept) => accept());
      one.on("window-change", (accept, reject, info) => note("window-change", typeof accept, typeof reject, info));
      one.on("signal", (accept, reject, info) => note("signal", typeof accept, typeof reject, info));
      one.on("shell", (accept) => {
        const channel = accept();
        channel.on("data", (chunk: Buffer) => {
          note("data", chunk);
          channel.write(chunk);
        });
        channel.on("end", () => {
          note("end");
          finish(channel, 0);
        });
      });
    },
    async (client, record) => {
      const [, channel] = (await called((done) => client.shell(done as never))) as [unknown, ClientChannel];
      const seen = happened(channel, "data");
      channel.write("hello");
      record("echo", ...(await seen));
      channel.setWindow(50, 120, 600, 800);
      channel.signal("INT");
      channel.signal("SIGTERM");
      channel.end();
      record("output", ...(await output(channel)));
    },
  ),
  session(
    "reports a signal that ended a command",
    (one) => {
      one.on("exec", (accept) => {
        const channel = accept();
        (channel.exit as (...args: unknown[]) => void)("SIGKILL", true, "killed by test");
        channel.end();
      });
    },
    async (client, record) => {
      record("output", ...(await executed(client, "sleep")));
    },
  ),
  session(
    "runs a subsystem, and refuses others",
    (one, note) => {
      one.on("subsystem", (accept, reject, info) => {
        note("subsystem", info);
        if (info.name !== "echo") return reject();
        const channel = accept();
        note("channel", channel.subtype);
        finish(channel, 0);
      });
    },
    async (client, record) => {
      for (const name of ["echo", "other", "sftp"]) record(name, ...(await run((done) => client.subsys(name, done))));
    },
  ),
  session(
    "refuses what it rejects",
    (one) => {
      one.on("pty", (_accept, reject) => reject());
      one.on("exec", (_accept, reject) => reject());
      one.on("shell", (_accept, reject) => reject());
    },
    async (client, record) => {
      record("pty", ...(await executed(client, "a", { pty: true })));
      record("exec", ...(await executed(client, "b")));
      record("shell", ...(await called((done) => client.shell(false, done as never))));
    },
  ),
  session(
    "refuses what nobody listens for",
    () => {},
    async (client, record) => {
      record("exec", ...(await executed(client, "a")));
      record("env", ...(await executed(client, "a", { env: { A: "b" } })));
      record("pty", ...(await executed(client, "a", { pty: true })));
      record("shell", ...(await called((done) => client.shell(false, done as never))));
      record("subsys", ...(await called((done) => client.subsys("a", done))));
      record("sftp", ...(await called((done) => client.sftp(done))));
    },
  ),
  {
    name: "refuses sessions without a listener, and those that it rejects",
    section: "server",
    async run(ssh2, record, peers) {
      const { client, connection } = await loggedIn(ssh2, peers, () => {});
      record("no listener", ...(await executed(client, "a")));
      connection.on("session", (_accept, reject) => reject());
      record("rejected", ...(await executed(client, "a")));
    },
  },
  session(
    "ends a session after its command",
    (one, note) => {
      watch(one, ["eof", "end", "close"], (event) => note(`session ${event}`));
      one.on("exec", (accept) => {
        const channel = accept();
        note("again", accept(), (one as unknown as { readonly _channel: unknown })._channel === channel);
        channel.resume();
        watch(channel, ["end", "close"], (event) => note(`channel ${event}`));
        channel.on("end", () => finish(channel, 0));
      });
    },
    async (client, record) => {
      const [, channel] = (await called((done) => client.exec("cat", done as never))) as [unknown, ClientChannel];
      channel.end("input");
      record("output", ...(await output(channel)));
      const closed = happened(client, "close");
      client.end();
      await closed;
    },
  ),
  session(
    "gets the requests of X11 and of agents",
    (one, note) => {
      one.on("x11", (accept, reject, info) => {
        note("x11", typeof accept, typeof reject, { ...info, cookie: Buffer.isBuffer(info.cookie) });
        accept?.();
      });
      one.on("auth-agent", (accept, reject) => {
        note("auth-agent", typeof accept, typeof reject);
        accept?.();
      });
      one.on("exec", (accept) => finish(accept(), 0));
    },
    async (client, record) => {
      const x11 = {
        single: true,
        screen: 2,
        protocol: "MIT-MAGIC-COOKIE-1",
        cookie: "00112233445566778899aabbccddeeff",
      };
      record("output", ...(await executed(client, "xclock", { x11, agentForward: true })));
    },
    { agent: "/nowhere", agentForward: true },
  ),
  session(
    "decides later",
    (one) => {
      one.on("exec", (accept) => {
        setImmediate(() => {
          const channel = accept();
          channel.end("late");
          channel.exit(4);
        });
      });
    },
    async (client, record) => {
      record("output", ...(await executed(client, "wait")));
      record("both", ...(await Promise.all([executed(client, "one"), executed(client, "two")])));
    },
  ),
  session(
    "carries much output in both directions",
    (one) => {
      one.on("exec", (accept) => {
        const channel = accept();
        channel.pipe(new PassThrough()).pipe(channel);
        channel.on("end", () => channel.exit(0));
      });
    },
    async (client, record) => {
      const [, channel] = (await called((done) => client.exec("cat", done as never))) as [unknown, ClientChannel];
      const input = Buffer.alloc(3 * 1024 * 1024, "0123456789abcdef-");
      const chunks: Buffer[] = [];
      channel.on("data", (chunk: Buffer) => chunks.push(chunk));
      channel.end(input);
      await happened(channel, "close");
      record("equal", Buffer.concat(chunks).equals(input));
    },
  ),
  {
    name: "ends channels when the connection is lost",
    section: "server",
    async run(ssh2, record, peers) {
      const server = journal();
      const { client, connection } = await loggedIn(ssh2, peers, (one) => {
        one.on("session", (accept) => {
          const session = accept();
          session.on("shell", (acceptShell) => {
            const channel = acceptShell();
            channel.resume();
            watch(channel, ["end", "close"], server.note);
          });
        });
      });
      await called((done) => client.shell(false, done as never));
      const closed = happened(connection, "close");
      client.destroy();
      await closed;
      await new Promise(setImmediate);
      record("server", server.events);
    },
  },
];
