import { code, failure, text } from "@nacre/testing/nacre/outcomes";
import { open, served, visitor, wire } from "@nacre/testing/nacre/wire";
import { envRequest, execRequest, exitStatus, subsystemRequest, utf8Encode } from "@nacre/wire";
import {
  connect,
  type ServeOptions,
  type ServerEvent,
  type Session,
  type SessionResult,
  type SshError,
  serve,
} from "nacre";
import { spawn } from "nacre/core";
import { describe, expect, it, vi } from "vitest";
import { clientMux, deaf, unopened } from "./support/muxes.ts";

async function print(stream: WritableStream<Uint8Array | string>, chunk: Uint8Array | string): Promise<void> {
  const writer = stream.getWriter();
  await writer.write(chunk);
  writer.releaseLock();
}

/** Handler that never ends on its own. */
const forever = (): Promise<never> => new Promise(() => {});

/** A handler that ends when its signal aborts. */
const untilGone = (session: Session): Promise<void> =>
  new Promise((resolve) => {
    session.signal.addEventListener("abort", () => resolve());
  });

/** Returns a promise and its resolve function. */
function later<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** Sends a request that our client would not send, before a command. Returns its outcome. */
async function unsent(server: Partial<ServeOptions<Session>>, type: string, data: Uint8Array): Promise<unknown> {
  const { near, far } = wire();
  const connection = serve(far, { ...open, ...server });
  let outcome: Promise<unknown> | undefined;
  const client = await connect(near, visitor);
  const channel = await spawn(client, "true", undefined, (made) => {
    outcome = failure(made.request(type, data));
    return made;
  });
  await channel.ended;
  await client.close();
  await connection.ended;
  return outcome;
}

