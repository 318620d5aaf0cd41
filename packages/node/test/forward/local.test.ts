import { once } from "node:events";
import { lstat, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { buffer, text } from "node:stream/consumers";
import { macrotask } from "@nacre/testing/macrotask";
import type { PeerOpen } from "nacre/extend";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { Bound } from "../../src/forward/bind.ts";
import type { Forwarder } from "../../src/forward/forward.ts";
import { openForward } from "../../src/forward/forward.ts";
import { codeOf, later, serve, socketPath, temporaryFolder, watchResources } from "../support.ts";
import { answerAfterEnd, ask, connectLocally, connectTo, errorCodes, forwarded, prohibit } from "./support.ts";

const code = (expected: string): unknown => expect.objectContaining({ name: "SshError", code: expected });

/** Returns a matcher for the error of a listener that could not be opened for this reason. */
const listenFailed = (reason: string): unknown =>
  expect.objectContaining({ code: "listen-failed", message: expect.stringContaining(reason) });

/** Target that replies after the client ends its request. */
async function answering(): Promise<{ readonly host: string; readonly port: number }> {
  const { port } = await serve(answerAfterEnd);
  return { host: "127.0.0.1", port };
}

/** Returns the data received on a connection, or the error code if it broke. */
function outcome(socket: Socket): Promise<string> {
  return text(socket).catch((error: NodeJS.ErrnoException) => error.code ?? String(error));
}

describe("forwardLocal", () => {
  it("forwards connections from 127.0.0.1 and ::1, each direction with its own end", async () => {
    const { ssh, targets } = await forwarded();
    const target = await answering();
    await using forward = await ssh.forwardLocal({ port: 0 }, target);
    expect(forward).toMatchObject({ host: "localhost", port: expect.any(Number), path: undefined, connections: 0 });
    expect(await ask(connectLocally(forward, "127.0.0.1"), "one")).toBe("got one");
    expect(await ask(connectLocally(forward, "::1"), "two")).toBe("got two");
    const place = `127.0.0.1:${target.port}`;
    expect(targets).toEqual([place, place]);
  });

  it("returns the bytes of an echo unchanged, in chunks of many sizes", async () => {
    const { ssh } = await forwarded();
    const target = await serve((socket) => socket.pipe(socket));
    await using forward = await ssh.forwardLocal({ port: 0, host: "127.0.0.1" }, { host: "127.0.0.1", ...target });
    const sent = Buffer.from(Uint8Array.from({ length: 4_000_037 }, (_, i) => i * 7 + (i >> 8)));
    const socket = connectLocally(forward);
    const echoed = buffer(socket);
    for (let at = 0, size = 1; at < sent.length; at += size, size = (3 * size) % 200_003)
      if (!socket.write(sent.subarray(at, at + size))) await once(socket, "drain");
    socket.end();
    expect((await echoed).equals(sent)).toBe(true);
  });

  it("sends the originator of a connection to the server", async () => {
    const originators: unknown[] = [];
    const { ssh } = await forwarded((open) => {
      originators.push(new TextDecoder().decode(open.data));
      prohibit(open);
    });
    await using forward = await ssh.forwardLocal({ port: 0, host: "127.0.0.1" }, { host: "far", port: 80 });
    await outcome(connectLocally(forward));
    expect(originators).toEqual([expect.stringContaining("127.0.0.1")]);
  });

  it("resets a connection if its target is refused, calls onError, and keeps listening", async () => {
    let refused = 0;
    const target = await answering();
    const { ssh } = await forwarded((open, to) => {
      if (refused++ === 0) prohibit(open);
      else connectTo(open, to);
    });
    const { codes, onError } = errorCodes();
    await using forward = await ssh.forwardLocal({ port: 0 }, target, { onError });
    expect(await outcome(connectLocally(forward))).toBe("ECONNRESET");
    expect(codes).toEqual(["forward-denied"]);
    expect(await ask(connectLocally(forward), "hello")).toBe("got hello");
    expect(codes).toEqual(["forward-denied"]);
  });

  it("keeps listening when onError throws", async () => {
    const { ssh } = await forwarded(prohibit);
    const onError = vi.fn(() => {
      throw new Error("application error");
    });
    await using forward = await ssh.forwardLocal({ port: 0 }, { host: "far", port: 80 }, { onError });
    await outcome(connectLocally(forward));
    await outcome(connectLocally(forward));
    expect(onError).toHaveBeenCalledTimes(2);
  });

  it("resets connections beyond maxConnections", async () => {
    const { ssh } = await forwarded();
    const target = await answering();
    const { codes, onError } = errorCodes();
    await using forward = await ssh.forwardLocal({ port: 0 }, target, { maxConnections: 1, onError });
    const first = connectLocally(forward);
    await vi.waitFor(() => expect(forward.connections).toBe(1), 10_000);
    expect(await outcome(connectLocally(forward))).toBe("ECONNRESET");
    expect(codes).toEqual(["forward-limit"]);
    expect(await ask(first, "still here")).toBe("got still here");
    await vi.waitFor(() => expect(forward.connections).toBe(0), 10_000);
    expect(await ask(connectLocally(forward), "again")).toBe("got again");
  });

  it("calls onError for a connection that breaks, not for one that ends", async () => {
    const sockets: Socket[] = [];
    const { port } = await serve((socket) => {
      sockets.push(socket);
      socket.on("data", () => {});
    });
    const { ssh } = await forwarded();
    const { codes, onError } = errorCodes();
    await using forward = await ssh.forwardLocal({ port: 0 }, { host: "127.0.0.1", port }, { onError });
    const broken = connectLocally(forward);
    await vi.waitFor(() => expect(sockets).toHaveLength(1), 10_000);
    broken.resetAndDestroy();
    await vi.waitFor(() => expect(codes).toEqual(["closed"]), 10_000);
    expect(forward.connections).toBe(0);
  });
});

describe("closing a forward", () => {
  it("ends its connections, including those being opened, and leaves nothing open", async () => {
    const opens: PeerOpen[] = [];
    const target = await answering();
    const { ssh, disconnect } = await forwarded((open, to) => {
      opens.push(open);
      if (opens.length === 1) connectTo(open, to);
    });
    const left = await watchResources();
    const { codes, onError } = errorCodes();
    const forward = await ssh.forwardLocal({ port: 0 }, target, { onError });
    const [open, opening] = [connectLocally(forward), connectLocally(forward)];
    await vi.waitFor(() => expect(opens).toHaveLength(2), 10_000);
    const ends = [outcome(open), outcome(opening)];
    await forward.close();
    await forward.close();
    expect(await Promise.all(ends)).toEqual(["ECONNRESET", "ECONNRESET"]);
    expect(forward.connections).toBe(0);
    expect(codes).toEqual([]);
    expect(await outcome(connectLocally(forward))).toBe("ECONNREFUSED");
    opens[1]!.reject(1, "too late");
    await disconnect();
    expect(await left()).toEqual([]);
  });

  it("happens at the end of the SSH connection, without calling onError", async () => {
    const target = await answering();
    let opens = 0;
    const { ssh, server } = await forwarded((open, to) => void (opens++ === 0 && connectTo(open, to)));
    const { codes, onError } = errorCodes();
    const forward = await ssh.forwardLocal({ port: 0 }, target, { onError });
    const ends = [outcome(connectLocally(forward)), outcome(connectLocally(forward))];
    await vi.waitFor(() => expect(opens).toBe(2), 10_000);
    await server.close();
    // The sockets are reset, so that a truncated answer does not look complete.
    expect(await Promise.all(ends)).toEqual(["ECONNRESET", "ECONNRESET"]);
    await forward.close();
    expect(await outcome(connectLocally(forward))).toBe("ECONNREFUSED");
    expect(codes).toEqual([]);
    expect(await codeOf(ssh.forwardLocal({ port: 0 }, target))).toBe("disconnected");
  });

  it("happens when the signal aborts", async () => {
    const { ssh } = await forwarded();
    const over = new AbortController();
    const forward = await ssh.forwardLocal({ port: 0 }, await answering(), { signal: over.signal });
    over.abort();
    await forward.close();
    expect(await outcome(connectLocally(forward))).toBe("ECONNREFUSED");
    // An aborted signal is reported before anything is opened, so that a path that cannot be opened does not matter.
    const nowhere = { path: "/missing/folder/s" };
    expect(await codeOf(ssh.forwardLocal(nowhere, await answering(), { signal: over.signal }))).toBe("aborted");
  });

  it("is complete when it rejects because the signal aborted while it started to listen", async () => {
    let open!: (bound: Bound) => void;
    const listening = new Promise<Bound>((resolve) => {
      open = resolve;
    });
    const forwarder = { over: undefined, assertAlive() {}, hold() {}, release() {} } as unknown as Forwarder;
    const over = new AbortController();
    const setup = {
      method: "forwardLocal",
      atServer: false,
      address: { path: "/s" },
      listen: () => listening,
    } as const;
    const opening = codeOf(openForward(forwarder, setup, { signal: over.signal }));
    over.abort();
    await macrotask();
    let isRemoved = false;
    const close = async (): Promise<void> => {
      await macrotask();
      isRemoved = true;
    };
    open({ port: undefined, close });
    expect([await opening, isRemoved]).toEqual(["aborted", true]);
  });

  it("waits two seconds for a listener that does not close", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const forwarder = { over: undefined, assertAlive() {}, hold() {}, release() {} } as unknown as Forwarder;
    const setup = {
      method: "forwardRemote",
      atServer: true,
      address: { port: 0 },
      listen: async (): Promise<Bound> => ({ port: 1, close: () => new Promise(() => {}) }),
    } as const;
    const forward = await openForward(forwarder, setup, {});
    let isClosed = false;
    const closing = forward.close().then(() => {
      isClosed = true;
    });
    await vi.advanceTimersByTimeAsync(1999);
    expect(isClosed).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await closing;
  });

  it("happens when the signal aborts before the server has answered, and closes a listener that opens later", async () => {
    let open!: (bound: Bound) => void;
    const listening = new Promise<Bound>((resolve) => {
      open = resolve;
    });
    const forwarder = { over: undefined, assertAlive() {} } as unknown as Forwarder;
    const over = new AbortController();
    const setup = { method: "forwardRemote", atServer: true, address: { port: 0 }, listen: () => listening } as const;
    const opening = openForward(forwarder, setup, { signal: over.signal });
    over.abort();
    expect(await codeOf(opening)).toBe("aborted");
    let closed = 0;
    open({ port: 1, close: async () => void closed++ });
    await expect.poll(() => closed, { timeout: 10_000 }).toBe(1);
  });
});

