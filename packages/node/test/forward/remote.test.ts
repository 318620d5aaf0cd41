import type { Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { dialAddresses } from "../../src/forward/forward-dial.ts";
import type { Client } from "../../src/index.ts";
import { listen } from "../../src/listen/listen.ts";
import { tcpForwarding } from "../../src/listen/tcp-forwarding.ts";
import { codeOf, serve } from "../support.ts";
import { answerAfterEnd, ask, clientOf, connectLocally, errorCodes, hostKey } from "./support.ts";

/** A client of a server that listens for it. */
async function listening(): Promise<Client> {
  const server = await listen({
    port: 0,
    hostKeys: [hostKey],
    authenticate: () => ({ permissions: { portForwarding: true } }),
    forwarding: tcpForwarding(),
  });
  const ssh = await clientOf(server);
  onTestFinished(async () => {
    await ssh.close();
    await server.close();
  });
  return ssh;
}

/** Returns everything received on a connection as latin1, or the error code if it broke. */
function received(socket: Socket): Promise<string> {
  return buffer(socket).then(
    (all) => all.toString("latin1"),
    (error: NodeJS.ErrnoException) => error.code ?? String(error),
  );
}

/** SOCKS 4: CONNECT to a port of 127.0.0.1. */
const socks4 = (port: number): Buffer => Buffer.from([4, 1, port >> 8, port & 255, 127, 0, 0, 1, 0]);

describe("forwardRemote", () => {
  it("carries connections to a target of this side, each direction with its own end", async () => {
    const ssh = await listening();
    const target = await serve(answerAfterEnd);
    await using forward = await ssh.forwardRemote({ port: 0 }, { host: "127.0.0.1", port: target.port });
    expect(forward).toMatchObject({ host: "localhost", port: expect.any(Number), path: undefined });
    expect(await ask(connectLocally(forward), "one")).toBe("got one");
    expect(await ask(connectLocally(forward), "two")).toBe("got two");
    await vi.waitFor(() => expect(forward.connections).toBe(0), 10_000);
  });

  it("refuses a connection if its target is unreachable, calls onError, and keeps listening", async () => {
    const ssh = await listening();
    const target = await serve(answerAfterEnd);
    await target.close();
    const { codes, onError } = errorCodes();
    await using forward = await ssh.forwardRemote({ port: 0 }, { host: "127.0.0.1", port: target.port }, { onError });
    for (let i = 0; i < 2; i++) expect(await received(connectLocally(forward))).toBe("");
    expect(codes).toEqual(["forward-unreachable", "forward-unreachable"]);
  });

  it("refuses connections beyond maxConnections", async () => {
    const ssh = await listening();
    const { port } = await serve(answerAfterEnd);
    const { codes, onError } = errorCodes();
    const options = { maxConnections: 1, onError };
    await using forward = await ssh.forwardRemote({ port: 0 }, { host: "127.0.0.1", port }, options);
    const first = connectLocally(forward);
    await vi.waitFor(() => expect(forward.connections).toBe(1), 10_000);
    expect(await received(connectLocally(forward))).toBe("");
    expect(codes).toEqual(["forward-limit"]);
    expect(await ask(first, "still here")).toBe("got still here");
  });

  it("stops listening and ends its connections when it is closed", async () => {
    const ssh = await listening();
    const target = await serve(answerAfterEnd);
    const { codes, onError } = errorCodes();
    const forward = await ssh.forwardRemote({ port: 0 }, { host: "127.0.0.1", port: target.port }, { onError });
    const socket = connectLocally(forward);
    await vi.waitFor(() => expect(target.sockets).toHaveLength(1), 10_000);
    await forward.close();
    expect(await received(socket)).not.toContain("got");
    expect(await received(connectLocally(forward))).toBe("ECONNREFUSED");
    expect([forward.connections, codes]).toEqual([0, []]);
  });
});

describe("forwardRemoteDynamic", () => {
  it("connects to the target that each client requests, and says so if it cannot", async () => {
    const ssh = await listening();
    const target = await serve(answerAfterEnd);
    const { codes, onError } = errorCodes();
    await using forward = await ssh.forwardRemoteDynamic({ port: 0 }, { onError });
    const socket = connectLocally(forward);
    socket.end(Buffer.concat([socks4(target.port), Buffer.from("hello")]));
    expect(await received(socket)).toBe(`\0Z\0\0\0\0\0\0got hello`);
    await target.close();
    const refused = connectLocally(forward);
    refused.write(socks4(target.port));
    expect(await received(refused)).toBe(`\0[\0\0\0\0\0\0`);
    expect(codes).toEqual(["forward-unreachable"]);
    await vi.waitFor(() => expect(forward.connections).toBe(0), 10_000);
  });

  it("connects only to targets that `permit` allows", async () => {
    const ssh = await listening();
    const [open, closed] = [await serve(answerAfterEnd), await serve(answerAfterEnd)];
    const { codes, onError } = errorCodes();
    const permit = ({ host, port }: { readonly host: string; readonly port: number }): boolean =>
      host === "127.0.0.1" && port === open.port;
    await using forward = await ssh.forwardRemoteDynamic({ port: 0 }, { onError, permit });
    const allowed = connectLocally(forward);
    allowed.end(Buffer.concat([socks4(open.port), Buffer.from("hello")]));
    expect(await received(allowed)).toBe(`\0Z\0\0\0\0\0\0got hello`);
    const refused = connectLocally(forward);
    refused.write(socks4(closed.port));
    expect(await received(refused)).toBe(`\0[\0\0\0\0\0\0`);
    expect(codes).toEqual(["forward-denied"]);
  });
});

it("a target is not looked up if dialling is aborted before it begins", async () => {
  let lookups = 0;
  const lookup = async (): Promise<readonly string[]> => {
    lookups++;
    return [];
  };
  const settings = { connectTimeout: 1000, signal: AbortSignal.abort() };
  expect(await codeOf(dialAddresses({ host: "far", port: 80 }, settings, lookup))).toBe("aborted");
  expect(lookups).toBe(0);
});
