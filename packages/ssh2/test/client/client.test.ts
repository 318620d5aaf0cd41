import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { ed25519PrivateKey } from "@nacre/keys";
import { listen } from "@nacre/node";
import { uncaught } from "@nacre/testing/nacre/outcomes";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { MUX } from "../../src/connection.ts";
import type { ParsedKey } from "../../src/keys/parse-key.ts";
import { inOnePiece } from "../parity/sessions.ts";
import { errorsOf, newClient, nextTurn, serve, serveSockets, type Target } from "./support.ts";

/** Starts a server of Nacre, which announces its host keys and proves them. */
async function serveNacre(softwareVersion?: string): Promise<Target> {
  const server = await listen({
    port: 0,
    host: "127.0.0.1",
    hostKeys: [1, 2].map((number) => ed25519PrivateKey(new Uint8Array(32).fill(number))),
    methods: ["none"],
    authenticate: () => true,
    session: () => {},
    softwareVersion,
  });
  onTestFinished(() => server.close());
  return { host: "127.0.0.1", port: server.address.port, username: "alice", hostVerifier: () => true };
}

describe("hostkeys", () => {
  test("are emitted with the keys that the server proved", async () => {
    const target = await serveNacre("OpenSSH_9.9");
    const { client } = newClient();
    const keys = once(client, "hostkeys") as Promise<[ParsedKey[]]>;
    client.connect(target);
    const [[first, second]] = await keys;
    expect([first?.type, second?.type]).toEqual(["ssh-ed25519", "ssh-ed25519"]);
    expect(first?.getPublicSSH()).not.toEqual(second?.getPublicSSH());
  });

  test("are not asked for if the server is not OpenSSH, unless strictVendor is false", async () => {
    const target = await serveNacre("Other_1.0");
    for (const strictVendor of [true, false]) {
      const { client, events, closed } = newClient();
      client.connect({ ...target, strictVendor });
      await once(client, "ready");
      // The answer to the proof comes before that to a later request.
      if (strictVendor) await new Promise<void>((resolve) => void client.forwardIn("127.0.0.1", 0, () => resolve()));
      else await once(client, "hostkeys");
      client.end();
      await closed;
      expect(events.some(([event]) => event === "hostkeys")).toBe(!strictVendor);
    }
  });
});

describe("calls before ready", () => {
  test("are kept, and answered after ready", async () => {
    const target = await serve({}, (connection) => {
      connection.on("authentication", (context) => context.accept());
      connection.on("session", (accept) => void accept().on("exec", (acceptExec) => acceptExec().end("done")));
    });
    const { client, events, closed } = newClient();
    client.connect(target);
    client.exec("true", (error, channel) => {
      events.push(["exec", error]);
      channel.resume().on("close", () => void client.end());
    });
    await closed;
    expect(events.map(([event]) => event)).toEqual(["connect", "handshake", "ready", "exec", "end", "close"]);
  });

  test("get one error each if the login fails, after close", async () => {
    const target = await serve({}, (connection) => void connection.on("authentication", (context) => context.reject()));
    const { client, events, closed } = newClient();
    client.connect(target);
    const told = (name: string) => (error?: Error) => void events.push([name, error?.message]);
    client
      .exec("true", told("exec"))
      .shell(told("shell"))
      .sftp(told("sftp"))
      .forwardIn("127.0.0.1", 0, told("forwardIn"));
    client.forwardOut("a", 1, "b", 2, told("forwardOut"));
    await closed;
    await nextTurn();
    const missing = "No response from server";
    expect(events.slice(-6)).toEqual([
      ["close", undefined],
      ...["exec", "shell", "sftp", "forwardIn", "forwardOut"].map((name) => [name, missing]),
    ]);
  });
});

