import { createHash } from "node:crypto";
import { once } from "node:events";
import type { ClientChannel, ServerChannel } from "ssh2";
import type { Case } from "../case.ts";
import { exec, later, logIn, opened, readAll, runs, watch, watchAll, watchClient } from "../sessions.ts";

const section = "channels";

/** Reads all input, writes `answer`, and ends with success. */
const answering =
  (answer: string) =>
  (channel: ServerChannel): void => {
    channel.resume();
    channel.on("end", () => {
      channel.write(answer);
      channel.exit(0);
      channel.end();
    });
  };

const echo = (channel: ServerChannel): void => {
  channel.pipe(channel);
};

const bytes = (length: number): Buffer => Buffer.alloc(length, "0123456789abcdefg");
const hash = (data: string | Buffer): string => createHash("sha256").update(data).digest("hex");

interface Direction {
  readonly id: number;
  readonly window: number;
  readonly packetSize: number;
  readonly state: string;
}
interface Inner {
  readonly incoming: Direction;
  readonly outgoing: Direction;
  readonly server: boolean;
  readonly stdin: unknown;
  readonly stdout: unknown;
  readonly _client: unknown;
  readonly allowHalfOpen: boolean;
}
const inner = (channel: unknown): Inner => channel as Inner;

export const cases: readonly Case[] = [
  {
    name: "reads on after the end of its input",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(ssh2, peers, runs(answering("got it")));
      const channel = await exec(client);
      channel.end("input");
      await watch(record, channel);
    },
  },
  {
    name: "closes at the end of its input without allowHalfOpen",
    section,
    async run(ssh2, record, peers) {
      const serve = runs((channel) => {
        channel.on("end", () => record("server end"));
        channel.on("close", () => record("server close"));
        channel.resume();
      });
      const { client } = await logIn(ssh2, peers, serve);
      const channel = await opened((callback) => client.exec("cat", { allowHalfOpen: false }, callback));
      record("allowHalfOpen", inner(channel).allowHalfOpen);
      channel.end("input");
      await watch(record, channel);
    },
  },
  {
    name: "sends EOF with eof() and CLOSE with close()",
    section,
    async run(ssh2, record, peers) {
      const serve = runs((channel) => {
        channel.on("data", (data: Buffer) => record("server data", data));
        channel.on("end", () => record("server end"));
        channel.on("close", () => record("server close"));
      });
      const { client } = await logIn(ssh2, peers, serve);
      const channel = await exec(client);
      channel.write("a");
      (channel as unknown as { eof(): void }).eof();
      record("state", inner(channel).outgoing.state, channel.writable);
      const closed = watch(record, channel);
      channel.close();
      record("state", inner(channel).outgoing.state, channel.writable);
      await closed;
      record("state", inner(channel).outgoing.state, inner(channel).incoming.state);
    },
  },
  {
    name: "ends with destroy(), and drops its error",
    section,
    async run(ssh2, record, peers) {
      const serve = runs((channel) => {
        channel.on("close", () => record("server close"));
        channel.resume();
      });
      const { client } = await logIn(ssh2, peers, serve);
      const channel = await exec(client);
      const closed = watch(record, channel);
      record("returns the channel", (channel.destroy as (error: Error) => unknown)(new Error("dropped")) === channel);
      record("destroyed", channel.destroyed);
      await closed;
    },
  },
  {
    name: "takes the exit that follows its own CLOSE",
    section,
    async run(ssh2, record, peers) {
      let channelOfServer: ServerChannel | undefined;
      const { client } = await logIn(
        ssh2,
        peers,
        runs((channel) => {
          channelOfServer = channel;
          channel.resume();
          (channel as unknown as { eof(): void }).eof();
        }),
      );
      const channel = await exec(client);
      const closed = watch(record, channel);
      channel.end();
      await once(channel, "end");
      await later();
      record("state", inner(channel).outgoing.state);
      // As a command whose output ends before it does.
      channelOfServer?.exit(9);
      channelOfServer?.close();
      await closed;
    },
  },
  {
    name: "carries 5 MiB in both directions, with drain",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(ssh2, peers, runs(echo));
      const channel = await exec(client);
      const all = bytes(5 * 2 ** 20);
      const received = readAll(channel);
      for (let at = 0; at < all.length; at += 2 ** 16)
        if (!channel.write(all.subarray(at, at + 2 ** 16))) await once(channel, "drain");
      channel.end();
      record("hash", hash(Buffer.from(await received, "latin1")) === hash(all));
    },
  },
  {
    name: "takes one write of 5 MiB",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(ssh2, peers, runs(echo));
      const channel = await exec(client);
      const all = bytes(5 * 2 ** 20);
      const received = readAll(channel);
      record(
        "write",
        channel.write(all, (error) => record("written", error)),
      );
      channel.end();
      record("hash", hash(Buffer.from(await received, "latin1")) === hash(all));
    },
  },
  {
    name: "loses nothing while it is paused",
    section,
    async run(ssh2, record, peers) {
      const all = bytes(3 * 2 ** 20);
      const { client } = await logIn(
        ssh2,
        peers,
        runs((channel) => channel.end(all)),
      );
      const channel = await exec(client);
      const parts: Buffer[] = [];
      let pauses = 0;
      channel.on("data", (data: Buffer) => {
        parts.push(data);
        if (++pauses % 10 !== 0) return;
        channel.pause();
        setImmediate(() => channel.resume());
      });
      await once(channel, "end");
      record("hash", hash(Buffer.concat(parts)) === hash(all));
    },
  },
  {
    name: "reads errors to their end before output",
    section,
    async run(ssh2, record, peers) {
      const all = bytes(2.5 * 2 ** 20);
      const serve = runs((channel) => {
        channel.write(all, () => channel.stderr.write("err", () => channel.end()));
      });
      const { client } = await logIn(ssh2, peers, serve);
      const channel = await exec(client);
      const [errors] = (await once(channel.stderr, "data")) as [Buffer];
      record("errors", errors);
      record("hash", hash(Buffer.from(await readAll(channel), "latin1")) === hash(all));
    },
  },
  {
    name: "does not close before its output is read",
    section,
    async run(ssh2, record, peers) {
      const serve = runs((channel) => {
        channel.write("unread");
        channel.exit(0);
        channel.end();
      });
      const { client } = await logIn(ssh2, peers, serve);
      const channel = await new Promise<ClientChannel>((resolve) =>
        client.exec("true", (_error, opened) => {
          for (const event of ["exit", "end", "close"])
            opened.on(event, (...values: unknown[]) => record(event, ...values));
          opened.on("exit", () => resolve(opened));
        }),
      );
      await later();
      await later();
      record("read");
      const closed = once(channel, "close");
      channel.resume();
      await closed;
    },
  },
  {
    name: "closes while its errors are unread",
    section,
    async run(ssh2, record, peers) {
      const serve = runs((channel) => {
        channel.stderr.write("unread");
        channel.exit(0);
        channel.end();
      });
      const { client } = await logIn(ssh2, peers, serve);
      await new Promise<void>((resolve) =>
        client.exec("true", (_error, channel) => {
          channel.stderr.on("close", () => record("stderr close"));
          channel.resume().on("close", (...values: unknown[]) => {
            record("close", ...values);
            resolve();
          });
        }),
      );
    },
  },
  {
    name: "reports a write after the end to its callback only",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(ssh2, peers, runs(answering("")));
      const channel = await exec(client);
      const closed = watch(record, channel);
      channel.end();
      await once(channel, "finish");
      channel.write("late", (error) => record("written", error?.message));
      await closed;
      record("writable", channel.writable, channel.readable);
    },
  },
  {
    name: "is read with read() and as an iterable",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(
        ssh2,
        peers,
        runs((channel) => channel.end("line\n".repeat(1000))),
      );
      const first = await exec(client);
      let text = "";
      first.on("readable", () => {
        for (let chunk = first.read() as Buffer | null; chunk !== null; chunk = first.read() as Buffer | null)
          text += String(chunk);
      });
      await once(first, "end");
      record("read", hash(text));
      text = "";
      for await (const chunk of (await exec(client)).setEncoding("utf8")) text += String(chunk);
      record("iterated", hash(text));
    },
  },
  {
    name: "pipes one command into another",
    section,
    async run(ssh2, record, peers) {
      const serve = runs((channel, command) => {
        if (command === "source") channel.end("piped");
        else echo(channel);
      });
      const { client } = await logIn(ssh2, peers, serve);
      const source = await exec(client, "source");
      const target = await exec(client, "target");
      record("data", await readAll(source.pipe(target)));
    },
  },
  {
    name: "has ssh2's members",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(ssh2, peers, runs(answering("")));
      const channel = await exec(client);
      const { incoming, outgoing, server, stdin, stdout, _client, allowHalfOpen } = inner(channel);
      record("incoming", incoming.id, incoming.window, incoming.packetSize, incoming.state);
      record("outgoing", outgoing.id, outgoing.window, outgoing.packetSize, outgoing.state);
      record("kind", channel.type, channel.subtype, server, allowHalfOpen);
      record("itself", stdin === channel, stdout === channel, _client === client);
      record("streams", channel.stderr.readable, channel.readable, channel.writable, channel.writableHighWaterMark);
      record("_exit", (channel as unknown as { _exit: unknown })._exit);
      channel.write("abc");
      await later();
      record("window", outgoing.window - inner(channel).outgoing.window);
      channel.end();
      await watch(record, channel);
      record("states", inner(channel).incoming.state, inner(channel).outgoing.state);
    },
  },
  {
    name: "shows its channels in _chanMgr",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(ssh2, peers, runs(answering("")));
      const { _chanMgr: manager } = client as unknown as {
        _chanMgr: { _count: number; _channels: Record<number, unknown> };
      };
      record("before", manager._count);
      const pending = exec(client);
      record("opening", manager._count);
      const channel = await pending;
      record("open", manager._count, Object.keys(manager._channels), manager._channels[0] === channel);
      const second = await exec(client);
      record("two", manager._count);
      for (const one of [channel, second]) {
        one.end();
        await watch(record, one);
      }
      record("after", manager._count, Object.keys(manager._channels));
    },
  },
  {
    name: "sends signals and the size of the window",
    section,
    async run(ssh2, record, peers) {
      const serve = runs((channel, _command, session) => {
        session.on("signal", (_accept, _reject, { name }) => record("signal", name));
        session.on("window-change", (_accept, _reject, info) => record("window-change", info));
        answering("")(channel);
      });
      const { client } = await logIn(ssh2, peers, serve);
      for (const subtype of ["exec", "shell", "subsys"] as const) {
        const channel = await opened((callback) =>
          subtype === "shell" ? client.shell(callback) : client[subtype]("name", callback),
        );
        channel.signal("INT");
        channel.signal("SIGterm");
        channel.setWindow(10, 20, 30, 40);
        try {
          channel.signal("NONSENSE");
        } catch (error) {
          record("thrown", error);
        }
        channel.end();
        channel.signal("KILL");
        await watch(record, channel);
      }
    },
  },
  {
    name: "sends single messages with _protocol",
    section,
    async run(ssh2, record, peers) {
      const serve = runs((channel, _command, session) => {
        session.on("signal", (_accept, _reject, { name }) => record("signal", name));
        session.on("window-change", (_accept, _reject, info) => record("window-change", info));
        channel.on("data", (data: Buffer) => record("server data", data));
        channel.on("end", () => {
          record("server end");
          channel.end();
        });
      });
      const { client } = await logIn(ssh2, peers, serve);
      const channel = await exec(client);
      type Method = (...values: unknown[]) => void;
      const { _protocol: protocol } = client as unknown as { _protocol: Record<string, Method> };
      const { id } = inner(channel).outgoing;
      protocol["signal"]?.(id, "SIGHUP");
      protocol["windowChange"]?.(id, 1, 2, 3, 4);
      protocol["channelData"]?.(id, Buffer.from("raw"));
      protocol["ping"]?.();
      for (const method of ["exitStatus", "exitSignal"])
        try {
          protocol[method]?.(id, "TERM");
        } catch (error) {
          record(method, error);
        }
      protocol["channelEOF"]?.(id);
      await watch(record, channel);
    },
  },
  {
    name: "has methods of servers that throw",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(ssh2, peers, runs(answering("")));
      const channel = await exec(client);
      try {
        (channel as unknown as { exit(status: number): void }).exit(1);
      } catch (error) {
        record("thrown", error);
      }
      channel.end();
      await watch(record, channel);
    },
  },
  {
    name: "runs commands side by side, and returns the client",
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(
        ssh2,
        peers,
        runs((channel, command) => channel.end(command)),
      );
      const outputs: Promise<string>[] = [];
      for (const command of ["a", "b", "c"])
        outputs.push(
          new Promise((resolve) => {
            const returned = client.exec(command, (error, channel) => {
              record("started", command, error);
              resolve(readAll(channel));
            });
            record("returned", returned === client);
          }),
        );
      // The first output can come before or after the last start.
      for (const output of await Promise.all(outputs)) record("output", output);
    },
  },
  {
    name: "ends after the client's end if the server goes away",
    section,
    async run(ssh2, record, peers) {
      const { client, socket } = await logIn(
        ssh2,
        peers,
        runs((channel) => channel.write("begun")),
      );
      const channel = await exec(client);
      await once(channel, "readable");
      watchClient(record, client);
      const closed = watchAll(record, channel);
      socket.end();
      await closed;
    },
  },
  {
    name: "fails what is pending after the client's close",
    section,
    async run(ssh2, record, peers) {
      const { client, socket } = await logIn(ssh2, peers, (connection) => {
        connection.on("session", () => socket.end());
      });
      watchClient(record, client);
      const failures = Promise.all(
        [exec(client), opened((callback) => client.subsys("x", callback))].map((one) =>
          one.catch((error: unknown) => record("failure", error)),
        ),
      );
      await failures;
    },
  },
  {
    name: "fails a pending command after the client's close",
    section,
    async run(ssh2, record, peers) {
      const { client, socket } = await logIn(ssh2, peers, (connection) => {
        connection.on("session", (accept) => accept().on("exec", () => socket.end()));
      });
      watchClient(record, client);
      await exec(client).catch((error: unknown) => record("failure", error));
    },
  },
  {
    name: "throws without a connection",
    section,
    async run(ssh2, record, peers) {
      const tryAll = (client: InstanceType<typeof ssh2.Client>): void => {
        const calls: Record<string, () => unknown> = {
          exec: () => client.exec("a", () => {}),
          shell: () => client.shell(() => {}),
          subsys: () => client.subsys("a", () => {}),
          sftp: () => client.sftp(() => {}),
        };
        for (const [name, call] of Object.entries(calls))
          try {
            call();
            record(name);
          } catch (error) {
            record(name, error);
          }
      };
      tryAll(new ssh2.Client());
      const { client } = await logIn(ssh2, peers);
      client.end();
      tryAll(client);
      await once(client, "close");
      tryAll(client);
    },
  },
];
