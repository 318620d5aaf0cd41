import { once } from "node:events";
import { connect, isIP, Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { dial, type TcpOptions } from "../src/net/dial.ts";
import { codeOf, serve, watchResources } from "./support.ts";

vi.mock(import("node:net"), async (original) => {
  const net = await original();
  return { ...net, connect: vi.fn(net.connect) as unknown as typeof net.connect };
});

/** Addresses of `example.org` by family, or the error of its lookup. */
let names: readonly string[] | Error;
const lookups: unknown[] = [];

vi.mock("node:dns/promises", () => ({
  async lookup(host: string, { family }: { readonly family: number }) {
    lookups.push([host, family]);
    if (names instanceof Error) throw names;
    return names.filter((one) => family === 0 || isIP(one) === family).map((address) => ({ address }));
  },
}));

beforeEach(() => {
  vi.mocked(connect).mockReset();
  names = ["192.0.2.1"];
  lookups.length = 0;
});

afterEach(() => {
  vi.useRealTimers();
});

const options: TcpOptions = { host: "example.org", port: 22, connectTimeout: 10_000 };

/** Makes the next connection a socket that does nothing except run `act`. */
function pretend(act: (socket: Socket) => void = () => {}): Socket {
  const socket = new Socket();
  vi.mocked(connect).mockImplementationOnce(() => {
    process.nextTick(act, socket);
    return socket;
  });
  return socket;
}

/** Addresses that sockets were opened to, in order. */
const tried = (): unknown[] => vi.mocked(connect).mock.calls.map(([place]) => (place as { host?: string }).host);

/** Lets promises and events go on. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function systemError(code: string): Error {
  return Object.assign(new Error(`connect ${code} 192.0.2.1:22`), { code });
}

describe("connecting", () => {
  test("returns a socket with TCP_NODELAY and leaves no timer", async () => {
    const leftOpen = await watchResources();
    const server = await serve(() => {});
    const { connect: real } = await vi.importActual<typeof import("node:net")>("node:net");
    vi.mocked(connect).mockImplementationOnce(real);
    const socket = await dial({ ...options, host: "127.0.0.1", port: server.port });
    expect(vi.mocked(connect).mock.lastCall?.[0]).toMatchObject({ noDelay: true });
    expect(socket.listenerCount("error")).toBe(0);
    socket.destroy();
    await server.close();
    expect(await leftOpen()).toEqual([]);
  });

  test("received data waits for a listener, arrives in order, and is followed by the end", async () => {
    const block = Uint8Array.from({ length: 300_007 }, (_, i) => i * 7);
    let written: Promise<unknown> | undefined;
    const server = await serve((socket) => {
      written = once(socket, "finish");
      socket.end(block);
    });
    const { connect: real } = await vi.importActual<typeof import("node:net")>("node:net");
    vi.mocked(connect).mockImplementationOnce(real);
    const socket = await dial({ ...options, host: "127.0.0.1", port: server.port });
    await written;
    const received: Buffer[] = [];
    socket.on("data", (chunk: Uint8Array) => {
      received.push(Buffer.from(chunk));
      // Pausing midway loses no data.
      socket.pause();
      setImmediate(() => socket.resume());
    });
    socket.resume();
    await once(socket, "end");
    expect(received.length).toBeGreaterThan(1);
    expect(Buffer.concat(received).equals(block)).toBe(true);
    socket.destroy();
  });

  test("a runtime that detaches the buffer of each read gets a new one", async () => {
    type OnRead = { readonly buffer: Uint8Array; readonly callback: (length: number, buffer: Uint8Array) => boolean };
    const read = ({ buffer, callback }: OnRead, ...bytes: number[]): void => {
      // Streams that read into a given buffer detach it, such as workerd's BYOB reader.
      const taken = structuredClone(buffer, { transfer: [buffer.buffer as ArrayBuffer] });
      expect(buffer).toHaveLength(0);
      taken.set(bytes);
      callback(bytes.length, taken.subarray(0, bytes.length));
    };
    for (const _connection of [1, 2]) {
      pretend((socket) => socket.emit("connect"));
      const socket = await dial(options);
      const { onread } = vi.mocked(connect).mock.lastCall![0] as unknown as { readonly onread: OnRead };
      const received: number[] = [];
      socket.on("data", (chunk: Uint8Array) => received.push(...chunk));
      read(onread, 1, 2, 3);
      read(onread, 4, 5);
      expect(received).toEqual([1, 2, 3, 4, 5]);
      socket.destroy();
    }
  });

  test.each([
    ["ECONNREFUSED", "connection-failed", "connection refused"],
    ["EHOSTUNREACH", "connection-failed", "no route"],
    ["ENETUNREACH", "connection-failed", "no route"],
    ["ETIMEDOUT", "connect-timeout", "no answer"],
    ["EPERM", "connection-failed", "connect EPERM 192.0.2.1:22"],
  ])("%s becomes %s, and names host and port", async (systemCode, code, reason) => {
    pretend((socket) => socket.destroy(systemError(systemCode)));
    await expect(dial(options)).rejects.toMatchObject({
      code,
      culprit: "peer",
      message: expect.stringMatching(`example\\.org port 22: .*${reason}`),
      cause: { code: systemCode },
    });
  });

  test.each([
    ["ENOTFOUND", "host name not found; check its spelling"],
    ["EAI_AGAIN", "host name lookup failed; check the network connection"],
    ["ENOMEM", "connect ENOMEM 192.0.2.1:22"],
  ])("a lookup that fails with %s is connection-failed", async (systemCode, reason) => {
    names = systemError(systemCode);
    await expect(dial(options)).rejects.toMatchObject({
      code: "connection-failed",
      message: `cannot connect to example.org port 22: ${reason}`,
      cause: { code: systemCode },
    });
    expect(connect).not.toHaveBeenCalled();
  });

  test("a host without addresses is connection-failed", async () => {
    names = [];
    await expect(dial(options)).rejects.toThrow("cannot connect to example.org port 22: the host name has no address");
  });

  test("passes the name on where the runtime permits it and not its address", async () => {
    const denied = Object.assign(systemError("x"), { name: "NotCapable" });
    pretend((socket) => socket.destroy(denied));
    pretend((socket) => socket.emit("connect"));
    await dial(options);
    expect(tried()).toEqual(["192.0.2.1", "example.org"]);
    for (let i = 0; i < 2; i++) pretend((socket) => socket.destroy(denied));
    await expect(dial(options)).rejects.toMatchObject({ code: "connection-failed" });
    expect(tried()).toHaveLength(4);
  });

  test("passes the name on where the runtime has no lookup", async () => {
    names = Object.assign(new Error("not implemented"), { code: "ERR_METHOD_NOT_IMPLEMENTED" });
    pretend((socket) => socket.emit("connect"));
    await dial(options);
    expect(tried()).toEqual(["example.org"]);
  });

  test("fails after `connectTimeout`", async () => {
    const leftOpen = await watchResources();
    const socket = pretend();
    await expect(dial({ ...options, connectTimeout: 10 })).rejects.toMatchObject({
      code: "connect-timeout",
      message: "cannot connect to example.org port 22: no answer within 10 ms",
    });
    expect(socket.destroyed).toBe(true);
    socket.emit("error", systemError("ECONNRESET"));
    expect(await leftOpen()).toEqual([]);
  });

  test("can be aborted before and during the attempt", async () => {
    const leftOpen = await watchResources();
    expect(await codeOf(dial({ ...options, signal: AbortSignal.abort() }))).toBe("aborted");
    expect(connect).not.toHaveBeenCalled();

    const abort = new AbortController();
    const socket = pretend(() => abort.abort("changed my mind"));
    await expect(dial({ ...options, signal: abort.signal })).rejects.toMatchObject({
      code: "aborted",
      cause: "changed my mind",
    });
    expect(socket.destroyed).toBe(true);
    expect(await leftOpen()).toEqual([]);
  });

  test("escapes the host in messages", async () => {
    names = systemError("ENOTFOUND");
    await expect(dial({ ...options, host: "evil\x1b[2J" })).rejects.toThrow("evil\\x1b[2J port 22");
  });
});

const refuse = (socket: Socket): void => void socket.destroy(systemError("ECONNREFUSED"));

/** Outcome of a connection attempt. */
const outcome = (promise: Promise<Socket>): Promise<unknown> =>
  promise.then(
    (socket) => socket,
    (error: unknown) => error,
  );

const virtualTime = (): void => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
/** Lets time pass, and the work that became due. */
const pass = async (milliseconds: number): Promise<void> => {
  await vi.advanceTimersByTimeAsync(milliseconds);
  await settled();
};

describe("the addresses of a name", () => {
  test("are tried 250 ms apart, with their families in turn, until one answers; the others are closed", async () => {
    virtualTime();
    names = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1"];
    const sockets = [pretend(), pretend(), pretend()];
    const dialled = outcome(dial(options));
    await pass(0);
    expect(tried()).toEqual(["2001:db8::1"]);
    await pass(249);
    expect(tried()).toHaveLength(1);
    await pass(1);
    expect(tried()).toEqual(["2001:db8::1", "192.0.2.1"]);
    await pass(250);
    expect(tried()).toEqual(["2001:db8::1", "192.0.2.1", "2001:db8::2"]);
    sockets[1]!.emit("connect");
    expect(await dialled).toBe(sockets[1]);
    expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, false, true]);
    expect(sockets[1]!.listenerCount("error")).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
    // Errors of closed sockets go nowhere.
    sockets[0]!.emit("error", systemError("ECONNRESET"));
  });

  test("follow at once when one fails; the error lists what each answered", async () => {
    virtualTime();
    names = ["2001:db8::1", "192.0.2.1", "192.0.2.2"];
    pretend((socket) => socket.destroy(systemError("ENETUNREACH")));
    pretend(refuse);
    pretend((socket) => socket.destroy(systemError("ETIMEDOUT")));
    expect(await outcome(dial(options))).toMatchObject({
      code: "connection-failed",
      message:
        "cannot connect to example.org port 22: 2001:db8::1: no route to host, 192.0.2.1: connection refused, 192.0.2.2: no answer",
      cause: { errors: [{ code: "ENETUNREACH" }, { code: "ECONNREFUSED" }, { code: "ETIMEDOUT" }] },
    });
    expect(vi.getTimerCount()).toBe(0);
  });

  test("that all time out are connect-timeout", async () => {
    names = ["192.0.2.1", "192.0.2.2"];
    for (const _address of names) pretend((socket) => socket.destroy(systemError("ETIMEDOUT")));
    expect(await outcome(dial(options))).toMatchObject({
      code: "connect-timeout",
      message: "cannot connect to example.org port 22: no answer within the system's timeout",
    });
  });

  test("fill no message: eight are listed", async () => {
    names = Array.from({ length: 1000 }, (_, i) => `192.0.2.${i % 250}`);
    for (const _address of names) pretend(refuse);
    const { message } = (await outcome(dial(options))) as Error;
    expect(message).toMatch(/192\.0\.2\.7: connection refused and 992 more; check that a server listens/);
    expect(message.length).toBeLessThan(500);
  });

  test("that failed are listed when the others do not answer in time; nothing is left", async () => {
    virtualTime();
    names = ["2001:db8::1", "192.0.2.1"];
    pretend((socket) => socket.destroy(systemError("ENETUNREACH")));
    const silent = pretend();
    const dialled = outcome(dial(options));
    await pass(10_000);
    expect(await dialled).toMatchObject({
      code: "connect-timeout",
      message: "cannot connect to example.org port 22: no answer within 10000 ms; 2001:db8::1: no route to host",
    });
    expect(silent.destroyed).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("leave no socket and no timer when the signal aborts", async () => {
    virtualTime();
    names = ["2001:db8::1", "192.0.2.1", "192.0.2.2"];
    const sockets = [pretend(), pretend()];
    const abort = new AbortController();
    const dialled = outcome(dial({ ...options, signal: abort.signal }));
    await pass(250);
    abort.abort("changed my mind");
    expect(await dialled).toMatchObject({ code: "aborted", cause: "changed my mind" });
    await pass(1000);
    expect(tried()).toHaveLength(2);
    expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, true]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("are tried again `connectionAttempts` times, one second apart; the name is looked up once", async () => {
    virtualTime();
    names = ["2001:db8::1", "192.0.2.1"];
    for (let i = 0; i < 4; i++) pretend(refuse);
    const last = pretend();
    const dialled = outcome(dial({ ...options, connectionAttempts: 3 }));
    await pass(0);
    expect(tried()).toHaveLength(2);
    await pass(999);
    expect(tried()).toHaveLength(2);
    await pass(1);
    expect(tried()).toHaveLength(4);
    await pass(1000);
    expect(tried()).toHaveLength(5);
    last.emit("connect");
    expect(await dialled).toBe(last);
    expect(lookups).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("fail after the last attempt, at `connectTimeout`, or when the signal aborts between two attempts", async () => {
    virtualTime();
    for (let i = 0; i < 2; i++) pretend(refuse);
    const twice = outcome(dial({ ...options, connectionAttempts: 2 }));
    await pass(1000);
    expect(await twice).toMatchObject({ code: "connection-failed" });

    for (let i = 0; i < 3; i++) pretend(refuse);
    const late = outcome(dial({ ...options, connectionAttempts: 9, connectTimeout: 2500 }));
    await pass(2500);
    expect(await late).toMatchObject({
      code: "connect-timeout",
      message: "cannot connect to example.org port 22: no answer within 2500 ms; 192.0.2.1: connection refused",
    });

    pretend(refuse);
    const abort = new AbortController();
    const aborted = outcome(dial({ ...options, connectionAttempts: 2, signal: abort.signal }));
    await pass(500);
    abort.abort();
    expect(await aborted).toMatchObject({ code: "aborted" });
    await pass(5000);
    expect(tried()).toHaveLength(6);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("all fit into the default time limit", async () => {
    virtualTime();
    for (let i = 0; i < 30; i++) pretend(refuse);
    const dialled = outcome(dial({ ...options, connectionAttempts: 30, connectTimeout: undefined }));
    await pass(29_000);
    expect(await dialled).toMatchObject({ code: "connection-failed" });
    expect(tried()).toHaveLength(30);
  });

  test("are those of `addressFamily`", async () => {
    names = ["2001:db8::1", "192.0.2.1"];
    for (const [addressFamily, family] of [
      ["inet", 4],
      ["inet6", 6],
      ["any", 0],
    ] as const) {
      pretend((socket) => socket.emit("connect"));
      await dial({ ...options, addressFamily });
      expect(lookups.at(-1)).toEqual(["example.org", family]);
    }
    expect(tried()).toEqual(["192.0.2.1", "2001:db8::1", "2001:db8::1"]);
    await expect(dial({ ...options, host: "::1", addressFamily: "inet" })).rejects.toMatchObject({
      code: "connection-failed",
      message: 'cannot connect to ::1 port 22: the address is not of `addressFamily` "inet"',
    });
    const mixed: TcpOptions = { ...options, localAddress: "127.0.0.1", addressFamily: "inet6" };
    await expect(dial(mixed)).rejects.toThrow("cannot connect from `localAddress`");
    expect(connect).toHaveBeenCalledTimes(3);
  });
});
