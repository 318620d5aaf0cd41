import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { lstat, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@nacre/testing/free-port";
import { MIB, randomData, sha256 } from "@nacre/testing/interop/data";
import { type KeyFile, makeKey, useFolder } from "@nacre/testing/interop/keys";
import { runPeer, ssh, useOurServer } from "@nacre/testing/interop/our-server";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { authorizedKeys } from "../../../src/keys/authorized-keys.ts";
import { tcpForwarding } from "../../../src/listen/tcp-forwarding.ts";

// Tests OpenSSH's ssh forwarding through our server.

const folder = useFolder();
/** Created before the tests, because the server's options contain its path. */
const sockets = mkdtempSync(join(tmpdir(), "nacre-"));
afterAll(() => rm(sockets, { recursive: true }));
const keys = new Map<string, KeyFile>();
const key = (name = "free"): KeyFile => keys.get(name)!;

/** Options in the authorized_keys line of each key. Ports are filled in when the target listens. */
const OPTIONS: Readonly<Record<string, string>> = {
  free: "",
  restricted: "restrict ",
  denied: "no-port-forwarding ",
  one: 'permitopen="127.0.0.1:TARGET",permitlisten="localhost:LISTEN" ',
};

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** Echoes the data of each connection, and ends when it does. */
let target: Server;
let listenPort = 0;
const portOf = (server: Server): number => (server.address() as { readonly port: number }).port;
const targetPort = (): number => portOf(target);

beforeAll(async () => {
  for (const name of Object.keys(OPTIONS)) keys.set(name, await makeKey(folder, name, "ed25519"));
  target = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
  listenPort = await freePort();
  const lines = Object.entries(OPTIONS).map(([name, options]) => {
    const filled = options.replace("TARGET", `${targetPort()}`).replace("LISTEN", `${listenPort}`);
    return `${filled}${key(name).publicKeyLine}\n`;
  });
  await writeFile(join(folder.path, "authorized_keys"), lines.join(""), { mode: 0o600 });
  return async () => {
    target.close();
  };
});

const server = useOurServer({
  authenticate: authorizedKeys(() => join(folder.path, "authorized_keys")),
  // The tests connect to this machine, which `permitOpen` must list explicitly.
  forwarding: tcpForwarding({
    permitOpen: ["localhost:*", "127.0.0.1:*", "*:*", join(sockets, "target.sock")],
    permitListen: ["*", join(sockets, "listener.sock")],
  }),
});

/** An ssh process that forwards until the test ends, and its output. */
class Tunnel {
  readonly child: ChildProcess;
  said = "";

  constructor(words: readonly string[], name?: string) {
    const [program = "", ...rest] = ssh(server, { key: key(name), words: ["-v", "-N", ...words] });
    this.child = spawn(program, rest, { stdio: ["ignore", "ignore", "pipe"] });
    this.child.stderr?.on("data", (chunk: Buffer) => {
      this.said += chunk.toString();
    });
    cleanups.push(() => this.close());
  }

  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (let i = 0; i < 2000; i++) {
      const found = pattern.exec(this.said);
      if (found !== null) return found;
      if (this.child.exitCode !== null) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`expected ${pattern} in the output of ssh, got ${this.said}`);
  }

  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const closed = once(this.child, "close");
    this.child.kill("SIGKILL");
    await closed;
  }
}

const READY = /Entering interactive session/;

async function tunnel(...words: string[]): Promise<Tunnel> {
  const made = new Tunnel(words);
  await made.until(READY);
  return made;
}

/** Resolves when a socket is closed, also by a reset. */
const closed = (socket: Socket): Promise<unknown> => new Promise((resolve) => socket.on("close", resolve));

/** Sends bytes, ends the output, and returns all received data. */
async function exchange(to: { readonly port: number } | { readonly path: string }, bytes: Uint8Array): Promise<Buffer> {
  const socket = connect({ ...to, ...("port" in to && { host: "127.0.0.1" }) } as { path: string });
  socket.on("error", () => {});
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.end(bytes);
  await closed(socket);
  return Buffer.concat(chunks);
}

const hello = Buffer.from("hello");

/** Listens on a port or path as the target of `ssh -R`. */
async function local(path?: string): Promise<number> {
  const listening = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket).on("error", () => {}));
  await new Promise<void>((resolve) => {
    if (path === undefined) listening.listen(0, "127.0.0.1", resolve);
    else listening.listen(path, resolve);
  });
  cleanups.push(() => listening.close());
  return path === undefined ? portOf(listening) : 0;
}