describe("listening for a forward", () => {
  const target = { host: "far", port: 80 };

  it.each(["127.0.0.1", "::1"])("fails if the port is in use on %s, and leaves nothing open", async (host) => {
    const { ssh, disconnect } = await forwarded();
    const other = createServer().listen(0, host);
    onTestFinished(() => void other.close());
    await once(other, "listening");
    const { port } = other.address() as { readonly port: number };
    const left = await watchResources();
    await expect(ssh.forwardLocal({ port }, target)).rejects.toEqual(listenFailed("the port is in use"));
    await disconnect();
    expect(await left()).toEqual([]);
  });

  it.each<[string, unknown, unknown, object]>([
    ["a port given as text", { port: "80" }, target, {}],
    ["no port", {}, target, {}],
    ["a host and a path", { host: "localhost", path: "/run/app.sock" }, target, {}],
    ["a target without a port", { port: 0 }, { host: "far" }, {}],
    ["no target", { port: 0 }, undefined, {}],
    ["an unknown option", { port: 0 }, target, { maxConnection: 1 }],
    ["maxConnections 0", { port: 0 }, target, { maxConnections: 0 }],
    ["maxConnections NaN", { port: 0 }, target, { maxConnections: Number.NaN }],
    ["an AbortController instead of its signal", { port: 0 }, target, { signal: new AbortController() }],
    ["an onError that is not a function", { port: 0 }, target, { onError: "log" }],
  ])("rejects %s with `usage` and leaves nothing open", async (_, address, to, options) => {
    const { ssh, disconnect } = await forwarded();
    const left = await watchResources();
    await expect(ssh.forwardLocal(address as never, to as never, options)).rejects.toEqual(code("usage"));
    await disconnect();
    expect(await left()).toEqual([]);
  });
});

