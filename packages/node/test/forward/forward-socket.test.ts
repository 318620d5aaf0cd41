import { once } from "node:events";
import type { Socket } from "node:net";
import { text } from "node:stream/consumers";
import type { PeerOpen } from "nacre/extend";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { later, serve, socketPath, temporaryFolder, watchResources } from "../support.ts";
import { answerAfterEnd, forwarded, prohibit } from "./support.ts";

const code = (expected: string): unknown => expect.objectContaining({ name: "SshError", code: expected });
const at = ({ port }: { readonly port: number }): { host: string; port: number } => ({ host: "127.0.0.1", port });
const macrotask = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("client.socket", () => {
  it("connects on connect(), ignores its arguments, and emits events", async () => {
    const target = await serve(answerAfterEnd);
    const { ssh, targets } = await forwarded();
    const socket = ssh.socket(at(target), { allowHalfOpen: true });
    const events: string[] = [];
    for (const name of ["connect", "ready", "end", "close"]) socket.on(name, () => events.push(name));
    await macrotask();
    expect(targets).toEqual([]);
    expect(socket).toMatchObject({ connecting: false, pending: true, readyState: "closed" });

    const listener = vi.fn();
    expect(socket.connect(5432, "ignored.example", listener)).toBe(socket);
    expect(socket).toMatchObject({ connecting: true, pending: true, readyState: "opening" });
    socket.connect();
    await once(socket, "ready");
    expect(listener).toHaveBeenCalledOnce();
    expect(targets).toEqual([`127.0.0.1:${target.port}`]);
    expect(socket).toMatchObject({ connecting: false, pending: false, readyState: "open" });
    expect(socket).toMatchObject({ remoteAddress: "127.0.0.1", remotePort: target.port });

    socket.end("hello");
    await once(socket, "finish");
    expect(socket.readyState).toBe("readOnly");
    expect(await text(socket)).toBe("got hello");
    expect(socket).toMatchObject({ readyState: "closed", bytesWritten: 5, bytesRead: 9 });
    await vi.waitFor(() => expect(events).toEqual(["connect", "ready", "end", "close"]), 10_000);
  });

  it("connects on the first write", async () => {
    const { ssh } = await forwarded();
    const socket = ssh.socket(at(await serve(answerAfterEnd)), { allowHalfOpen: true });
    socket.write("hel");
    socket.end("lo");
    expect(socket).toMatchObject({ connecting: true, bytesWritten: 5 });
    expect(await text(socket)).toBe("got hello");
  });

  it("connects on the first read, since some servers send first", async () => {
    const { ssh } = await forwarded();
    const socket = ssh.socket(at(await serve((one) => one.end("welcome"))));
    expect(await text(socket)).toBe("welcome");
  });

  it("connects when ended, and forwards the end", async () => {
    const { ssh } = await forwarded();
    const socket = ssh.socket(at(await serve(answerAfterEnd)), { allowHalfOpen: true });
    socket.end();
    expect(await text(socket)).toBe("got ");
  });

  it("ends its output after the end of its input, unless allowHalfOpen is true", async () => {
    const ended: boolean[] = [];
    const target = await serve((one) => {
      one.allowHalfOpen = true;
      one.resume().on("end", () => ended.push(true));
      one.end("welcome");
    });
    const { ssh } = await forwarded();
    const socket = ssh.socket(at(target));
    expect(socket.allowHalfOpen).toBe(false);
    await text(socket);
    await vi.waitFor(() => expect(ended).toEqual([true]), 10_000);

    const half = ssh.socket(at(target), { allowHalfOpen: true });
    half.resume();
    await once(half, "end");
    expect(half.writable).toBe(true);
    half.end();
    await once(half, "close");
  });

  it("connects to a Unix socket", async () => {
    const path = socketPath(await temporaryFolder(), "target.sock");
    await serve((one) => one.end("welcome"), path);
    const { ssh } = await forwarded();
    const socket = ssh.socket({ path });
    expect(await text(socket)).toBe("welcome");
    expect(socket.remoteAddress).toBeUndefined();
  });

  it("emits `connect` before data that came with the confirmation", async () => {
    const { ssh } = await forwarded((open) => void open.accept()?.write(new TextEncoder().encode("welcome")));
    const socket = ssh.socket({ host: "far", port: 80 });
    const chunks: string[] = [];
    socket.once("connect", () => socket.on("data", (chunk) => chunks.push(String(chunk))));
    socket.connect();
    await vi.waitFor(() => expect(chunks).toEqual(["welcome"]), 10_000);
    socket.destroy();
  });

  it("fails with the error of the dial", async () => {
    const { ssh, server } = await forwarded(prohibit);
    const refused = ssh.socket({ host: "far", port: 80 }).connect();
    expect((await once(refused, "error"))[0]).toEqual(code("forward-denied"));
    expect(refused).toMatchObject({ destroyed: true, connecting: false, readyState: "closed" });
    await server.close();
    await ssh.ended;
    expect((await once(ssh.socket({ host: "far", port: 80 }).connect(), "error"))[0]).toEqual(code("disconnected"));
  });

  it("fails when the SSH connection ends", async () => {
    const { ssh } = await forwarded();
    const target = await serve(() => {});
    const socket = ssh.socket(at(target)).connect().resume();
    await once(socket, "connect");
    const failed = once(socket, "error");
    await ssh.close();
    expect((await failed)[0]).toEqual(code("closed"));
  });

  it("throws `usage` for an invalid target or option", async () => {
    const { ssh } = await forwarded();
    expect(() => ssh.socket({ host: "far" } as never)).toThrow(code("usage"));
    expect(() => ssh.socket(undefined as never)).toThrow(code("usage"));
    expect(() => ssh.socket({ host: "far", port: 80 }, { halfOpen: true } as never)).toThrow(code("usage"));
    expect(() => ssh.socket({ host: "far", port: 80 }, { signal: {} as never })).toThrow(code("usage"));
  });

  it("is destroyed when its signal aborts", async () => {
    const { ssh } = await forwarded();
    const over = new AbortController();
    const socket = ssh.socket(at(await serve(() => {})), { signal: over.signal }).connect();
    await once(socket, "connect");
    const failed = once(socket, "error");
    over.abort();
    expect((await failed)[0]).toEqual(code("aborted"));
    const late = ssh.socket({ host: "far", port: 80 }, { signal: over.signal });
    expect((await once(late, "error"))[0]).toEqual(code("aborted"));
  });

  it("closes the channel if destroyed while opening", async () => {
    const opens: PeerOpen[] = [];
    const { ssh, disconnect } = await forwarded((open) => void opens.push(open));
    const left = await watchResources();
    const socket = ssh.socket({ host: "far", port: 80 }).connect();
    await vi.waitFor(() => expect(opens).toHaveLength(1), 10_000);
    const onConnect = vi.fn();
    socket.on("connect", onConnect).destroy();
    const channel = opens[0]!.accept()!;
    channel.handler = { data() {}, writable() {}, eof() {}, request() {}, closed() {} };
    await channel.ended;
    expect(onConnect).not.toHaveBeenCalled();
    await disconnect();
    expect(await left()).toEqual([]);
  });
});