describe("a session", () => {
  it("has the facts of the request and sends text and bytes", async () => {
    const seen: unknown[] = [];
    const { client } = await served({
      remoteAddress: "192.0.2.7",
      session: async (session) => {
        const { user, kind, command, subsystem, env, pty, remoteAddress, factors } = session;
        seen.push({
          user,
          kind,
          command,
          subsystem,
          env,
          pty,
          remoteAddress,
          methods: factors.map((one) => one.method),
        });
        await print(session.stdout, "out ☃\n");
        await print(session.stderr, new TextEncoder().encode("err ☃\n"));
        return 7;
      },
    });
    expect(await client.exec("ls ☃")).toMatchObject({ stdout: "out ☃\n", stderr: "err ☃\n", status: 7 });
    const shell = await client.shell({ pty: false });
    expect(await text(shell.stdout)).toBe("out ☃\n");
    const facts = { user: "alice", subsystem: undefined, env: {}, pty: undefined, remoteAddress: "192.0.2.7" };
    expect(seen).toEqual([
      { ...facts, kind: "exec", command: "ls ☃", methods: ["publickey"] },
      { ...facts, kind: "shell", command: undefined, methods: ["publickey"] },
    ]);
    await client.close();
  });

  it.each<[string, () => SessionResult | Promise<SessionResult>, object]>([
    ["nothing", () => undefined, { status: 0, signal: undefined }],
    ["a number", () => 255, { status: 255 }],
    ["a promise of a number", () => Promise.resolve(4_294_967_295), { status: 4_294_967_295 }],
    ["a status", () => ({ status: 3 }), { status: 3 }],
    ["a signal", () => ({ signal: "TERM", coreDumped: true }), { status: undefined, signal: "TERM", coreDumped: true }],
    [
      "a child process's result after a signal",
      () => ({ status: null, signal: "SIGKILL" }) as never,
      { signal: "KILL" },
    ],
    [
      "a child process's result after an exit",
      () => ({ status: 4, signal: null }) as never,
      { status: 4, signal: undefined },
    ],
    ["a signal that RFC 4254 does not define", () => ({ signal: "SIGBUS" }), { signal: "SIG@openssh.com" }],
    [
      "a signal with a message longer than a packet",
      () => ({ signal: "TERM", message: "x".repeat(1e6) }),
      { signal: "TERM" },
    ],
    ["an invalid status", () => -1, { status: 255 }],
    ["NaN", () => Number.NaN, { status: 255 }],
  ])("reports how it ended if the handler returns %s", async (_, session, expected) => {
    const { client } = await served({ session });
    expect(await client.exec("x")).toMatchObject(expected);
    await client.close();
  });

  it.each<[string, () => never | Promise<never>]>([
    [
      "throws",
      () => {
        throw new Error("boom");
      },
    ],
    ["rejects", () => Promise.reject(new Error("boom"))],
  ])("ends with status 255 and is logged if the handler %s; other sessions continue", async (_, fail) => {
    const events: ServerEvent[] = [];
    const { client } = await served({
      session: (session) => (session.command === "bad" ? fail() : 0),
      log: (event) => events.push(event),
    });
    expect(await client.exec("bad")).toMatchObject({ status: 255, stderr: "" });
    expect(await client.exec("good")).toMatchObject({ status: 0 });
    await client.close();
    expect(events.filter(({ type }) => type === "session-ended")).toMatchObject([
      { session: 0, exit: { status: 255 }, error: { message: "boom" } },
      { exit: { status: 0 } },
    ]);
  });

  it("sends all output, then exit status, EOF and CLOSE in this order", async () => {
    const messages: string[] = [];
    const { client } = await served(
      {
        session: (session) => {
          // Not awaited: written data is sent anyway.
          const writer = session.stdout.getWriter();
          for (let i = 0; i < 40; i++) void writer.write("x".repeat(100_000));
          return 5;
        },
      },
      {
        limits: { initialWindow: 65_536 },
        trace: (record) => record.type === "packet" && record.direction === "received" && messages.push(record.message),
      },
    );
    const { stdout, status } = await client.exec("much");
    expect([stdout.length, status]).toEqual([4_000_000, 5]);
    const ends = messages.filter((name) => /CHANNEL_(REQUEST|EOF|CLOSE)$/.test(name));
    expect(ends).toEqual(["SSH_MSG_CHANNEL_REQUEST", "SSH_MSG_CHANNEL_EOF", "SSH_MSG_CHANNEL_CLOSE"]);
    expect(messages.lastIndexOf("SSH_MSG_CHANNEL_DATA")).toBeLessThan(messages.indexOf("SSH_MSG_CHANNEL_REQUEST"));
    await client.close();
  });

  it("may end its output before the handler returns", async () => {
    const outputRead = later<void>();
    const { client } = await served({
      session: async (session) => {
        await print(session.stdout, "all");
        await Promise.all([session.stdout.close(), session.stderr.close()]);
        await outputRead.promise;
        return 3;
      },
    });
    const process = await client.spawn("x");
    expect(await text(process.stdout)).toBe("all");
    outputRead.resolve();
    expect((await process.exit).status).toBe(3);
    await client.close();
  });

  it("runs forced commands by their first word, also without `session`", async () => {
    const permissions = { permissions: { command: "internal-sftp -R  -d /srv" } };
    const forcedCommands = {
      "internal-sftp": async (session: Session) =>
        print(
          session.stdout,
          `${session.kind} ${session.command} for ${session.env.SSH_ORIGINAL_COMMAND}, forced: ${session.forced}`,
        ),
    };
    const { client } = await served({ authenticate: () => permissions, session: undefined, forcedCommands });
    expect((await client.exec("rm -rf /")).stdout).toBe("exec internal-sftp -R  -d /srv for rm -rf /, forced: true");
    await client.close();

    for (const [command, authenticate] of [
      ["internal-sftp", () => true],
      ["x", () => ({ permissions: { command: "internal-sftp-other" } })],
      ["x", () => ({ permissions: { command: "toString" } })],
    ] as const) {
      const other = await served({ authenticate, session: undefined, forcedCommands });
      expect(await failure(other.client.exec(command))).toEqual(code("channel-request-failed"));
      await other.client.close();
    }
  });

  it("receives all input of the client", async () => {
    const { client } = await served({
      session: async (session) => {
        let size = 0;
        for await (const chunk of session.stdin as unknown as AsyncIterable<Uint8Array>) size += chunk.length;
        await print(session.stdout, `${size}`);
      },
    });
    expect((await client.exec("wc -c", { input: "x".repeat(5_000_000) })).stdout).toBe("5000000");
    await client.close();
  });

  it("stalls the client at the window if it does not read", async () => {
    const { client } = await served({ session: untilGone, limits: { initialWindow: 65_536 } });
    const process = await client.spawn("sleep");
    const writer = process.stdin.getWriter();
    writer.closed.catch(() => {});
    await writer.write(new Uint8Array(65_536));
    let done = false;
    const more = writer.write(new Uint8Array(1)).then(
      () => (done = true),
      () => {},
    );
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(done).toBe(false);
    await client.close();
    await more;
  });

  it("receives signals, breaks and sizes with its callbacks", async () => {
    const received: unknown[] = [];
    const ready = later<void>();
    const { client } = await served({
      acceptPty: true,
      session: (session) => {
        session.onSignal = (name) => received.push(["signal", name]);
        session.onBreak = (length) => received.push(["break", length]);
        const resized = new Promise<number>((resolve) => {
          session.onResize = ({ columns, rows }) => {
            received.push(["resize", columns, rows, session.pty?.columns, session.pty?.term]);
            resolve(0);
          };
        });
        ready.resolve();
        return resized;
      },
    });
    const process = await client.spawn("top", { pty: { term: "vt100", columns: 80, rows: 24, modes: { ECHO: 0 } } });
    await ready.promise;
    process.kill("INT");
    await process.sendBreak(300);
    process.resize(132, 43);
    expect((await process.exit).status).toBe(0);
    expect(received).toEqual([
      ["signal", "INT"],
      ["break", 300],
      ["resize", 132, 43, 132, "vt100"],
    ]);
    await client.close();
  });

  it("refuses a break without onBreak", async () => {
    const { client } = await served({ session: untilGone });
    const process = await client.spawn("x");
    process.kill();
    await expect(process.sendBreak()).rejects.toEqual(code("channel-request-failed"));
    await client.close();
  });

  it("continues and logs if a callback throws", async () => {
    const events: ServerEvent[] = [];
    const { client } = await served({
      log: (event) => events.push(event),
      session: (session) => {
        session.onBreak = () => {
          throw new Error("boom");
        };
        return untilGone(session);
      },
    });
    const process = await client.spawn("x");
    await expect(process.sendBreak()).rejects.toEqual(code("channel-request-failed"));
    expect(events).toContainEqual(
      expect.objectContaining({ type: "request-refused", request: "break", error: new Error("boom") }),
    );
    await client.close();
  });
});

