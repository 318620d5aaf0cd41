import { describe, expect, it } from "vitest";
import { encodePath, type SftpClientEvent, SSH_FX, SSH_FXF } from "../src/index.ts";
import { ScriptedServer } from "./scripted-server.ts";

const H = Uint8Array.of(1);
const OTHER = Uint8Array.of(2);
const open = (path: string) => ({ type: "open", path: encodePath(path), flags: SSH_FXF.READ, attributes: {} }) as const;
const CLOSE = { type: "close", handle: H } as const;

/** A server that has answered two opens, "a" and "b", with the handle `H`. */
function sharing(): ScriptedServer {
  const server = new ScriptedServer().ready();
  answerOpen(server, "a", H);
  expect(answerOpen(server, "b", H)).toEqual([unanswered("b")]);
  return server;
}

function answerOpen(server: ScriptedServer, waiter: string, handle: Uint8Array): SftpClientEvent<string>[] {
  return server.reply(server.client.request(open(waiter), waiter), { type: "handle", handle });
}

const unanswered = (waiter: string): unknown =>
  expect.objectContaining({
    type: "unanswered",
    waiter,
    error: expect.objectContaining({ code: "sftp-handle-reused", culprit: "peer" }) as unknown,
  });

/** Types of the requests that the server received. */
const sent = (server: ScriptedServer): string[] => server.take().map(({ request }) => request.type);

describe("a handle that a server gives twice", () => {
  it("fails every request on the first file, also one that is answered with success", () => {
    const server = new ScriptedServer().ready();
    answerOpen(server, "a", H);
    const write = server.client.write(H, 0, Uint8Array.of(7), "write");
    const read = server.client.read(H, 0, 1, "read");
    const close = server.client.request(CLOSE, "close");
    answerOpen(server, "b", H);
    expect(server.status(write, SSH_FX.OK)).toEqual([unanswered("write")]);
    expect(server.reply(read, { type: "data", data: Uint8Array.of(8) })).toEqual([unanswered("read")]);
    expect(server.status(close, SSH_FX.OK)).toEqual([unanswered("close")]);
  });

  it("is sent no more, except in one CLOSE", () => {
    const server = sharing();
    const before = sent(server).length;
    server.client.write(H, 0, Uint8Array.of(7), "write");
    server.client.read(H, 0, 1, "read");
    server.client.request({ type: "fstat", handle: H }, "fstat");
    const copy = { readOffset: 0, length: 0, writeOffset: 0 };
    server.client.request({ type: "copy-data", readHandle: H, writeHandle: OTHER, ...copy }, "from");
    server.client.request({ type: "copy-data", readHandle: OTHER, writeHandle: H, ...copy }, "to");
    server.client.abandon(server.client.request({ type: "fsync", handle: H }, "abandoned"));
    expect(server.events()).toEqual(["write", "read", "fstat", "from", "to"].map(unanswered));
    const close = server.client.request(CLOSE, "close");
    expect(sent(server).slice(before)).toEqual(["close"]);
    expect(server.status(close, SSH_FX.OK)).toEqual([unanswered("close")]);
    expect(server.client.requestCount).toBe(0);
  });

  it("leaves other files alone", () => {
    const server = sharing();
    expect(answerOpen(server, "c", OTHER)).toMatchObject([{ type: "handle" }]);
    const write = server.client.write(OTHER, 0, Uint8Array.of(7), "write");
    expect(server.status(write, SSH_FX.OK)).toMatchObject([{ type: "status", waiter: "write" }]);
  });

  it("sends no CLOSE of its own, neither for the second file nor for an abandoned one", () => {
    const server = sharing();
    const id = server.client.request(open("c"), "c");
    server.client.abandon(id);
    expect(server.reply(id, { type: "handle", handle: H })).toEqual([]);
    expect(sent(server)).not.toContain("close");
  });

  it("is like new once its CLOSE is answered, and not before", () => {
    const server = sharing();
    const close = server.client.request(CLOSE, "close");
    expect(answerOpen(server, "c", H)).toEqual([unanswered("c")]);
    server.status(close, SSH_FX.FAILURE);
    expect(answerOpen(server, "d", H)).toMatchObject([{ type: "handle" }]);
    const write = server.client.write(H, 0, Uint8Array.of(7), "write");
    expect(server.status(write, SSH_FX.OK)).toMatchObject([{ type: "status", waiter: "write" }]);
  });

  it("may be that of a directory", () => {
    const server = new ScriptedServer().ready();
    const listed = server.client.request({ type: "opendir", path: encodePath("/") }, "list");
    server.reply(listed, { type: "handle", handle: H });
    const readdir = server.client.request({ type: "readdir", handle: H }, "names");
    answerOpen(server, "b", H);
    expect(server.status(readdir, SSH_FX.EOF)).toEqual([unanswered("names")]);
  });

  it("limits the files that may be open to one", () => {
    expect(sharing().client.serverLimits).toMatchObject({ maxOpenHandles: 1 });
  });

  it("leaves every request with one event when SFTP ends", () => {
    const server = sharing();
    server.client.read(H, 0, 1, "read");
    server.client.end();
    expect(server.events()).toMatchObject([{ type: "unanswered", waiter: "read" }, { type: "closed" }]);
  });
});

it("a handle may be given again after its CLOSE is answered", () => {
  const server = new ScriptedServer().ready();
  for (const waiter of ["a", "b"]) {
    expect(answerOpen(server, waiter, H)).toMatchObject([{ type: "handle" }]);
    server.status(server.client.request(CLOSE, "close"), SSH_FX.OK);
  }
});

it("is a handle as any other with `allowsReusedHandles`", () => {
  const server = new ScriptedServer({ allowsReusedHandles: true }).ready();
  answerOpen(server, "a", H);
  expect(answerOpen(server, "b", H)).toMatchObject([{ type: "handle", waiter: "b", handle: H }]);
  const read = server.client.read(H, 0, 1, "read");
  expect(server.reply(read, { type: "data", data: Uint8Array.of(8) })).toMatchObject([
    { type: "data", waiter: "read" },
  ]);
  expect(server.client.serverLimits.maxOpenHandles).toBeUndefined();
});