describe("socket methods that database clients call", () => {
  it("setTimeout emits `timeout` only after inactivity, and not after the end", async () => {
    const accepted = later<Socket>();
    const target = await serve(accepted.resolve);
    const { ssh } = await forwarded();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const socket = ssh.socket(at(target));
    const onTimeout = vi.fn();
    expect(socket.setTimeout(1000, onTimeout)).toBe(socket);
    expect(socket.timeout).toBe(1000);
    socket.connect();
    await once(socket, "connect");
    const peer = await accepted.promise;
    vi.advanceTimersByTime(900);
    peer.write("x");
    await once(socket, "data");
    vi.advanceTimersByTime(900);
    expect(onTimeout).not.toHaveBeenCalled();
    await new Promise((sent) => socket.write("x", sent));
    vi.advanceTimersByTime(900);
    expect(onTimeout).not.toHaveBeenCalled();
    vi.advanceTimersByTime(100);
    expect(onTimeout).toHaveBeenCalledOnce();
    expect(socket.destroyed).toBe(false);
    socket.setTimeout(0);
    expect(socket.timeout).toBeUndefined();
    socket.setTimeout(1000, onTimeout);
    socket.destroy();
    socket.setTimeout(1000, onTimeout);
    vi.advanceTimersByTime(5000);
    expect(onTimeout).toHaveBeenCalledOnce();
  });

  it("setNoDelay, setKeepAlive, ref and unref return the socket", async () => {
    const { ssh } = await forwarded();
    const socket = ssh.socket({ host: "far", port: 80 });
    expect(socket.setNoDelay(true).setKeepAlive(true, 1000).ref().unref()).toBe(socket);
    expect(socket.address()).toEqual({});
  });

  it("destroySoon sends all written data", async () => {
    const { ssh } = await forwarded();
    const got = later<string>();
    const target = await serve((one) => void text(one).then(got.resolve));
    const socket = ssh.socket(at(target));
    socket.write("hello");
    socket.destroySoon();
    await once(socket, "close");
    expect(await got.promise).toBe("hello");
  });
});
