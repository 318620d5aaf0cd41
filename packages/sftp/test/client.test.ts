import { expectError } from "@nacre/testing/errors";
import { impossibleLimits } from "@nacre/testing/limits";
import { concatBytes, SshError, utf8Encode } from "@nacre/wire";
import { describe, expect, it, test } from "vitest";
import {
  encodePath,
  encodeReply,
  type NameEntry,
  SFTP_CLIENT_LIMITS,
  SFTP_EXTENSIONS,
  SftpClient,
  type SftpLimits,
  SSH_FX,
  SSH_FXF,
} from "../src/index.ts";
import { framed, ScriptedServer, versionPacket } from "./scripted-server.ts";

const HANDLE = Uint8Array.of(1, 2, 3);
const PATH = encodePath("/file");

/** Bytes 0, 1, 2, … */
function counting(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => i & 0xff);
}

/** Returns the limits of a client whose server states these; 0 where missing. */
function stated(limits: { packet?: bigint; read?: bigint; write?: bigint; handles?: bigint }): SftpLimits {
  const server = new ScriptedServer().ready([SFTP_EXTENSIONS.limits]);
  const [{ id, request }] = server.requests as [(typeof server.requests)[0]];
  expect(request).toEqual({ type: "limits" });
  const { packet = 0n, read = 0n, write = 0n, handles = 0n } = limits;
  const events = server.reply(id, {
    type: "limits",
    limits: { maxPacketLength: packet, maxReadLength: read, maxWriteLength: write, maxOpenHandles: handles },
  });
  expect(events).toEqual([{ type: "limits", limits: server.client.serverLimits }]);
  return server.client.serverLimits;
}

function entry(name: string): NameEntry {
  return { filename: encodePath(name), longname: encodePath(`- ${name}`), attributes: {} };
}

describe("the handshake", () => {
  it("sends SSH_FXP_INIT with version 3 at once", () => {
    expect(new SftpClient().unsent).toEqual(Uint8Array.of(0, 0, 0, 5, 1, 0, 0, 0, 3));
  });

  it("reports the server's extensions", () => {
    const { client } = new ScriptedServer().ready([SFTP_EXTENSIONS.fsync, { name: "vendor@example.com", data: "x" }]);
    expect([...client.extensions.keys()]).toEqual(["fsync@openssh.com", "vendor@example.com"]);
    expect(client.extensions.get("vendor@example.com")).toEqual(utf8Encode("x"));
    expect([client.supports(SFTP_EXTENSIONS.fsync), client.supports(SFTP_EXTENSIONS.statvfs)]).toEqual([true, false]);
  });

  it("supports an extension only in the version that it implements", () => {
    const { client } = new ScriptedServer().ready([{ name: "statvfs@openssh.com", data: "1" }]);
    expect(client.supports(SFTP_EXTENSIONS.statvfs)).toBe(false);
    const message = expectError("sftp-unsupported", () => client.request({ type: "statvfs", path: PATH }, ""));
    expect(message).toContain("statvfs@openssh.com");
  });

  it("refuses a request before the server's version", () => {
    expectError("usage", () => new SftpClient<string>().request({ type: "stat", path: PATH }, ""));
  });

  it.each([0, 2, 4, 6])("ends with version %d of the server", (version) => {
    const server = new ScriptedServer();
    const [event, ...more] = server.send(versionPacket(version));
    expect(event).toMatchObject({ type: "closed", error: { code: "sftp-version", culprit: "unsupported" } });
    expect(more).toEqual([]);
  });

  it.each([
    ["text that a login script prints", utf8Encode("Welcome!\n"), "packet-length", "login scripts"],
    ["another packet", framed(utf8Encode("x")), "unexpected-message", 'subsystem "sftp"'],
  ])("ends with %s before SSH_FXP_VERSION, and names the likely cause", (_, bytes, code, cause) => {
    const [event] = new ScriptedServer().send(bytes);
    expect(event).toMatchObject({ type: "closed", error: { code } });
    expect((event as { error: SshError }).error.message).toContain(cause);
  });
});