test("an exception in an event of the socket is an uncaught one, and keeps back no other event", async () => {
  const thrown = uncaught();
  const target = await serve();
  const { client, events, closed } = newClient();
  const ready = once(client, "ready");
  for (const event of ["connect", "end", "close"])
    client.on(event, () => {
      throw new Error(`in ${event}`);
    });
  client.connect(target);
  await ready;
  client.end();
  await closed;
  await nextTurn();
  expect(thrown.map((error) => (error as Error).message)).toEqual(["in connect", "in end", "in close"]);
  expect(events.map(([event]) => event)).toEqual(["connect", "handshake", "ready", "end", "close"]);
});

test("no message is handled after one whose listener throws, although it has arrived", async () => {
  const thrown = uncaught();
  const target = await serve({}, (connection) => {
    connection.on("authentication", (context) => context.accept());
    connection.on("request", (accept) => {
      inOnePiece(connection, () => {
        accept!();
        for (const port of [1, 2]) connection.forwardOut("127.0.0.1", 80, "b", port, () => {});
      });
    });
  });
  const { client, events, closed } = newClient();
  let calls = 0;
  client.on("ready", () => client.forwardIn("127.0.0.1", 80, () => {}));
  client.on("tcp connection", () => {
    calls++;
    throw new Error("mine");
  });
  client.connect(target);
  await closed;
  expect([calls, thrown]).toEqual([1, []]);
  expect(events.slice(-3)).toEqual([
    ["error", new Error("mine")],
    ["end", undefined],
    ["close", undefined],
  ]);
});

test("an error without a listener is an uncaught exception", async () => {
  const thrown = uncaught();
  const target = await serveSockets((socket) => socket.end());
  const { client, closed } = newClient();
  client.removeAllListeners("error");
  client.connect(target);
  await closed;
  await nextTurn();
  expect(thrown).toMatchObject([{ message: "Connection lost before handshake", level: "protocol" }]);
});

describe("debug", () => {
  test("gets the main steps in ssh2's form, and no secret", async () => {
    const secret = "s3cret-passw0rd";
    const target = await serve({ ident: "Test_1.0" }, (connection) => {
      connection.on("authentication", (context) => {
        if (context.method === "password") context.accept();
        else context.reject(["password"]);
      });
    });
    const lines: string[] = [];
    const { client, closed } = newClient();
    client.on("ready", () => void client.end());
    client.connect({ ...target, password: secret, debug: (line: string) => void lines.push(line) });
    await closed;
    const steps = [
      `Client: Trying 127.0.0.1 on port ${target.port} ...`,
      "Socket connected",
      "Remote ident: 'SSH-2.0-Test_1.0'",
      "Handshake: Host key format: ssh-ed25519",
      "Handshake completed",
      "Client: none auth failed",
      "Inbound: Received USERAUTH_SUCCESS",
      "Socket ended",
      "Socket closed",
    ];
    expect(lines.filter((line) => steps.includes(line))).toEqual(steps);
    expect(lines.join("\n")).not.toContain(secret);
  });

  test("may throw, and what the server says is escaped", async () => {
    const target = await serveSockets((socket) => socket.end("SSH-2.0-Bad\u001b[31m\r\n"));
    const lines: string[] = [];
    const { client } = newClient();
    const over = errorsOf(client);
    client.connect({ ...target, debug: (line: string) => void lines.push(line) });
    await over;
    expect(lines.join("\n")).not.toContain("\u001b");
  });
});