async function outcome(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "granted",
    (error: SshError) => error.code,
  );
}

/** Tries each kind of request. Returns `"granted"` or the error code. */
async function tried(server: Partial<ServeOptions<Session>>): Promise<Record<string, string>> {
  const { client } = await served(server);
  const result = {
    exec: await outcome(client.exec("ls")),
    shell: await outcome(client.shell({ pty: false })),
    subsystem: await outcome(client.subsystem("sftp")),
    unknown: await outcome(client.subsystem("constructor")),
    pty: await outcome(client.exec("ls", { pty: true })),
  };
  await client.close();
  return result;
}

describe("a server refuses", () => {
  const no = "channel-request-failed";

  it("all requests without handlers", async () => {
    expect(await tried({})).toEqual({ exec: no, shell: no, subsystem: no, unknown: no, pty: no });
  });

  it("terminals and subsystems with only a session handler", async () => {
    expect(await tried({ session: () => 0 })).toEqual({
      exec: "granted",
      shell: "granted",
      subsystem: no,
      unknown: no,
      pty: no,
    });
  });

  it("commands and shells with only subsystems", async () => {
    expect(await tried({ subsystems: { sftp: () => 0 } })).toEqual({
      exec: no,
      shell: no,
      subsystem: "granted",
      unknown: no,
      pty: no,
    });
  });

  it.each<[string, ServeOptions<Session>["acceptPty"], string]>([
    ["true", true, "granted"],
    ["a function", ({ term }) => term.startsWith("xterm"), "granted"],
    ["a function that returns false", () => false, no],
    ["a function that returns a truthy value", (() => 1) as never, no],
    [
      "a function that throws",
      () => {
        throw new Error("boom");
      },
      no,
    ],
  ])("terminals unless acceptPty allows them: %s", async (_, acceptPty, expected) => {
    expect((await tried({ session: () => 0, ...(acceptPty !== undefined && { acceptPty }) })).pty).toBe(expected);
  });

  it("terminals, and runs the command without one if the client says so", async () => {
    const { client } = await served({ session: ({ pty }) => (pty === undefined ? 3 : 4) });
    const refused = vi.fn();
    expect(await client.exec("ls", { pty: { refused } })).toMatchObject({ status: 3 });
    expect(refused).toHaveBeenCalledOnce();
    await client.close();
  });

  it("terminals only by its reply: a connection that ends before it is no refusal", async () => {
    const { client } = await served({
      session: () => 0,
      acceptPty() {
        void client.close();
        return false;
      },
    });
    const refused = vi.fn();
    await expect(client.exec("ls", { pty: { refused } })).rejects.toMatchObject({ code: "closed" });
    expect(refused).not.toHaveBeenCalled();
  });

  it("environment variables by name and beyond the limits", async () => {
    const events: ServerEvent[] = [];
    const { client } = await served({
      acceptEnv: (name) => name.startsWith("LC_") || name === "BIG",
      limits: { envVariables: 3, envLength: 100 },
      log: (event) => events.push(event),
      session: (session) => print(session.stdout, JSON.stringify(session.env)),
    });
    const run = async (env: Record<string, string>): Promise<unknown> =>
      JSON.parse((await client.exec("env", { env })).stdout) as unknown;
    expect(await run({ LC_A: "1", PATH: "/evil", LC_B: "2" })).toEqual({ LC_A: "1", LC_B: "2" });
    expect(await run({ LC_1: "", LC_2: "", LC_3: "", LC_4: "" })).toEqual({ LC_1: "", LC_2: "", LC_3: "" });
    expect(await run({ BIG: "x".repeat(98), LC_A: "1" })).toEqual({ LC_A: "1" });
    expect(await run({ "LC_A=B": "1" })).toEqual({});
    expect(events.flatMap((event) => (event.type === "request-refused" ? [event.request] : []))).toEqual([
      "env PATH",
      "env LC_4",
      "env BIG",
      "env LC_A=B",
    ]);
    await client.close();
  });

  it("a command that is not UTF-8 text or has a NUL", async () => {
    const { client } = await served({ session: () => 0 });
    await expect(client.exec(Uint8Array.of(0x6c, 0x73, 0xff))).rejects.toEqual(code(no));
    await client.close();
    const command = utf8Encode("ls\0 -l");
    expect(await unsent({ session: () => 0 }, "exec", execRequest.encode({ command }))).toEqual(code(no));
  });

  it("requests that only servers send, and an environment variable that is not UTF-8", async () => {
    const status = exitStatus.encode({ exitStatus: 0 });
    expect(await unsent({ session: () => 0 }, "exit-status", status)).toEqual(code(no));
    const latin1 = new Uint8Array([0, 0, 0, 1, 0x61, 0, 0, 0, 1, 0xe4]);
    expect(await unsent({ session: () => 0, acceptEnv: () => true }, "env", latin1)).toEqual(code(no));
  });

  it("an environment variable with a NUL", async () => {
    const data = envRequest.encode({ name: "LC_C", value: "\0" });
    expect(await unsent({ session: () => 0, acceptEnv: () => true }, "env", data)).toEqual(code(no));
  });

  it("a second command on one channel, which would bypass maxSessions", async () => {
    const started: string[] = [];
    const run = (session: Session): Promise<void> => {
      started.push(session.command ?? session.subsystem ?? "a shell");
      return untilGone(session);
    };
    const { near, far } = wire();
    serve(far, { ...open, session: run, subsystems: { sftp: run }, limits: { maxSessions: 1 } });
    const client = await connect(near, visitor);
    const channel = await spawn(client, "first", undefined, (made) => made);
    expect(await failure(channel.request("exec", execRequest.encode({ command: utf8Encode("second") })))).toEqual(
      code(no),
    );
    expect(await failure(channel.request("shell", new Uint8Array()))).toEqual(code(no));
    expect(await failure(channel.request("subsystem", subsystemRequest.encode({ name: "sftp" })))).toEqual(code(no));
    expect(started).toEqual(["first"]);
    await client.close();
  });

  it("a subsystem if the login forces a command, which runs instead", async () => {
    const started: unknown[] = [];
    const { client } = await served({
      authenticate: () => ({ permissions: { command: "backup" } }),
      session: ({ kind, command, subsystem, env }) => void started.push({ kind, command, subsystem, env }),
      subsystems: { sftp: () => void started.push("the subsystem") },
    });
    for (const name of ["sftp", "unknown"]) await (await client.subsystem(name)).exit;
    expect(started).toEqual(
      ["sftp", "unknown"].map((SSH_ORIGINAL_COMMAND) => ({
        kind: "exec",
        command: "backup",
        subsystem: undefined,
        env: { SSH_ORIGINAL_COMMAND },
      })),
    );
    await client.close();
  });

  it("a subsystem name with a NUL, which a forced command would receive", async () => {
    const started: unknown[] = [];
    const session = ({ env }: Session): void => void started.push(env);
    const data = subsystemRequest.encode({ name: "sftp\0x" });
    const server = { session, authenticate: () => ({ permissions: { command: "backup" } }) };
    expect(await unsent(server, "subsystem", data)).toEqual(code(no));
    // From the command that `unsent` runs afterwards.
    expect(started).toEqual([{ SSH_ORIGINAL_COMMAND: "true" }]);
  });

  it("sessions beyond maxSessions while handlers run after their channels closed", async () => {
    let running = 0;
    const end = later<void>();
    const allEnded = later<void>();
    const session = (): Promise<void> => {
      running++;
      return end.promise;
    };
    const log = ({ type }: ServerEvent): void => {
      if (type === "session-ended" && --running === 0) allEnded.resolve();
    };
    const { client } = await served({ session, log, limits: { maxSessions: 3 } });
    const spawned = async (): Promise<string> => {
      try {
        await (await client.spawn("x")).close();
        return "closed";
      } catch (error) {
        return (error as SshError).code;
      }
    };
    expect([await spawned(), await spawned(), await spawned()]).toEqual(["closed", "closed", "closed"]);
    expect(await spawned()).toBe("channel-open-failed");
    expect(running).toBe(3);
    end.resolve();
    await allEnded.promise;
    expect(await spawned()).toBe("closed");
    await client.close();
  });

  it("sessions beyond maxSessions", async () => {
    const { client, connection } = await served({ session: untilGone, limits: { maxSessions: 2 } });
    const processes = [await client.spawn("1"), await client.spawn("2")];
    expect(connection.sessionCount).toBe(2);
    await expect(client.spawn("3", { queue: false })).rejects.toEqual(code("channel-open-failed"));
    await processes[0]!.close();
    await client.spawn("4");
    await client.close();
  });
});