describe("the server's limits", () => {
  it("are requested with the first packet after SSH_FXP_VERSION, and are the safe ones until then", () => {
    const server = new ScriptedServer().ready([SFTP_EXTENSIONS.limits]);
    expect(server.client.serverLimits).toEqual({
      maxPacketLength: 262_144,
      maxReadLength: 32_768,
      maxWriteLength: 32_768,
      maxOpenHandles: undefined,
    });
  });

  it("are those that OpenSSH states", () => {
    expect(stated({ packet: 262_144n, read: 261_120n, write: 261_120n, handles: 1019n })).toEqual({
      maxPacketLength: 262_144,
      maxReadLength: 261_120,
      maxWriteLength: 261_120,
      maxOpenHandles: 1019,
    });
  });

  it("stay the safe ones where the server states 0", () => {
    expect(stated({})).toEqual({
      maxPacketLength: 262_144,
      maxReadLength: 32_768,
      maxWriteLength: 32_768,
      maxOpenHandles: undefined,
    });
  });

  it("never exceed our own", () => {
    const most = 2n ** 64n - 1n;
    expect(stated({ packet: most, read: most, write: most, handles: most })).toEqual({
      maxPacketLength: 262_144,
      maxReadLength: 261_120,
      maxWriteLength: 261_120,
      maxOpenHandles: Number.MAX_SAFE_INTEGER,
    });
  });

  it("keep a write within the packet length that the server states, whatever it states for writes", () => {
    expect(stated({ packet: 50_000n, write: 261_120n })).toMatchObject({
      maxPacketLength: 50_000,
      maxWriteLength: 50_000 - 1024,
    });
  });

  it("are never below the packet length that the draft promises", () => {
    expect(stated({ packet: 1n, read: 1n, write: 1n })).toMatchObject({
      maxPacketLength: 34_000,
      maxReadLength: 1,
      maxWriteLength: 1,
    });
  });

  it("stay the safe ones if the server refuses the request", () => {
    const server = new ScriptedServer().ready([SFTP_EXTENSIONS.limits]);
    const limits = server.client.serverLimits;
    expect(server.status(server.requests[0]!.id, SSH_FX.OP_UNSUPPORTED)).toEqual([{ type: "limits", limits }]);
    expect(server.client.serverLimits.maxReadLength).toBe(32_768);
    expect(server.client.requestCount).toBe(0);
  });
});

