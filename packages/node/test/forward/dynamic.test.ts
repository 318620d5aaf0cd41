import { once } from "node:events";
import type { Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import type { PeerOpen } from "nacre/extend";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { later, serve, watchResources } from "../support.ts";
import { answerAfterEnd, connectLocally, connectTo, errorCodes, forwarded, prohibit } from "./support.ts";

const code = (expected: string): unknown => expect.objectContaining({ name: "SshError", code: expected });

/** SOCKS 5: one method (none), then CONNECT to a host name. */
function socks5(host: string, port: number): Buffer {
  return Buffer.from([5, 1, 0, 5, 1, 0, 3, host.length, ...Buffer.from(host), port >> 8, port & 255]);
}

/** SOCKS 4: CONNECT to an IPv4 address. */
function socks4(address: string, port: number): Buffer {
  return Buffer.from([4, 1, port >> 8, port & 255, ...address.split(".").map(Number), 0]);
}

/** SOCKS 4a: CONNECT to a host name. */
function socks4a(host: string, port: number): Buffer {
  return Buffer.from([4, 1, port >> 8, port & 255, 0, 0, 0, 1, 0, ...Buffer.from(host), 0]);
}

function httpConnect(host: string, port: number): Buffer {
  return Buffer.from(`CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`);
}

const SOCKS5_GRANTED = Buffer.from([5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
const SOCKS4_GRANTED = Buffer.from([0, 90, 0, 0, 0, 0, 0, 0]);
const HTTP_GRANTED = Buffer.from("HTTP/1.1 200 Connection Established\r\n\r\n");

/** Returns everything received on a connection as latin1, or the error code if it broke. */
function received(socket: Socket): Promise<string> {
  return buffer(socket).then(
    (all) => all.toString("latin1"),
    (error: NodeJS.ErrnoException) => error.code ?? String(error),
  );
}

describe("forwardDynamic", () => {
  it.each<[string, (host: string, port: number) => Buffer, string, Buffer]>([
    ["SOCKS 5", socks5, "localhost", SOCKS5_GRANTED],
    ["SOCKS 4", socks4, "127.0.0.1", SOCKS4_GRANTED],
    ["SOCKS 4a", socks4a, "localhost", SOCKS4_GRANTED],
    ["HTTP CONNECT", httpConnect, "localhost", HTTP_GRANTED],
  ])("connects with %s, even if data follows the request immediately", async (_, request, host, granted) => {
    const { port } = await serve(answerAfterEnd);
    const { ssh, targets } = await forwarded();
    await using forward = await ssh.forwardDynamic({ port: 0 });
    const socket = connectLocally(forward);
    socket.end(Buffer.concat([request(host, port), Buffer.from("hello")]));
    expect(await received(socket)).toBe(`${granted.toString("latin1")}got hello`);
    expect(targets).toEqual([`${host}:${port}`]);
  });

  it("accepts a request byte by byte, and data sent before the target is connected", async () => {
    const { port } = await serve(answerAfterEnd);
    const asked = later<() => void>();
    const { ssh } = await forwarded((open, target) => asked.resolve(() => connectTo(open, target)));
    await using forward = await ssh.forwardDynamic({ port: 0 });
    const socket = connectLocally(forward).setNoDelay();
    for (const byte of socks5("localhost", port)) {
      socket.write(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const connectNow = await asked.promise;
    await new Promise((sent) => socket.write("early ", sent));
    connectNow();
    socket.end("late");
    expect(await received(socket)).toBe(`${SOCKS5_GRANTED.toString("latin1")}got early late`);
  });

  it("replies to the client that its target was refused, even if it has sent data, and keeps listening", async () => {
    const { ssh } = await forwarded(prohibit);
    const { codes, onError } = errorCodes();
    await using forward = await ssh.forwardDynamic({ port: 0 }, { onError });
    const socket = connectLocally(forward);
    socket.write(Buffer.concat([socks5("far", 80), Buffer.alloc(256 * 1024)]));
    expect(await received(socket)).toBe(Buffer.from([5, 0, 5, 2, 0, 1, 0, 0, 0, 0, 0, 0]).toString("latin1"));
    expect(codes).toEqual(["forward-denied"]);
    socket.end();
    await vi.waitFor(() => expect(forward.connections).toBe(0), 10_000);
    const next = connectLocally(forward);
    next.end(httpConnect("far", 80));
    expect(await received(next)).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
  });

  it("refuses an invalid proxy request", async () => {
    const { ssh } = await forwarded();
    const { codes, onError } = errorCodes();
    await using forward = await ssh.forwardDynamic({ port: 0 }, { onError });
    const socket = connectLocally(forward);
    socket.write("GET / HTTP/1.1\r\n\r\n");
    expect(await received(socket)).toMatch(/^HTTP\/1\.1 405 /);
    expect(codes).toEqual(["proxy-request-refused"]);
  });

  it("closes a refused client that does not close by itself", async () => {
    const { ssh } = await forwarded(prohibit);
    await using forward = await ssh.forwardDynamic({ port: 0 });
    const socket = connectLocally(forward).resume();
    socket.write(socks4("127.0.0.1", 80));
    await once(socket, "end");
    expect(forward.connections).toBe(1);
    await vi.waitFor(() => expect(forward.connections).toBe(0), { timeout: 20_000 });
  });

  it("closes a client that sends no complete request in time", async () => {
    const { ssh, targets } = await forwarded();
    const { codes, onError } = errorCodes();
    await using forward = await ssh.forwardDynamic({ port: 0 }, { onError, handshakeTimeout: 2000 });
    const socket = connectLocally(forward);
    socket.write(socks5("localhost", 80).subarray(0, 6));
    expect(await received(socket)).toBe("\x05\x00");
    socket.destroy();
    expect(codes).toEqual(["proxy-request-refused"]);
    expect(targets).toEqual([]);
    await vi.waitFor(() => expect(forward.connections).toBe(0), 10_000);
  });

  it("drops a client that disconnects during its request, or while its target is being connected", async () => {
    const opens: PeerOpen[] = [];
    const { ssh } = await forwarded((open) => void opens.push(open));
    const { codes, onError } = errorCodes();
    await using forward = await ssh.forwardDynamic({ port: 0 }, { onError });
    connectLocally(forward).end(socks5("far", 80).subarray(0, 5));
    await vi.waitFor(() => expect(codes).toEqual(["proxy-request-refused"]), 10_000);
    const reset = connectLocally(forward);
    await new Promise((sent) => reset.write(socks5("far", 80).subarray(0, 5), sent));
    reset.resetAndDestroy();
    await vi.waitFor(() => expect([codes.length, forward.connections]).toEqual([2, 0]), 10_000);
    const socket = connectLocally(forward);
    socket.write(socks5("far", 80));
    await vi.waitFor(() => expect(opens).toHaveLength(1), 10_000);
    socket.resetAndDestroy();
    await once(socket, "close");
    opens[0]!.accept();
    await vi.waitFor(() => expect(forward.connections).toBe(0), 10_000);
  });

  it("serves many concurrent clients without a MaxListenersExceededWarning", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on("warning", onWarning);
    onTestFinished(() => void process.off("warning", onWarning));
    const opens: PeerOpen[] = [];
    const { ssh } = await forwarded((open) => void opens.push(open));
    await using forward = await ssh.forwardDynamic({ port: 0 });
    for (let i = 0; i < 40; i++)
      connectLocally(forward).write(i < 20 ? socks5("far", 80).subarray(0, 3) : socks5("far", 80));
    await vi.waitFor(() => expect([opens.length, forward.connections]).toEqual([20, 40]), 10_000);
    await forward.close();
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings).toEqual([]);
  });

  it("counts clients without a request against maxConnections", async () => {
    const { ssh } = await forwarded();
    const { codes, onError } = errorCodes();
    await using forward = await ssh.forwardDynamic({ port: 0 }, { onError, maxConnections: 1 });
    connectLocally(forward);
    await vi.waitFor(() => expect(forward.connections).toBe(1), 10_000);
    expect(await received(connectLocally(forward))).toBe("ECONNRESET");
    expect(codes).toEqual(["forward-limit"]);
  });

  it("leaves nothing open when closed during handshakes and dials", async () => {
    const opens: PeerOpen[] = [];
    const { ssh, disconnect } = await forwarded((open) => void opens.push(open));
    const left = await watchResources();
    const forward = await ssh.forwardDynamic({ port: 0 });
    const [silent, dialling] = [connectLocally(forward), connectLocally(forward)];
    dialling.write(socks5("far", 80));
    await vi.waitFor(() => expect([opens.length, forward.connections]).toEqual([1, 2]), 10_000);
    const ends = [received(silent), received(dialling)];
    await forward.close();
    await Promise.all(ends);
    opens[0]!.reject(1, "too late");
    await disconnect();
    expect(await left()).toEqual([]);
  });

  it.each([0, 1.5, Number.NaN, "1000", 2 ** 31])(
    "rejects handshakeTimeout %s with `usage`",
    async (handshakeTimeout) => {
      const { ssh } = await forwarded();
      await expect(ssh.forwardDynamic({ port: 0 }, { handshakeTimeout: handshakeTimeout as number })).rejects.toEqual(
        code("usage"),
      );
    },
  );
});