describe("a Unix socket of a forward", () => {
  it("has mode 0600 regardless of the umask, and is removed on close", async () => {
    const before = process.umask(0);
    onTestFinished(() => void process.umask(before));
    const folder = await temporaryFolder();
    const path = join(folder, "forward.sock");
    const { ssh } = await forwarded();
    const forward = await ssh.forwardLocal({ path }, await answering());
    expect(forward).toMatchObject({ host: undefined, port: undefined, path });
    expect((await lstat(path)).mode & 0o777).toBe(0o600);
    expect(await ask(connectLocally(forward), "hello")).toBe("got hello");
    await forward.close();
    expect(await readdir(folder)).toEqual([]);
  });

  it("forwards to a Unix socket", async () => {
    const path = socketPath(await temporaryFolder(), "target.sock");
    await serve(answerAfterEnd, path);
    const { ssh, targets } = await forwarded();
    await using forward = await ssh.forwardLocal({ port: 0 }, { path });
    expect(await ask(connectLocally(forward), "hello")).toBe("got hello");
    expect(targets).toEqual([path]);
  });

  it.each([false, true])("never replaces a file, with streamLocalBindUnlink %s", async (streamLocalBindUnlink) => {
    const folder = await temporaryFolder();
    const path = join(folder, "precious.txt");
    await writeFile(path, "text");
    const { ssh } = await forwarded();
    await expect(ssh.forwardLocal({ path }, await answering(), { streamLocalBindUnlink })).rejects.toEqual(
      listenFailed("the path exists"),
    );
    expect(await readFile(path, "utf8")).toBe("text");
    expect(await readdir(folder)).toEqual(["precious.txt"]);
  });

  it("replaces a socket only with streamLocalBindUnlink, and keeps another program's socket on close", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "forward.sock");
    const { ssh } = await forwarded();
    // The path does not exist yet: the option has nothing to replace.
    const first = await ssh.forwardLocal({ path }, await answering(), { streamLocalBindUnlink: true });
    await expect(ssh.forwardLocal({ path }, await answering())).rejects.toEqual(listenFailed("the path exists"));
    const second = await ssh.forwardLocal({ path }, await answering(), { streamLocalBindUnlink: true });
    await first.close();
    expect(await ask(connectLocally(second), "hello")).toBe("got hello");
    await second.close();
    expect(await readdir(folder)).toEqual([]);
  });

  it("may have a path as long as the system allows", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "x".repeat(107 - folder.length - 1));
    const { ssh } = await forwarded();
    await using forward = await ssh.forwardLocal({ path }, await answering());
    expect(await ask(connectLocally(forward), "hello")).toBe("got hello");
    await expect(ssh.forwardLocal({ path: `${path}x` }, await answering())).rejects.toEqual(code("usage"));
  });

  it("requires an existing folder", async () => {
    const { ssh } = await forwarded();
    const path = join(await temporaryFolder(), "missing", "forward.sock");
    await expect(ssh.forwardLocal({ path }, await answering())).rejects.toEqual(
      listenFailed("the folder does not exist"),
    );
  });
});

describe("backpressure", () => {
  it("buffers no more than the windows for a stalled target", async () => {
    const accepted = later<Socket>();
    const { port } = await serve((socket) => accepted.resolve(socket.pause()));
    const { ssh } = await forwarded();
    await using forward = await ssh.forwardLocal({ port: 0 }, { host: "127.0.0.1", port });
    const socket = connectLocally(forward);
    await accepted.promise;
    const chunk = new Uint8Array(1024 * 1024);
    let stalled = false;
    let sent = 0;
    // The client writes until no more bytes are accepted. They are then in windows and in the system's buffers.
    while (!stalled && sent < 256) {
      sent++;
      if (socket.write(chunk)) continue;
      stalled = await Promise.race([once(socket, "drain").then(() => false), quiet(socket)]);
    }
    expect(stalled).toBe(true);
    expect(sent).toBeLessThan(32);
  });
});

/** Resolves when a socket has sent nothing for 300 ms. */
async function quiet(socket: Socket): Promise<boolean> {
  for (let before = -1; before !== socket.bytesWritten - socket.writableLength; ) {
    before = socket.bytesWritten - socket.writableLength;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  return true;
}