describe("a request", () => {
  it("gets its answer with its id and waiter, in any order of the replies", () => {
    const server = new ScriptedServer().ready();
    const { client } = server;
    const ids = ["a", "b", "c"].map((waiter) => client.request({ type: "stat", path: PATH }, waiter));
    expect(new Set(ids).size).toBe(3);
    const attributes = { permissions: 0o100644 };
    const answers = [2, 0, 1].flatMap((which) => server.reply(ids[which]!, { type: "attributes", attributes }));
    expect(answers).toMatchObject([
      { type: "attributes", request: ids[2], waiter: "c" },
      { type: "attributes", request: ids[0], waiter: "a" },
      { type: "attributes", request: ids[1], waiter: "b" },
    ]);
    expect(client.requestCount).toBe(0);
  });

  it("never has the id of an earlier request that is answered", () => {
    const server = new ScriptedServer().ready();
    const seen = new Set<number>();
    for (let i = 0; i < 1000; i++) {
      const id = server.client.request({ type: "mkdir", path: PATH, attributes: {} }, "");
      expect(seen.has(id)).toBe(false);
      seen.add(id);
      server.status(id, SSH_FX.OK);
    }
  });

  it("fails with any status of the server, with its message", () => {
    const server = new ScriptedServer().ready();
    const id = server.client.request({ type: "rmdir", path: PATH }, "w");
    expect(server.status(id, 18, "Directory not empty")).toEqual([
      { type: "status", request: id, waiter: "w", status: 18, message: "Directory not empty" },
    ]);
  });

  it("gets the status of its own reply when several have the same length", () => {
    const server = new ScriptedServer().ready();
    const statuses = [
      [SSH_FX.OK, "Success"],
      [SSH_FX.OK, "Success"],
      [SSH_FX.FAILURE, "Success"],
      [SSH_FX.OK, "success"],
      [SSH_FX.OK, "Success"],
      [SSH_FX.FAILURE, "x".repeat(100)],
      [SSH_FX.FAILURE, "x".repeat(100)],
    ] as const;
    for (const [status, message] of statuses) {
      const id = server.client.request({ type: "rmdir", path: PATH }, "w");
      expect(server.status(id, status, message)).toEqual([
        { type: "status", request: id, waiter: "w", status, message },
      ]);
    }
  });

  it("without a result is not answered with the success of another request", () => {
    const server = new ScriptedServer().ready();
    server.status(server.client.request({ type: "rmdir", path: PATH }, ""), SSH_FX.OK, "Success");
    const events = server.status(server.client.request({ type: "stat", path: PATH }, ""), SSH_FX.OK, "Success");
    expect(events.at(-1)).toMatchObject({ type: "closed", error: { code: "unexpected-message" } });
  });

  it("of an extension of others carries and returns any bytes", () => {
    const server = new ScriptedServer().ready();
    const id = server.client.request({ type: "extended", name: "hash@example.com", data: HANDLE }, "w");
    expect(server.take()).toEqual([{ id, request: { type: "extended", name: "hash@example.com", data: HANDLE } }]);
    expect(server.reply(id, { type: "extended", data: PATH })).toEqual([
      { type: "extended", request: id, waiter: "w", data: PATH },
    ]);
  });

  it("is refused beyond `maxRequests`, and sent again after an answer", () => {
    const server = new ScriptedServer({ limits: { maxRequests: 2 } }).ready();
    const stat = () => server.client.request({ type: "stat", path: PATH }, "");
    const first = stat();
    stat();
    expect(expectError("request-limit", stat)).toContain("maxRequests");
    server.status(first, SSH_FX.NO_SUCH_FILE);
    stat();
    expect(server.client.requestCount).toBe(2);
  });

  it("for a handle gets bytes that do not keep the received chunk in memory", () => {
    const server = new ScriptedServer().ready();
    const id = server.client.request({ type: "opendir", path: PATH }, "");
    const [event] = server.reply(id, { type: "handle", handle: HANDLE });
    expect(event).toMatchObject({ type: "handle", handle: HANDLE });
    expect((event as { handle: Uint8Array }).handle.buffer.byteLength).toBe(HANDLE.length);
  });

  it("that is invalid leaves nothing behind", () => {
    const server = new ScriptedServer().ready();
    const { client } = server;
    expectError("usage", () => client.request({ type: "mkdir", path: PATH, attributes: { permissions: -1 } }, ""));
    expectError("usage", () => client.request({ type: "stat", path: new Uint8Array(300_000).fill(1) }, ""));
    expect([client.requestCount, client.unsent.length]).toEqual([0, 0]);
  });

  it("for names of ids gets one name for each id", () => {
    const server = new ScriptedServer().ready();
    const id = server.client.request({ type: "users-groups-by-id", uids: [0, 1], gids: [7] }, "w");
    expect(server.reply(id, { type: "users-groups", users: ["root", ""], groups: ["lp"] })).toEqual([
      { type: "users-groups", request: id, waiter: "w", users: ["root", ""], groups: ["lp"] },
    ]);
  });
});