describe("unknown requests and no-more-sessions", () => {
  it("an unknown request is logged only if it wants a reply", async () => {
    const { near, far } = wire();
    const refused: unknown[] = [];
    const log = (event: ServerEvent): void => {
      if (event.type === "request-refused") refused.push([event.session, event.request]);
    };
    const connection = serve(far, { ...open, log, session: () => 0 });
    const done = later<void>();
    const mux = clientMux(near);
    mux.open("session", undefined, {
      ...unopened,
      opened(channel) {
        channel.handler = { ...deaf, closed: () => done.resolve() };
        for (const wantReply of [false, true]) {
          mux.globalRequest(`global-${wantReply}@example.org`, new Uint8Array(), wantReply ? () => {} : undefined);
          mux.engine.machine.connection.request(channel.id, `channel-${wantReply}@example.org`, new Uint8Array(), {
            wantReply,
          });
        }
        channel.notify("shell", new Uint8Array());
      },
    });
    mux.engine.start();
    mux.engine.turn();
    await done.promise;
    expect(refused).toEqual([
      [undefined, "global-true@example.org"],
      [0, "channel-true@example.org"],
    ]);
    await connection.close();
    await mux.engine.closed;
  });

  it("no-more-sessions refuses further sessions, and open ones continue", async () => {
    const { near, far } = wire();
    const connection = serve(far, { ...open, session: (session) => print(session.stdout, "still here") });
    const outcomes: string[] = [];
    const done = later<void>();
    const mux = clientMux(near);
    mux.open("session", undefined, {
      ...unopened,
      opened(channel) {
        outcomes.push("opened");
        channel.handler = {
          ...deaf,
          data: (_, bytes) => outcomes.push(new TextDecoder().decode(bytes)),
          closed: () => done.resolve(),
        };
        mux.globalRequest("no-more-sessions@openssh.com", new Uint8Array());
        mux.open("session", undefined, {
          ...unopened,
          refused() {
            outcomes.push("refused");
            channel.notify("shell", new Uint8Array());
          },
        });
      },
    });
    mux.engine.start();
    mux.engine.turn();
    await done.promise;
    expect(outcomes).toEqual(["opened", "refused", "still here"]);
    await connection.close();
    await mux.engine.closed;
  });
});