describe("ssh -L through our server", () => {
  test("transfers data in both directions with half-close, and 16 MiB unchanged", async () => {
    const port = await freePort();
    await tunnel("-L", `${port}:127.0.0.1:${targetPort()}`);
    expect((await exchange({ port }, hello)).toString()).toBe("hello");
    const bytes = randomData(16 * MIB);
    expect(sha256(await exchange({ port }, bytes))).toBe(sha256(bytes));
  });

  test("serves 100 concurrent connections", async () => {
    const port = await freePort();
    await tunnel("-L", `${port}:localhost:${targetPort()}`);
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, i) => exchange({ port }, Buffer.from(`no ${i}`))),
    );
    expect(answers.map(String)).toEqual(answers.map((_, i) => `no ${i}`));
  });

  test("forwards from a Unix socket to a Unix socket", async () => {
    const [near, far] = [join(sockets, "near.sock"), join(sockets, "target.sock")];
    await local(far);
    await tunnel("-L", `${near}:${far}`);
    expect((await exchange({ path: near }, hello)).toString()).toBe("hello");
  });

  test("closes a connection to an unreachable target, and keeps forwarding", async () => {
    const [port, other, nobody] = [await freePort(), await freePort(), await freePort()];
    const made = await tunnel("-L", `${port}:127.0.0.1:${nobody}`, "-L", `${other}:127.0.0.1:${targetPort()}`);
    expect((await exchange({ port }, hello)).toString()).toBe("");
    await made.until(/open failed: connect failed: cannot connect/);
    expect((await exchange({ port: other }, hello)).toString()).toBe("hello");
  });

  test("buffers no more than the windows for a stalled target, and serves other connections", async () => {
    const stalled: Socket[] = [];
    const stalling = createServer((socket) => {
      socket.on("error", () => {});
      stalled.push(socket.pause());
    });
    await new Promise<void>((resolve) => stalling.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => {
      for (const socket of stalled) socket.destroy();
      stalling.close();
    });
    const [slow, quick] = [await freePort(), await freePort()];
    await tunnel("-L", `${slow}:127.0.0.1:${portOf(stalling)}`, "-L", `${quick}:127.0.0.1:${targetPort()}`);
    const socket = connect({ host: "127.0.0.1", port: slow });
    socket.on("error", () => {});
    cleanups.push(() => socket.destroy());
    // Write as much as the socket accepts; the rest stays on this side.
    for (let i = 0; i < 64 && socket.writableLength < 4 * MIB; i++) {
      socket.write(Buffer.alloc(MIB));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const bytes = randomData(4 * MIB);
    expect(sha256(await exchange({ port: quick }, bytes))).toBe(sha256(bytes));
  });
});

describe("ssh -R through our server", () => {
  test("listens on a requested port", async () => {
    const [port, here] = [await freePort(), await local()];
    await (await tunnel("-R", `${port}:127.0.0.1:${here}`)).until(/remote forward success/);
    expect((await exchange({ port }, hello)).toString()).toBe("hello");
    const bytes = randomData(4 * MIB);
    expect(sha256(await exchange({ port }, bytes))).toBe(sha256(bytes));
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, i) => exchange({ port }, Buffer.from(`no ${i}`))),
    );
    expect(answers.map(String)).toEqual(answers.map((_, i) => `no ${i}`));
  });

  test("listens on a port chosen by the server until the connection ends", async () => {
    const made = await tunnel("-R", `0:127.0.0.1:${await local()}`);
    const [, port] = await made.until(/Allocated port (\d+) for remote forward/);
    expect((await exchange({ port: Number(port) }, hello)).toString()).toBe("hello");
    await made.close();
    await expect.poll(() => server.server.connections.length, { timeout: 10_000 }).toBe(0);
    expect(server.told("closed").length).toBeGreaterThan(0);
    const socket = connect({ host: "127.0.0.1", port: Number(port) });
    const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNREFUSED");
  });

  test("forwards from a Unix socket to a Unix socket", async () => {
    const [far, here] = [join(sockets, "listener.sock"), join(sockets, "here.sock")];
    await local(here);
    const made = await tunnel("-R", `${far}:${here}`);
    await made.until(/remote forward success/);
    expect((await lstat(far)).mode & 0o777).toBe(0o600);
    expect((await exchange({ path: far }, hello)).toString()).toBe("hello");
  });

  test("refuses an address in use", async () => {
    const words = ["-N", "-o", "ExitOnForwardFailure=yes", "-R", `${targetPort()}:127.0.0.1:1`];
    const ran = await runPeer(ssh(server, { key: key(), words }));
    expect(ran.status).toBe(255);
    expect(ran.stderr).toMatch(/remote port forwarding failed for listen port/);
  });
});