describe("options", () => {
  test("that are unknown are ignored, and invalid limits are refused", async () => {
    const target = await serve();
    const { client } = newClient();
    expect(() => client.connect({ ...target, limits: { authTimeout: -1 } })).toThrow("authTimeout");
    client.connect({ ...target, compress: true, nonsense: {} } as never);
    await once(client, "ready");
  });

  test.for([
    ["My Client-1.0", "SSH-2.0-My_Client_1.0"],
    [Buffer.from("Client_2"), "SSH-2.0-Client_2"],
  ] as const)("ident %s is sent as %s", async ([ident, line]) => {
    const said: string[] = [];
    const target = await serveSockets((socket) => {
      socket.once("data", (chunk) => {
        said.push(chunk.toString("latin1").split("\r\n")[0]!);
        socket.end();
      });
    });
    const { client } = newClient();
    const over = errorsOf(client);
    client.connect({ ...target, ident });
    await over;
    expect(said).toEqual([line]);
  });

  test("localAddress and localPort bind the socket", async () => {
    const free = await serveSockets(() => {});
    const target = await serve();
    const { client } = newClient();
    client.connect({ ...target, localAddress: "127.0.0.2" });
    await once(client, "ready");
    expect((client._sock as Socket).localAddress).toBe("127.0.0.2");
    expect(free.port).not.toBe(target.port);
  });

  test("setNoDelay is on at first", async () => {
    const target = await serve();
    const calls: unknown[] = [];
    const { client } = newClient();
    const sock = new Socket();
    sock.setNoDelay = (on) => {
      calls.push(on);
      return sock;
    };
    sock.connect(target.port, target.host);
    client.connect({ ...target, sock });
    await once(client, "ready");
    expect(calls).toEqual([true]);
    client.setNoDelay(false);
    expect(calls).toEqual([true, false]);
  });
});

test("emits rekey, and handshake again", async () => {
  const target = await serve({}, (connection) => {
    connection.on("authentication", (context) => context.accept());
    connection.on("ready", () => connection.rekey());
  });
  const { client, events } = newClient();
  client.connect(target);
  await once(client, "rekey");
  expect(events.map(([event]) => event)).toEqual(["connect", "handshake", "ready", "handshake"]);
});

test("rekey() exchanges keys", async () => {
  const target = await serve();
  const { client, events } = newClient();
  expect(() => client.rekey()).toThrow("Not connected");
  client.connect(target);
  await once(client, "ready");
  await new Promise<void>((resolve) => void client.rekey(resolve));
  expect(events.filter(([event]) => event === "handshake")).toHaveLength(2);
});

test("answered keepalives keep the connection", async () => {
  const target = await serve();
  const { client, events, closed } = newClient();
  let pings = 0;
  client.connect({
    ...target,
    keepaliveInterval: 20,
    keepaliveCountMax: 20,
    debug: (line: string) => {
      if (line.includes("REQUEST_FAILURE")) pings++;
      if (pings === 5) client.end();
    },
  });
  await closed;
  expect(events.map(([event]) => event)).toEqual(["connect", "handshake", "ready", "end", "close"]);
});

describe("a stream", () => {
  test("that the program connects after `connect` is waited for", async () => {
    const target = await serve();
    const sock = new Socket();
    const { client, events } = newClient();
    client.connect({ ...target, sock });
    await nextTurn();
    expect(events).toEqual([]);
    sock.connect(target.port, target.host);
    await once(client, "ready");
  });

  test("that is destroyed already is an error, and closes", async () => {
    const sock = new Duplex({ read() {} });
    sock.destroy();
    await once(sock, "close");
    const { client, events, closed } = newClient();
    client.connect({ sock, username: "alice", readyTimeout: 0 });
    await closed;
    expect(events.map(([event]) => event)).toEqual(["error", "close"]);
  });

  test("that ends without closing is closed", async () => {
    const sock = new Duplex({
      read() {},
      write: (_chunk, _encoding, done) => done(),
      autoDestroy: false,
      emitClose: false,
    });
    const { client, events, closed } = newClient();
    client.connect({ sock, username: "alice", readyTimeout: 0 });
    sock.push("SSH-2.0-Test\r\n");
    sock.push(null);
    await closed;
    expect(events.map(([event]) => event)).toEqual(["connect", "end", "close"]);
  });
});