describe("when the client leaves", () => {
  it("closing a session aborts its handler's signal, and the connection continues", async () => {
    const reasons: unknown[] = [];
    const events: ServerEvent[] = [];
    const over = later<void>();
    const { client } = await served({
      log: (event) => event.type === "session-ended" && (events.push(event), over.resolve()),
      session: async (session) => {
        if (session.command === "quick") return 0;
        await untilGone(session);
        reasons.push(session.signal.reason);
        const writer = session.stdout.getWriter();
        writer.closed.catch(() => {});
        await writer.write("not read").catch((error: unknown) => reasons.push(error));
        await session.stdin
          .getReader()
          .read()
          .catch((error: unknown) => reasons.push(error));
        return 0;
      },
    });
    const process = await client.spawn("long");
    await process.close();
    await over.promise;
    expect(reasons).toEqual([code("channel-closed"), code("channel-closed"), code("channel-closed")]);
    expect(events).toMatchObject([{ session: 0, exit: undefined }]);
    expect((await client.exec("quick")).status).toBe(0);
    await client.close();
  });

  it("closing the connection aborts the signals of all handlers", async () => {
    const reasons: unknown[] = [];
    const { client, connection } = await served({
      session: async (session) => {
        await untilGone(session);
        reasons.push(session.signal.reason);
      },
    });
    await Promise.all([client.spawn("1"), client.spawn("2")]);
    await client.close();
    expect((await connection.ended).code).toBe("disconnected");
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(reasons).toEqual([code("disconnected"), code("disconnected")]);
    expect(connection.sessionCount).toBe(0);
  });

  it("the signal of a handler that has returned does not abort", async () => {
    let aborted = false;
    const { client } = await served({
      session: (session) => {
        session.signal.addEventListener("abort", () => {
          aborted = true;
        });
      },
    });
    await client.exec("x");
    await client.close();
    expect(aborted).toBe(false);
  });
});