describe("a read", () => {
  it("returns the bytes", () => {
    const server = new ScriptedServer().ready();
    const { client } = server;
    const first = client.read(HANDLE, 5, 300, "first");
    const second = client.read(HANDLE, 2 ** 40, 200, "second");
    expect(server.take().map(({ request }) => request)).toEqual([
      { type: "read", handle: HANDLE, offset: 5, length: 300 },
      { type: "read", handle: HANDLE, offset: 2 ** 40, length: 200 },
    ]);
    const [later] = server.reply(second, { type: "data", data: counting(150) });
    const [sooner] = server.reply(first, { type: "data", data: counting(300) });
    const data = (length: number): unknown => ({ type: "data", pieces: [counting(length)], length });
    expect(sooner).toEqual({ ...(data(300) as object), request: first, waiter: "first" });
    expect(later).toEqual({ ...(data(150) as object), request: second, waiter: "second" });
  });

  it("shares no buffer of a piece: what does not end its chunk is copied", () => {
    const server = new ScriptedServer().ready();
    const { client } = server;
    const ids = [client.read(HANDLE, 0, 3000, ""), client.read(HANDLE, 3000, 3000, "")];
    const packets = ids.map((id) => framed(encodeReply(id, { type: "data", data: counting(3000) })));
    const chunk = concatBytes(...packets);
    const events = server.send(chunk);
    expect(events).toMatchObject(ids.map(() => ({ type: "data", pieces: [counting(3000)] })));
    const buffers = events.map((event) => event.type === "data" && event.pieces[0]!.buffer);
    expect(buffers.map((buffer) => buffer === chunk.buffer)).toEqual([false, true]);
  });

  it("returns the bytes in the pieces in which they arrived, and drops those of an abandoned one", () => {
    const server = new ScriptedServer().ready();
    const { client } = server;
    const abandoned = client.read(HANDLE, 0, 20_000, "");
    const id = client.read(HANDLE, 7, 20_000, "w");
    expect(server.take().map(({ request }) => request)).toMatchObject([
      { type: "read", offset: 0, length: 20_000 },
      { type: "read", offset: 7, length: 20_000 },
    ]);
    client.abandon(abandoned);
    expect(server.reply(abandoned, { type: "data", data: counting(20_000) })).toEqual([]);
    const packet = framed(encodeReply(id, { type: "data", data: counting(20_000) }));
    const chunks = [packet.slice(0, 9000), packet.slice(9000)];
    for (const chunk of chunks) client.receive(chunk);
    const event = client.nextEvent();
    const pieces = [counting(20_000).subarray(0, 8987), counting(20_000).subarray(8987)];
    expect(event).toEqual({ type: "data", request: id, waiter: "w", pieces, length: 20_000 });
    const found = event?.type === "data" ? event.pieces.map(({ buffer }) => buffer) : [];
    expect(found.map((buffer, i) => buffer === chunks[i]!.buffer)).toEqual([true, true]);
  });

  it("ends with EOF, also where the server sends empty data", () => {
    const server = new ScriptedServer().ready();
    const { client } = server;
    const eof = { type: "status", status: SSH_FX.EOF };
    expect(server.status(client.read(HANDLE, 0, 1, ""), SSH_FX.EOF)).toMatchObject([eof]);
    expect(server.reply(client.read(HANDLE, 0, 1, ""), { type: "data", data: new Uint8Array(0) })).toMatchObject([eof]);
  });

  it("refuses a range that is empty, too long for a packet, or beyond 2^53", () => {
    const { client } = new ScriptedServer().ready();
    for (const [offset, length] of [
      [0, 0],
      [0, 1.5],
      [0, 256 * 1024],
      [-1, 1],
      [0.5, 1],
      [Number.MAX_SAFE_INTEGER, 1],
    ] as const)
      expectError("usage", () => client.read(HANDLE, offset, length, ""));
    expect([client.requestCount, client.unsent.length]).toEqual([0, 0]);
  });
});

describe("a write", () => {
  it("is the same packet as the codec's, and copies the data at once", () => {
    const server = new ScriptedServer().ready();
    const { client } = server;
    const data = counting(1000);
    const id = client.write(HANDLE, 2 ** 33 + 1, data, "w");
    data.fill(0);
    expect(server.take()).toEqual([
      { id, request: { type: "write", handle: HANDLE, offset: 2 ** 33 + 1, data: counting(1000) } },
    ]);
    expect(server.status(id, SSH_FX.OK)).toMatchObject([{ type: "status", status: SSH_FX.OK, waiter: "w" }]);
  });

  it("is refused beyond the server's limit, or beyond 2^53", () => {
    const { client } = new ScriptedServer().ready();
    expect(expectError("usage", () => client.write(HANDLE, 0, new Uint8Array(32_769), ""))).toContain("serverLimits");
    expectError("usage", () => client.write(HANDLE, -1, HANDLE, ""));
    expectError("usage", () => client.write(HANDLE, Number.MAX_SAFE_INTEGER, HANDLE, ""));
    expect([client.requestCount, client.unsent.length]).toEqual([0, 0]);
  });

  test("`request` sends reads and writes, too", () => {
    const server = new ScriptedServer().ready();
    server.client.request({ type: "read", handle: HANDLE, offset: 1, length: 2 }, "");
    server.client.request({ type: "write", handle: HANDLE, offset: 1, data: PATH }, "");
    expect(server.take().map(({ request }) => request.type)).toEqual(["read", "write"]);
  });
});

describe("names", () => {
  it("of a directory keep any bytes", () => {
    const server = new ScriptedServer().ready();
    const names = ["a\udcff", "é", "b\nc"].map(entry);
    const id = server.client.request({ type: "readdir", handle: HANDLE }, "");
    expect(server.reply(id, { type: "names", names })).toMatchObject([{ type: "names", names }]);
  });

  it("end with EOF, also where the server sends none", () => {
    const server = new ScriptedServer().ready();
    const id = server.client.request({ type: "readdir", handle: HANDLE }, "");
    expect(server.reply(id, { type: "names", names: [] })).toMatchObject([{ type: "status", status: SSH_FX.EOF }]);
  });

  it.each(["realpath", "readlink", "expand-path"] as const)("are one path for %s", (type) => {
    const server = new ScriptedServer().ready();
    const id = server.client.request({ type, path: PATH }, "w");
    expect(server.reply(id, { type: "names", names: [entry("/x")] })).toMatchObject([
      { type: "name", request: id, waiter: "w", name: { filename: encodePath("/x") } },
    ]);
  });
});