test.for([true, false])("end() in every event changes nothing after it: accepted %s", async (isAccepted) => {
  const target = await serve({ greeting: "Hello", banner: "Welcome" }, (connection) => {
    connection.on("authentication", (context) => (isAccepted ? context.accept() : context.reject()));
  });
  for (const event of ["connect", "greeting", "handshake", "banner", "ready", "error", "end", "close"]) {
    const { client, events, closed } = newClient();
    client.on(event, () => void client.end().end());
    client.on("ready", () => void client.end());
    client.connect(target);
    await closed;
    await nextTurn();
    const names = events.map(([name]) => name);
    expect(names.slice(-2)).toEqual(["end", "close"]);
    for (const name of names) expect(names.filter((one) => one === name)).toHaveLength(1);
    // As in ssh2, an answer to the login that arrives after `end` still counts.
    if (event !== "banner")
      expect(names.includes("error")).toBe(!isAccepted && ["ready", "error", "end", "close"].includes(event));
  }
});

/** Server that refuses every login. */
const serveRefusing = (): Promise<Target> =>
  serve({}, (connection) => void connection.on("authentication", (context) => context.reject(["publickey"])));

test("an answer of authHandler after the end counts no more, also on the next connection", async () => {
  const target = await serve({}, (connection) => {
    connection.on("authentication", (context) => (context.username === "alice" ? context.accept() : context.reject()));
  });
  for (const late of [false, "none"]) {
    const { client, events, closed } = newClient();
    let calls = 0;
    let answer: ((value: unknown) => void) | undefined;
    const authHandler = (_methods: unknown, _partial: unknown, next: (value: unknown) => void): void => {
      calls++;
      answer = next;
      setImmediate(() => client.end());
    };
    client.connect({ ...target, username: "bob", authHandler });
    await closed;
    client.connect(target);
    await once(client, "ready");
    answer?.(late);
    await new Promise<void>((resolve) => void client.exec("true", () => resolve()));
    expect(calls).toBe(1);
    const names = events.map(([event]) => event);
    expect(names.join(" ")).toBe("connect handshake end close connect handshake ready");
    client.end();
  }
});

test("an agent that fails after the end is no error, and its socket is closed", async () => {
  const target = await serveRefusing();
  const folder = await mkdtemp(join(tmpdir(), "nacre-ssh2-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, "agent");
  const server = createServer();
  onTestFinished(() => void server.close());
  server.listen(path);
  const asked = once(server, "connection") as Promise<[Socket]>;
  const { client, events, closed } = newClient();
  client.connect({ ...target, agent: path });
  const [socket] = await asked;
  const released = once(socket.resume(), "close");
  client.end();
  await Promise.all([closed, released]);
  expect(events.map(([event]) => event)).toEqual(["connect", "handshake", "end", "close"]);
});

/** Returns the number of timers and sockets of this process. */
function timersAndSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "Timeout" || name === "TCPSocketWrap").length;
}

test("leaves no timer and no socket, however a connection ends", async () => {
  const target = await serve();
  const refusing = await serve({}, (connection) => void connection.on("authentication", (context) => context.reject()));
  const silent = await serveSockets(() => {});
  const before = timersAndSockets();
  for (let round = 0; round < 4; round++)
    for (const [options, event, how] of [
      [{ ...target, keepaliveInterval: 10_000 }, "ready", "end"],
      [{ ...target, keepaliveInterval: 10_000 }, "ready", "destroy"],
      [target, "handshake", "end"],
      [target, "connect", "destroy"],
      [refusing, "error", "end"],
      [{ ...silent, readyTimeout: 10 }, "error", "end"],
      [{ ...target, hostVerifier: () => false }, "error", "destroy"],
      [{ ...target, hostVerifier: () => new Promise(() => {}), readyTimeout: 10 }, "error", "end"],
      [{ ...target, hostVerifier: () => new Promise(() => {}), readyTimeout: 0 }, "connect", "end"],
      [{ ...target, hostVerifier: () => undefined, readyTimeout: 0 }, "connect", "destroy"],
    ] as const) {
      const { client, closed } = newClient();
      client.on(event, () => void client[how]());
      client.connect(options);
      await closed;
    }
  // The server's sides close a little later. A test runner has timers of its own, but not one for each of 40 connections.
  await vi.waitUntil(() => timersAndSockets() < before + 5, { timeout: 10_000 });
});