describe("a client that does not read", () => {
  it("stalls its own command at the window, but no other on the connection", async () => {
    let printed = 0;
    const full = later<void>();
    const { client } = await served(
      {
        session: async (session) => {
          if (session.command === "quick") return print(session.stdout, "quick");
          const writer = session.stdout.getWriter();
          for (;;) {
            await writer.write(new Uint8Array(1000));
            printed += 1000;
            if (printed === 100_000) full.resolve();
          }
        },
      },
      { limits: { initialWindow: 100_000 } },
    );
    const stalled = await client.spawn("yes");
    await full.promise;
    for (let i = 0; i < 10; i++) expect((await client.exec("quick")).stdout).toBe("quick");
    expect(printed).toBe(100_000);
    const { value } = await stalled.stdout.getReader().read();
    expect(value!.length).toBeGreaterThan(0);
    await client.close();
  });
});

describe("close", () => {
  it("ends running sessions immediately without grace", async () => {
    const { client, connection } = await served({ session: forever });
    const process = await client.spawn("x");
    await connection.close();
    await expect(process.exit).rejects.toEqual(code("disconnected"));
    expect(await connection.ended).toEqual(code("closed"));
    await connection.close();
  });

  it("with grace lets running sessions end and starts no new ones", async () => {
    const [running, go] = [later<void>(), later<void>()];
    const { client, connection } = await served({
      session: async (session) => {
        running.resolve();
        await go.promise;
        await print(session.stdout, "x".repeat(3_000_000));
        return 6;
      },
    });
    const work = client.exec("long");
    await running.promise;
    const closing = connection.close({ grace: Infinity });
    await expect(client.exec("new", { queue: false })).rejects.toEqual(code("channel-open-failed"));
    go.resolve();
    const { stdout, status } = await work;
    expect([stdout.length, status]).toEqual([3_000_000, 6]);
    await closing;
    expect(await connection.ended).toEqual(code("closed"));
    expect(await client.ended).toEqual(code("disconnected"));
  });

  it("aborts running sessions after the grace time", async () => {
    const gone = later<unknown>();
    const { client, connection } = await served({
      session: async (session) => {
        await untilGone(session);
        gone.resolve(session.signal.reason);
      },
    });
    await client.spawn("x");
    await connection.close({ grace: 20 });
    expect(await gone.promise).toEqual(code("closed"));
  });

  it("does not wait without sessions, and may be called after the end", async () => {
    const { client, connection } = await served({ session: forever });
    await connection.close({ grace: 60_000 });
    await connection.close({ grace: 60_000 });
    expect(await client.ended).toEqual(code("disconnected"));
  });

  it("happens when the signal aborts, or has aborted before serve", async () => {
    const abort = new AbortController();
    const { near, far } = wire();
    const connection = serve(far, { ...open, signal: abort.signal });
    const client = await connect(near, visitor);
    abort.abort(new Error("enough"));
    expect(await connection.ended).toMatchObject({ code: "aborted", cause: { message: "enough" } });
    expect(await client.ended).toEqual(code("disconnected"));
    expect(far.readable.locked).toBe(false);
    const late = serve(wire().far, { ...open, signal: abort.signal });
    expect(await late.ended).toEqual(code("aborted"));
  });

  it("is called by `await using`", async () => {
    const { near, far } = wire();
    {
      await using connection = serve(far, open);
      await connect(near, visitor);
      expect(connection.user).toBe("alice");
    }
    expect(far.writable.locked).toBe(false);
  });
});

describe("the log", () => {
  it("receives the events of a connection in order", async () => {
    const events: ServerEvent[] = [];
    const { client, connection } = await served({ session: () => 3, log: (event) => events.push(event) });
    await client.exec("ls");
    await client.close();
    await connection.ended;
    expect(events).toMatchObject([
      { type: "identified", clientVersion: expect.stringMatching(/^SSH-2.0-/) },
      { type: "login", user: "alice", factors: [{ method: "publickey" }] },
      { type: "session-started", session: 0, user: "alice", kind: "exec", command: "ls", pty: false },
      { type: "session-ended", session: 0, exit: { status: 3 } },
      { type: "closed", error: { code: "disconnected" } },
    ]);
  });

  it("may throw without affecting the connection", async () => {
    const { client, connection } = await served({
      session: () => 3,
      log: () => {
        throw new Error("disk full");
      },
    });
    expect((await client.exec("ls")).status).toBe(3);
    await client.close();
    await connection.ended;
  });
});