describe("an abandoned request", () => {
  it("causes no event, and counts until its reply arrives", () => {
    const server = new ScriptedServer().ready();
    const id = server.client.request({ type: "stat", path: PATH }, "");
    server.client.abandon(id);
    expect(server.client.requestCount).toBe(1);
    expect(server.status(id, SSH_FX.NO_SUCH_FILE)).toEqual([]);
    expect(server.client.requestCount).toBe(0);
  });

  it("does not hold back the event of a reply after its own", () => {
    const server = new ScriptedServer().ready();
    const [abandoned, id] = [0, 1].map(() => server.client.request({ type: "stat", path: PATH }, "w"));
    server.client.abandon(abandoned!);
    const reply = { type: "attributes", attributes: {} } as const;
    server.client.receive(framed(encodeReply(abandoned!, reply)));
    server.client.receive(framed(encodeReply(id!, reply)));
    expect(server.client.nextEvent()).toMatchObject({ request: id, waiter: "w" });
  });

  it("closes the handle that it still gets", () => {
    const server = new ScriptedServer().ready();
    const id = server.client.request({ type: "open", path: PATH, flags: SSH_FXF.READ, attributes: {} }, "");
    server.take().pop();
    server.client.abandon(id);
    expect(server.reply(id, { type: "handle", handle: HANDLE })).toEqual([]);
    const [close] = server.requests;
    expect(close?.request).toEqual({ type: "close", handle: HANDLE });
    expect(server.status(close!.id, SSH_FX.OK)).toEqual([]);
    expect(server.client.requestCount).toBe(0);
  });

  it("is not another request with the same place in the table", () => {
    const server = new ScriptedServer().ready();
    const first = server.client.request({ type: "stat", path: PATH }, "");
    server.status(first, SSH_FX.NO_SUCH_FILE);
    const second = server.client.request({ type: "stat", path: PATH }, "w");
    server.client.abandon(first);
    expect(server.status(second, SSH_FX.NO_SUCH_FILE)).toMatchObject([{ type: "status", waiter: "w" }]);
  });
});

describe("the end", () => {
  it("answers every request, then closes, and drops later bytes and calls", () => {
    const server = new ScriptedServer().ready();
    const { client } = server;
    const ids = ["a", "b", "c"].map((waiter) => client.request({ type: "stat", path: PATH }, waiter));
    client.abandon(ids[1]!);
    const error = new SshError("connection-lost", "gone");
    client.end(error);
    client.end();
    expect(server.send(framed(encodeReply(ids[0]!, { type: "attributes", attributes: {} })))).toEqual([
      { type: "unanswered", request: ids[0], waiter: "a", error },
      { type: "unanswered", request: ids[2], waiter: "c", error },
      { type: "closed", error },
    ]);
    expect([client.requestCount, client.unsent.length]).toEqual([0, 0]);
    expectError("channel-closed", () => client.request({ type: "stat", path: PATH }, ""));
    expectError("channel-closed", () => client.read(HANDLE, 0, 1, ""));
    expectError("channel-closed", () => client.write(HANDLE, 0, HANDLE, ""));
  });

  it("has an error of its own if none is passed", () => {
    const { client } = new ScriptedServer().ready();
    client.end();
    expect(client.nextEvent()).toMatchObject({ type: "closed", error: { code: "channel-closed" } });
    expect(client.nextEvent()).toBeUndefined();
  });
});

it("an event is taken for each packet of one chunk", () => {
  const server = new ScriptedServer().ready();
  const ids = [1, 2, 3].map(() => server.client.request({ type: "stat", path: PATH }, ""));
  const packets = ids.map((id) => framed(encodeReply(id, { type: "attributes", attributes: {} })));
  expect(server.send(concatBytes(...packets)).map(({ type }) => type)).toEqual(Array(3).fill("attributes"));
});

it.each(impossibleLimits(SFTP_CLIENT_LIMITS.ranges))("refuses the limit %s", (_, limits) => {
  expectError("usage", () => new SftpClient({ limits }));
});