describe("the server vanishes", () => {
  test.for(["end", "destroy"] as const)("by %s of its socket: what waits for it fails after close", async (how) => {
    const target = await serve({}, (connection) => {
      connection.on("authentication", (context) => context.accept());
      connection.on("session", () => (connection as unknown as { _sock: Socket })._sock[how]());
    });
    const { client, events, closed } = newClient();
    client.connect(target);
    await once(client, "ready");
    client[MUX]?.open("session", undefined, {
      opened: () => void events.push(["opened", undefined]),
      refused: () => void events.push(["refused", undefined]),
      lost: () => void events.push(["lost", undefined]),
    });
    await closed;
    await nextTurn();
    expect(events.map(([event]) => event).slice(-3)).toEqual(["end", "close", "lost"]);
  });

  /** Bytes that the server sends until everything is answered. */
  const MOST = 6000;

  test("at any byte of a session: every callback gets one answer, and the client closes", async () => {
    const server = await serve({ banner: "Welcome" }, (connection) => {
      connection.on("authentication", (context) => context.accept());
      connection.on("session", (accept) => {
        const session = accept();
        session.on("exec", (acceptExec) => acceptExec().exit(0));
        session.on("sftp", (acceptSftp) => void acceptSftp());
      });
      connection.on("request", (accept) => accept?.());
    });
    let cut = 0;
    let sent = 0;
    const proxy = await serveSockets((socket) => {
      const onward = connect({ ...server, noDelay: true });
      onward.on("error", () => {});
      onward.on("close", () => socket.destroy());
      socket.on("close", () => onward.destroy());
      socket.on("data", (chunk) => void onward.write(chunk));
      let left = cut;
      onward.on("data", (chunk) => {
        sent += chunk.length;
        socket.write(chunk.subarray(0, left));
        left -= chunk.length;
        if (left > 0) return;
        // Alternates between an end and a reset.
        if (cut % 2 === 0) socket.end();
        else socket.destroy();
      });
    });
    // Every byte of the first messages, and some of each later one.
    const cuts = [
      ...Array.from({ length: 60 }, (_, at) => at + 1),
      ...Array.from({ length: 90 }, (_, at) => 61 + at * 53),
    ];
    let whole = 0;
    for (cut of cuts) {
      sent = 0;
      const { client, events, closed } = newClient();
      const answers: Record<string, number> = {};
      const told = (name: string) => () => void (answers[name] = (answers[name] ?? 0) + 1);
      client.connect({ ...server, port: proxy.port });
      client.exec("true", told("exec")).subsys("none", told("subsys")).sftp(told("sftp")).shell(told("shell"));
      client.forwardOut("a", 1, "b", 2, told("forwardOut"));
      client.forwardIn("127.0.0.1", 0, (error) => {
        told("forwardIn")();
        if (error === undefined) client.end();
      });
      await closed;
      await nextTurn();
      expect(answers, `cut after ${cut} bytes`).toEqual({
        exec: 1,
        subsys: 1,
        sftp: 1,
        shell: 1,
        forwardOut: 1,
        forwardIn: 1,
      });
      const names = events.map(([event]) => event);
      for (const event of ["error", "end", "close"])
        expect(names.filter((one) => one === event).length).toBeLessThan(2);
      expect(names.at(-1)).toBe("close");
      if (sent <= cut) whole++;
    }
    expect(cuts.at(-1)).toBeLessThan(MOST);
    // Some connections end by themselves, after all answers.
    expect(whole).toBeGreaterThan(0);
    expect(whole).toBeLessThan(cuts.length / 2);
  });
});