describe("ssh -D and -W through our server", () => {
  test("curl downloads a page through SOCKS, and the server resolves the host name", async () => {
    const page = randomData(MIB);
    const http = createHttpServer((_, response) => response.end(page));
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => http.close());
    const port = await freePort();
    await tunnel("-D", `${port}`);
    for (const proxy of ["--socks5-hostname", "--socks4a"]) {
      const url = `http://localhost:${portOf(http)}/`;
      const ran = await runPeer(["curl", "--silent", "--show-error", "--noproxy", "", proxy, `127.0.0.1:${port}`, url]);
      expect(ran.stderr).toBe("");
      expect(createHash("sha256").update(ran.stdout).digest("hex")).toBe(sha256(page));
    }
  });

  test("-W connects standard input and output", async () => {
    const words = ["-W", `127.0.0.1:${targetPort()}`];
    const ran = await runPeer(ssh(server, { key: key(), words }), { input: "hello" });
    expect(ran.stdout.toString()).toBe("hello");
    expect(ran.status).toBe(0);
  });
});

describe("our server refuses", () => {
  test.each(["restricted", "denied"])("all forwarding for a key that is %s", async (name) => {
    server.events.length = 0;
    const onward = await runPeer(ssh(server, { key: key(name), words: ["-W", `127.0.0.1:${targetPort()}`] }));
    expect(onward.status).toBe(255);
    expect(onward.stderr).toMatch(/open failed: administratively prohibited/);
    const socket = join(sockets, "listener.sock");
    for (const place of ["0:127.0.0.1:1", `${socket}:127.0.0.1:1`]) {
      const words = ["-N", "-o", "ExitOnForwardFailure=yes", "-R", place];
      const back = await runPeer(ssh(server, { key: key(name), words }));
      expect(back.status).toBe(255);
      expect(back.stderr).toMatch(/remote (port|path) forwarding failed/);
    }
    expect(server.told("request-refused").map(({ request }) => request)).toEqual([
      "direct-tcpip",
      "tcpip-forward",
      "streamlocal-forward@openssh.com",
    ]);
  });

  test("addresses not listed in permitopen and permitlisten", async () => {
    const open = (place: string): Promise<{ readonly status: number | null }> =>
      runPeer(ssh(server, { key: key("one"), words: ["-W", place] }), { input: "hello" });
    expect(await open(`127.0.0.1:${targetPort()}`)).toMatchObject({ status: 0 });
    expect(await open(`localhost:${targetPort()}`)).toMatchObject({ status: 255 });
    expect(await open(`127.0.0.1:${server.port}`)).toMatchObject({ status: 255 });
    for (const place of ["0:127.0.0.1:1", `127.0.0.1:${listenPort}:127.0.0.1:1`]) {
      const words = ["-N", "-o", "ExitOnForwardFailure=yes", "-R", place];
      expect(await runPeer(ssh(server, { key: key("one"), words }))).toMatchObject({ status: 255 });
    }
    const made = new Tunnel(["-R", `${listenPort}:127.0.0.1:${await local()}`], "one");
    await made.until(/remote forward success/);
    expect((await exchange({ port: listenPort }, hello)).toString()).toBe("hello");
  });
});

describe("our server, when closed while it forwards", () => {
  const closing = useOurServer({
    authenticate: authorizedKeys(() => join(folder.path, "authorized_keys")),
    forwarding: tcpForwarding({ permitOpen: ["127.0.0.1:*"] }),
  });

  test("closes its sockets and listeners, and ssh exits", async () => {
    const held: Socket[] = [];
    const holding = createServer((socket) => {
      socket.on("error", () => {});
      held.push(socket);
    });
    await new Promise<void>((resolve) => holding.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => holding.close());
    const [port, back] = [await freePort(), await freePort()];
    const words = ["-N", "-L", `${port}:127.0.0.1:${portOf(holding)}`, "-R", `${back}:127.0.0.1:1`];
    const [program = "", ...rest] = ssh(closing, { key: key(), words });
    const child = spawn(program, rest, { stdio: "ignore" });
    const ended = once(child, "close");
    await expect.poll(() => closing.told("forward-listening").length, { timeout: 10_000 }).toBe(1);
    const visitors = Array.from({ length: 10 }, () => connect({ host: "127.0.0.1", port }));
    const gone = visitors.map(async (visitor) => {
      visitor.on("error", () => {});
      visitor.resume();
      await closed(visitor);
    });
    await expect.poll(() => held.length, { timeout: 10_000 }).toBe(10);
    const broken = held.map((socket) => socket.closed || closed(socket.resume()));
    await closing.server.close();
    expect((await ended)[0]).toBe(255);
    await Promise.all([...gone, ...broken]);
    const late = connect({ host: "127.0.0.1", port: back });
    const [error] = (await once(late, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNREFUSED");
  });
});
