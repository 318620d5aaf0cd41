import { SshError } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import { encodePath, SftpServer, type SftpServerOptions, SSH_FX, SSH_FXF } from "../src/index.ts";
import { initPacket, ScriptedClient } from "./scripted-client.ts";

const PATH = encodePath("/file");
const OPEN = { type: "open", path: PATH, flags: SSH_FXF.READ, attributes: {} } as const;
const OPENDIR = { type: "opendir", path: PATH } as const;
const HANDLE = Uint8Array.of(0, 255, 7);

const rawClient = (options: SftpServerOptions<Uint8Array> = {}): ScriptedClient<Uint8Array> =>
  new ScriptedClient<Uint8Array>({ handles: "raw", ...options }).ready();

describe("raw handles", () => {
  it.each([1, 3, 8, 256])("are the application's %d bytes, sent and received unchanged", (length) => {
    const client = rawClient();
    const bytes = new Uint8Array(length).map((_, i) => i * 7);
    const handle = client.open(OPEN, bytes);
    expect(handle).toEqual(bytes);
    client.request({ type: "read", handle, offset: 0, length: 1 }, { type: "fstat", handle });
    expect(client.asks().map(({ request }) => request)).toMatchObject([
      { type: "read", handle: bytes },
      { type: "fstat", handle: bytes },
    ]);
  });

  it("reach the application also if it never gave them, or if they are closed or of another kind", () => {
    const client = rawClient();
    const file = client.open(OPEN, HANDLE);
    client.server.status(client.ask({ type: "close", handle: file }), SSH_FX.OK);
    const foreign = Uint8Array.of(9);
    client.request(
      { type: "close", handle: file },
      { type: "readdir", handle: file },
      { type: "read", handle: foreign, offset: 0, length: 1 },
      { type: "copy-data", readHandle: foreign, readOffset: 0, length: 0, writeHandle: file, writeOffset: 0 },
    );
    expect(client.asks().map(({ request }) => request)).toMatchObject([
      { type: "close", handle: HANDLE },
      { type: "readdir", handle: HANDLE },
      { type: "read", handle: foreign },
      { type: "copy-data", readHandle: foreign, writeHandle: HANDLE },
    ]);
  });

  it("come in the order of the requests, and replies in the order of the answers", () => {
    const client = rawClient();
    const handle = client.open(OPEN, HANDLE);
    const ids = client.request(
      { type: "write", handle, offset: 0, data: PATH },
      { type: "write", handle, offset: 0, data: PATH },
      { type: "close", handle },
    );
    const asks = client.asks();
    expect(asks.map(({ request }) => request.type)).toEqual(["write", "write", "close"]);
    for (const { token } of asks.toReversed()) client.server.status(token, SSH_FX.OK);
    expect(client.replies().map(({ id }) => id)).toEqual(ids.toReversed());
  });

  it("may be the same for two opens, each of which counts", () => {
    const client = rawClient({ limits: { maxHandles: 2 } });
    client.open(OPEN, HANDLE);
    client.open(OPENDIR, HANDLE);
    expect(client.answer(OPEN)).toMatchObject({ type: "status", status: SSH_FX.FAILURE });
    client.server.status(client.ask({ type: "close", handle: HANDLE }), SSH_FX.FAILURE);
    expect(client.server.handleCount).toBe(1);
    client.replies();
    client.open(OPEN, Uint8Array.of(1));
    expect(client.server.handleCount).toBe(2);
  });

  it.each([new Uint8Array(0), new Uint8Array(257), "text" as never])(
    "of another length or type are `usage`, and the request stays open",
    (value) => {
      const client = rawClient();
      const token = client.ask(OPEN);
      expect(() => client.server.handle(token, value)).toThrow(expect.objectContaining({ code: "usage" }));
      client.server.handle(token, HANDLE);
      expect(client.replies()).toMatchObject([{ reply: { type: "handle", handle: HANDLE } }]);
    },
  );

  it("are not released at the end, except one that is given afterwards", () => {
    const client = rawClient();
    client.open(OPEN, HANDLE);
    const token = client.ask(OPEN);
    client.server.close();
    expect(client.events()).toEqual([]);
    client.server.handle(token, Uint8Array.of(5));
    expect(client.events()).toEqual([
      { type: "release", handle: Uint8Array.of(5) },
      { type: "closed", error: undefined },
    ]);
  });
});

describe("the option `handles`", () => {
  it("needs no type argument, and is for bytes alone", () => {
    const server: SftpServer = new SftpServer({ handles: "raw" });
    expect(server.handleCount).toBe(0);
    // @ts-expect-error: a number is no handle on the wire.
    expect(new SftpServer<number>({ handles: "raw" }).handleCount).toBe(0);
  });

  it("is `usage` for another value", () => {
    expect(() => new SftpServer({ handles: "bytes" as "raw" })).toThrow(SshError);
  });
});

describe("raw extensions", () => {
  it("reach the application as they are, also known ones, with the client's number of the request", () => {
    const client = rawClient({ extensions: "raw" });
    const [rename, limits] = client.request(
      { type: "posix-rename", oldPath: PATH, newPath: PATH },
      { type: "limits" },
      { type: "extended", name: "own@example.org", data: Uint8Array.of(1) },
    );
    const asks = client.asks();
    expect(asks.map(({ id }) => id)).toEqual([rename, limits, limits! + 1]);
    expect(asks.map(({ request }) => request)).toMatchObject([
      { type: "extended", name: "posix-rename@openssh.com" },
      { type: "extended", name: "limits@openssh.com", data: new Uint8Array(0) },
      { type: "extended", name: "own@example.org", data: Uint8Array.of(1) },
    ]);
  });

  it("are not announced", () => {
    const server = new SftpServer({ handles: "raw", extensions: "raw" });
    server.receive(initPacket(3));
    server.nextEvent();
    expect([...server.unsent]).toEqual([0, 0, 0, 5, 2, 0, 0, 0, 3]);
  });
});

describe("a reply that the application chooses", () => {
  it("is sent whatever the request", () => {
    const client = rawClient();
    client.server.reply(client.ask(OPEN), { type: "status", status: SSH_FX.OK, message: "", languageTag: "" });
    const read = client.ask({ type: "read", handle: HANDLE, offset: 0, length: 1 });
    client.server.reply(read, { type: "data", data: PATH });
    expect(client.replies()).toMatchObject([{ reply: { status: SSH_FX.OK } }, { reply: { data: PATH } }]);
    expect(client.server.requestCount).toBe(0);
  });

  it("answers its request once", () => {
    const client = rawClient();
    const token = client.ask(OPENDIR);
    const reply = { type: "names", names: [] } as const;
    client.server.reply(token, reply);
    expect(() => client.server.reply(token, reply)).toThrow(expect.objectContaining({ code: "usage" }));
  });
});
