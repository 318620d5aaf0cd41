import { expectError } from "@nacre/testing/errors";
import { impossibleLimits } from "@nacre/testing/limits";
import { askToken, concatBytes, readUint32, utf8Decode, Writer } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import {
  encodePath,
  encodeRequest,
  SFTP_EXTENSIONS,
  SFTP_SERVER_LIMITS,
  type SftpRequest,
  SftpServer,
  SSH_FX,
  SSH_FXF,
} from "../src/index.ts";
import { version } from "../src/messages/handshake.ts";
import { initPacket, ScriptedClient } from "./scripted-client.ts";
import { framed } from "./scripted-server.ts";

const PATH = encodePath("/file");
const OPEN = { type: "open", path: PATH, flags: SSH_FXF.READ | SSH_FXF.WRITE, attributes: {} } as const;
const OPENDIR = { type: "opendir", path: PATH } as const;

function status(code: number, message?: string): object {
  return { type: "status", status: code, ...(message === undefined ? {} : { message }) };
}

function read(handle: Uint8Array, offset: number, length: number): SftpRequest {
  return { type: "read", handle, offset, length };
}

function write(handle: Uint8Array, offset: number, length: number): SftpRequest {
  return { type: "write", handle, offset, data: new Uint8Array(length).fill(7) };
}

/** Sends requests, and answers asks one by one, always the last first. Returns the order in which they were asked. */
function order(requests: (file: Uint8Array, other: Uint8Array) => readonly SftpRequest[], flags?: number): string[][] {
  const client = new ScriptedClient().ready();
  const open = flags === undefined ? OPEN : { ...OPEN, flags };
  const [file, other] = [client.open(open, "file"), client.open(open, "other")];
  client.request(...requests(file, other));
  const steps: string[][] = [];
  for (let open = client.asks(); open.length > 0; open = [...open, ...client.asks()]) {
    steps.push(open.map(({ request }) => request.type));
    const { token, request } = open.pop()!;
    if (request.type === "read") client.server.data(token, Uint8Array.of(1));
    else if (request.type === "fstat") client.server.attributes(token, {});
    else client.server.status(token, SSH_FX.OK);
  }
  return steps;
}

describe("the handshake", () => {
  it("answers SSH_FXP_INIT with version 3 and the extensions, limits@openssh.com last", () => {
    const server = new SftpServer({ extensions: [SFTP_EXTENSIONS.fsync, { name: "hash@example.com", data: "1" }] });
    server.receive(initPacket(6));
    expect(server.nextEvent()).toBeUndefined();
    const packet = server.unsent.slice(4);
    expect([packet[0], readUint32(server.unsent, 0)]).toEqual([2, packet.length]);
    const { version: chosen, extensions } = version.decode(packet.subarray(1));
    expect([chosen, extensions.map(({ name, data }) => [name, utf8Decode(data)])]).toEqual([
      3,
      [
        ["fsync@openssh.com", "1"],
        ["hash@example.com", "1"],
        ["limits@openssh.com", "1"],
      ],
    ]);
  });

  it.each([0, 1, 2])("ends with version %d of the client", (offered) => {
    const client = new ScriptedClient();
    client.server.receive(initPacket(offered));
    expect(client.events()).toMatchObject([{ type: "closed", error: { code: "sftp-version" } }]);
  });

  it("refuses two extensions of one name", () => {
    expectError("usage", () => new SftpServer({ extensions: [SFTP_EXTENSIONS.fsync, SFTP_EXTENSIONS.fsync] }));
  });

  it("states its limits", () => {
    expect(new ScriptedClient().ready().answer({ type: "limits" })).toEqual({
      type: "limits",
      limits: {
        maxPacketLength: 262_144n,
        maxReadLength: 261_120n,
        maxWriteLength: 261_120n,
        maxOpenHandles: 1024n,
      },
    });
  });
});

describe("a request", () => {
  it("is an ask with the application's value for its handle", () => {
    const client = new ScriptedClient().ready();
    const handle = client.open(OPEN, "the file");
    client.request(read(handle, 5, 10));
    const [ask] = client.asks();
    expect(ask!.request).toEqual({ type: "read", handle: "the file", offset: 5, length: 10 });
    client.server.data(ask!.token, Uint8Array.of(1, 2));
    expect(client.replies()).toEqual([{ id: 2, reply: { type: "data", data: Uint8Array.of(1, 2) } }]);
  });

  it("is answered in any order", () => {
    const client = new ScriptedClient().ready();
    client.request(...["a", "b", "c"].map((name) => ({ type: "stat", path: encodePath(name) }) as const));
    for (const { token } of client.asks().toReversed()) client.server.attributes(token, { permissions: 0o644 });
    expect(client.replies().map(({ id }) => id)).toEqual([3, 2, 1]);
  });

  it("to write gets its reply after those to earlier writes on its handle", () => {
    const client = new ScriptedClient({ limits: { maxRequests: 4 } }).ready();
    const [file, other] = [client.open(OPEN, "file"), client.open(OPEN, "other")];
    client.request(write(file, 0, 1), write(file, 1, 1), write(other, 0, 1), write(file, 2, 1));
    const [first, second, third, fourth] = client.asks();
    client.server.status(second!.token, SSH_FX.OK);
    client.server.status(fourth!.token, SSH_FX.FAILURE);
    expectError("usage", () => client.server.status(second!.token, SSH_FX.OK));
    expect([client.replies(), client.server.requestCount, client.server.wantsInput]).toEqual([[], 4, false]);
    client.server.status(third!.token, SSH_FX.OK);
    client.server.status(first!.token, SSH_FX.OK);
    expect(client.replies()).toMatchObject([
      { id: 5, reply: { status: SSH_FX.OK } },
      { id: 3, reply: { status: SSH_FX.OK } },
      { id: 4, reply: { status: SSH_FX.OK } },
      { id: 6, reply: { status: SSH_FX.FAILURE } },
    ]);
    expect(client.server.requestCount).toBe(0);
  });

  it("to write that has an answer does not hold up the end", () => {
    const client = new ScriptedClient().ready();
    const file = client.open(OPEN, "file");
    client.request(write(file, 0, 9), write(file, 9, 1), write(file, 0, 1));
    const [first, second] = client.asks();
    client.server.status(second!.token, SSH_FX.OK);
    client.server.close();
    expect(client.events()).toEqual([]);
    client.server.status(first!.token, SSH_FX.OK);
    expect(client.events()).toEqual([
      { type: "release", handle: "file" },
      { type: "closed", error: undefined },
    ]);
  });

  it("is answered once, with its own token", () => {
    const client = new ScriptedClient().ready();
    const token = client.ask(OPEN);
    client.server.status(token, SSH_FX.FAILURE);
    expectError("usage", () => client.server.status(token, SSH_FX.FAILURE));
    expectError("usage", () => client.server.handle(token, "late"));
    expectError("usage", () => client.server.handle(askToken("open"), "foreign"));
    expect(client.replies()).toHaveLength(1);
    expect(client.server.handleCount).toBe(0);
  });

  it("is answered only with a reply of its type, and stays open after another", () => {
    const client = new ScriptedClient().ready();
    const token = client.ask({ type: "stat", path: PATH });
    const { server } = client;
    expectError("usage", () => server.handle(token, "x"));
    expectError("usage", () => server.data(token, PATH));
    expectError("usage", () => server.names(token, []));
    expectError("usage", () => server.name(token, PATH));
    expectError("usage", () => server.extended(token, PATH));
    expectError("usage", () => server.usersGroups(token, { users: [], groups: [] }));
    expectError("usage", () => server.status(token, SSH_FX.OK));
    expectError("usage", () => server.attributes(token, { permissions: -1 }));
    expect(server.unsent.length).toBe(0);
    server.attributes(token, {});
    expect(client.replies()).toMatchObject([{ reply: { type: "attributes" } }]);
  });

  it("has OpenSSH's text for a status, or the application's", () => {
    const client = new ScriptedClient().ready();
    client.request(...Array.from({ length: 4 }, () => ({ type: "mkdir", path: PATH, attributes: {} }) as const));
    const [a, b, c, d] = client.asks().map(({ token }) => token);
    client.server.status(a!, SSH_FX.OK);
    client.server.status(b!, SSH_FX.PERMISSION_DENIED);
    client.server.status(c!, SSH_FX.FAILURE, "File exists");
    client.server.status(d!, 4711);
    expect(client.replies().map(({ reply }) => reply)).toMatchObject([
      status(SSH_FX.OK, "Success"),
      status(SSH_FX.PERMISSION_DENIED, "Permission denied"),
      status(SSH_FX.FAILURE, "File exists"),
      status(4711, "Failure"),
    ]);
  });

  it.each<readonly [string, Uint8Array, number]>([
    ["an unknown packet type", Uint8Array.of(99, 0, 0, 0, 1), SSH_FX.OP_UNSUPPORTED],
    ["a reply", Uint8Array.of(101, 0, 0, 0, 1, 0, 0, 0, 0), SSH_FX.OP_UNSUPPORTED],
    [
      "an unknown extension",
      encodeRequest(1, { type: "extended", name: "who@example.com", data: PATH }),
      SSH_FX.OP_UNSUPPORTED,
    ],
    ["a path that is cut off", Uint8Array.of(17, 0, 0, 0, 1, 0, 0, 0, 9, 97), SSH_FX.BAD_MESSAGE],
    ["bytes after its fields", Uint8Array.of(17, 0, 0, 0, 1, 0, 0, 0, 1, 97, 0), SSH_FX.BAD_MESSAGE],
    ["an extension without a name", Uint8Array.of(200, 0, 0, 0, 1), SSH_FX.BAD_MESSAGE],
  ])("with %s is refused, and SFTP goes on", (_, packet, code) => {
    const client = new ScriptedClient().ready();
    client.server.receive(framed(packet));
    expect(client.events()).toEqual([]);
    const reply = client.server.unsent.slice();
    expect([reply[4], readUint32(reply, 5), readUint32(reply, 9)]).toEqual([101, 1, code]);
    client.server.sent(reply.length);
    expect(client.answer({ type: "limits" })).toMatchObject({ type: "limits" });
  });

  it("of an application's own extension arrives with its bytes, and is answered with bytes", () => {
    const client = new ScriptedClient({ extensions: [{ name: "hash@example.com", data: "1" }] }).ready();
    const token = client.ask({ type: "extended", name: "hash@example.com", data: PATH });
    client.server.extended(token, Uint8Array.of(1, 2));
    expect(client.replies()[0]?.reply).toEqual({ type: "extended", data: Uint8Array.of(1, 2) });
  });

  it("of length 0 reads the end of the file without asking", () => {
    const client = new ScriptedClient().ready();
    const handle = client.open(OPEN, "f");
    expect(client.answer(read(handle, 0, 0))).toMatchObject(status(SSH_FX.EOF));
  });
});

describe("an answer", () => {
  it("to a read has at least one byte, and no more than asked for", () => {
    const client = new ScriptedClient().ready();
    const token = client.ask(read(client.open(OPEN, "f"), 0, 2));
    expectError("usage", () => client.server.data(token, new Uint8Array(0)));
    expectError("usage", () => client.server.data(token, new Uint8Array(3)));
    const bytes = Uint8Array.of(1, 2);
    client.server.data(token, bytes);
    bytes.fill(9);
    expect(client.replies()[0]?.reply).toEqual({ type: "data", data: Uint8Array.of(1, 2) });
  });

  it("with names takes as many as fit into 256 KiB, and reports their number", () => {
    const client = new ScriptedClient().ready();
    const handle = client.open(OPENDIR, "d");
    const attributes = { size: 1n, owner: { uid: 0, gid: 0 }, permissions: 0, times: { atime: 0, mtime: 0 } };
    const entries = Array.from({ length: 3000 }, (_, i) => {
      const filename = encodePath(`${i}`.padStart(100, "0"));
      return { filename, longname: filename, attributes };
    });
    const sent = client.server.names(client.ask({ type: "readdir", handle }), entries);
    // Each entry has 4 + 100 + 4 + 100 + 32 bytes.
    expect(sent).toBe(Math.floor((256 * 1024 - 9) / 240));
    const { length } = client.server.unsent;
    expect(length).toBe(4 + 9 + sent * 240);
    const reply = client.replies()[0]?.reply;
    const names = reply?.type === "names" ? reply.names : [];
    expect([names.length, names.at(-1)]).toEqual([sent, { ...entries[sent - 1]!, attributes }]);
  });

  it("with names has at least one, and refuses one longer than a packet", () => {
    const client = new ScriptedClient().ready();
    const token = client.ask({ type: "readdir", handle: client.open(OPENDIR, "d") });
    expectError("usage", () => client.server.names(token, []));
    const long = { filename: new Uint8Array(300_000).fill(97), longname: PATH, attributes: {} };
    expectError("usage", () => client.server.names(token, [long]));
    client.server.status(token, SSH_FX.EOF);
    expect(client.replies()[0]?.reply).toMatchObject(status(SSH_FX.EOF));
  });

  it("with names of users has one for each id", () => {
    const client = new ScriptedClient().ready();
    const token = client.ask({ type: "users-groups-by-id", uids: [1, 2], gids: [] });
    expectError("usage", () => client.server.usersGroups(token, { users: ["a"], groups: [] }));
    client.server.usersGroups(token, { users: ["a", ""], groups: [] });
    expect(client.replies()[0]?.reply).toEqual({ type: "users-groups", users: ["a", ""], groups: [] });
  });
});

describe("requests on one handle", () => {
  it("run together if they read, or write to other ranges", () => {
    expect(order((file) => [read(file, 0, 9), read(file, 0, 9), write(file, 9, 5), write(file, 14, 5)])[0]).toEqual([
      "read",
      "read",
      "write",
      "write",
    ]);
  });

  it.each<readonly [string, (file: Uint8Array, other: Uint8Array) => readonly SftpRequest[]]>([
    ["a read after a write to its range", (file) => [write(file, 0, 10), read(file, 9, 1)]],
    ["a write after a read of its range", (file) => [read(file, 0, 10), write(file, 5, 1)]],
    ["a write after a write to its range", (file) => [write(file, 0, 10), write(file, 0, 10)]],
    ["a close after a read", (file) => [read(file, 0, 10), { type: "close", handle: file }]],
    ["a sync after a write", (file) => [write(file, 0, 10), { type: "fsync", handle: file }]],
    [
      "a copy after a write to its source",
      (file, other) => [
        write(file, 0, 10),
        { type: "copy-data", readHandle: file, readOffset: 0, length: 0, writeHandle: other, writeOffset: 0 },
      ],
    ],
    [
      "a read after a copy to its file",
      (file, other) => [
        { type: "copy-data", readHandle: file, readOffset: 0, length: 0, writeHandle: other, writeOffset: 0 },
        read(other, 0, 1),
      ],
    ],
  ])("wait: %s", (_, requests) => {
    expect(order(requests).map((open) => open.length)).toEqual([1, 1]);
  });

  it("wait behind a request that waits itself", () => {
    expect(order((file) => [write(file, 0, 10), { type: "fstat", handle: file }, read(file, 50, 1)])).toEqual([
      ["write"],
      ["fstat"],
      ["read"],
    ]);
  });

  it("wait if the file appends, whatever their offsets", () => {
    expect(order((file) => [write(file, 0, 1), write(file, 1, 1)], SSH_FXF.WRITE | SSH_FXF.APPEND)).toEqual([
      ["write"],
      ["write"],
    ]);
  });

  it("do not wait for those on other handles, or by path", () => {
    expect(
      order((file, other) => [
        { type: "close", handle: file },
        { type: "close", handle: other },
        { type: "remove", path: PATH },
      ])[0],
    ).toEqual(["close", "close", "remove"]);
  });
});

describe("a closed handle", () => {
  it("is refused from the close on, before that is answered", () => {
    const client = new ScriptedClient().ready();
    const handle = client.open(OPEN, "f");
    client.request({ type: "close", handle }, read(handle, 0, 1), { type: "close", handle });
    const asks = client.asks();
    expect(asks.map(({ request }) => request.type)).toEqual(["close"]);
    expect(client.replies().map(({ id, reply }) => [id, reply.type])).toEqual([
      [3, "status"],
      [4, "status"],
    ]);
    expect(client.server.handleCount).toBe(1);
    client.server.status(asks[0]!.token, SSH_FX.FAILURE);
    expect(client.server.handleCount).toBe(0);
  });
});

describe("received bytes", () => {
  it("are copied when they are parsed, and not used again", () => {
    const client = new ScriptedClient({ limits: { maxRequests: 2 } }).ready();
    const handle = client.open(OPEN, "f");
    const packets = [1, 2, 3].map((id) => framed(encodeRequest(id, write(handle, 5000 * id, 5000))));
    const [first, second, third] = [packets[0]!, packets[1]!.subarray(0, 3000), packets[1]!.slice(3000)];
    for (const bytes of [first, second]) client.server.receive(bytes);
    const asks = client.asks();
    // The length field of a packet is parsed before the rest.
    expect([asks.length, client.server.unparsed]).toEqual([1, 3000 - 4]);
    first.fill(0);
    client.server.receive(third);
    client.server.receive(packets[2]!);
    asks.push(...client.asks());
    expect([asks.length, client.server.wantsInput, client.server.unparsed]).toEqual([2, false, packets[2]!.length]);
    for (const bytes of [second, third]) bytes.fill(0);
    for (const { request } of asks)
      expect(request.type === "write" && request.data.every((byte) => byte === 7)).toBe(true);
    client.server.close();
    expect(client.server.unparsed).toBe(0);
  });
});

describe("backpressure", () => {
  const stat = { type: "stat", path: PATH } as const;

  it("stops parsing at `maxRequests`, and goes on with each answer", () => {
    const client = new ScriptedClient({ limits: { maxRequests: 2 } }).ready();
    client.request(stat, stat, stat, stat);
    const first = client.asks();
    expect([first.length, client.server.wantsInput, client.server.requestCount]).toEqual([2, false, 2]);
    client.server.status(first[1]!.token, SSH_FX.NO_SUCH_FILE);
    expect(client.server.wantsInput).toBe(true);
    const next = client.asks();
    expect([next.length, client.server.wantsInput]).toEqual([1, false]);
    for (const { token } of [first[0]!, ...next]) client.server.status(token, SSH_FX.NO_SUCH_FILE);
    client.server.status(client.asks()[0]!.token, SSH_FX.NO_SUCH_FILE);
    expect(client.replies().map(({ id }) => id)).toEqual([2, 1, 3, 4]);
  });

  it("stops parsing at `maxPendingBytes` of reads and writes", () => {
    const client = new ScriptedClient({ limits: { maxPendingBytes: 1000 } }).ready();
    const handle = client.open(OPEN, "f");
    client.request(read(handle, 0, 600), write(handle, 600, 600), read(handle, 0, 1));
    const asks = client.asks();
    expect([asks.length, client.server.wantsInput]).toEqual([2, false]);
    client.server.data(asks[0]!.token, Uint8Array.of(1));
    expect(client.asks()).toHaveLength(1);
  });

  it("counts requests that wait for others on their handle", () => {
    const client = new ScriptedClient({ limits: { maxRequests: 3 } }).ready();
    const handle = client.open(OPEN, "f");
    client.request(read(handle, 0, 1), { type: "fsync", handle }, { type: "fsync", handle }, stat);
    const asks = client.asks();
    expect([asks.length, client.server.requestCount]).toEqual([1, 3]);
    client.server.data(asks[0]!.token, Uint8Array.of(1));
    expect(client.asks().map(({ request }) => request.type)).toEqual(["fsync", "stat"]);
  });

  it("stops parsing at `maxUnsent`, and goes on when replies are sent", () => {
    const client = new ScriptedClient({ limits: { maxUnsent: 82 } }).ready();
    client.request(...Array.from({ length: 50 }, () => ({ type: "limits" }) as const));
    expect(client.events()).toEqual([]);
    // Each reply has 4 + 5 + 32 bytes.
    expect([client.server.unsent.length, client.server.wantsInput]).toEqual([2 * 41, false]);
    let replies = 0;
    for (let more = client.replies().length; more > 0; more = client.replies().length) {
      replies += more;
      client.events();
    }
    expect(replies).toBe(50);
  });
});

describe("the end", () => {
  it("comes after the answers to requests that are here, then closes without an error", () => {
    const client = new ScriptedClient().ready();
    client.request({ type: "mkdir", path: PATH, attributes: {} });
    client.server.end();
    const [ask, ...more] = client.asks();
    expect(more).toEqual([]);
    client.server.status(ask!.token, SSH_FX.OK);
    expect(client.events()).toEqual([{ type: "closed", error: undefined }]);
    expect(client.events()).toEqual([]);
    expect(client.replies()).toHaveLength(1);
    expect(client.server.wantsInput).toBe(false);
  });

  it("within a packet is an error", () => {
    const client = new ScriptedClient().ready();
    client.server.receive(Uint8Array.of(0, 0, 0, 9, 17));
    client.server.end();
    expect(client.events()).toMatchObject([{ type: "closed", error: { code: "channel-closed" } }]);
  });

  it("releases each handle that the client left open once no request uses it, then closes", () => {
    const client = new ScriptedClient().ready();
    const [used] = [client.open(OPEN, "used"), client.open(OPENDIR, "idle")];
    client.request(read(used, 0, 1), { type: "close", handle: used });
    const [ask] = client.asks();
    client.server.close();
    expect(client.events()).toEqual([{ type: "release", handle: "idle" }]);
    client.server.data(ask!.token, Uint8Array.of(1));
    expect(client.events()).toEqual([
      { type: "release", handle: "used" },
      { type: "closed", error: undefined },
    ]);
    expect([client.server.handleCount, client.server.requestCount, client.server.unsent.length]).toEqual([0, 0, 0]);
  });

  it("does not release a handle whose close is under way", () => {
    const client = new ScriptedClient().ready();
    const handle = client.open(OPEN, "f");
    const token = client.ask({ type: "close", handle });
    client.server.close();
    expect(client.events()).toEqual([]);
    client.server.status(token, SSH_FX.OK);
    expect(client.events()).toEqual([{ type: "closed", error: undefined }]);
  });

  it("releases a file whose open is answered afterwards", () => {
    const client = new ScriptedClient().ready();
    const token = client.ask(OPEN);
    client.server.close();
    expect(client.events()).toEqual([]);
    client.server.handle(token, "late");
    expect(client.events()).toEqual([
      { type: "release", handle: "late" },
      { type: "closed", error: undefined },
    ]);
  });

  it("drops bytes that still arrive", () => {
    const client = new ScriptedClient().ready();
    client.server.close();
    client.request(OPEN);
    expect(client.events()).toEqual([{ type: "closed", error: undefined }]);
    expect(client.replies()).toEqual([]);
  });
});

it("requests are the same for any chunks", () => {
  const packets = [initPacket(3), framed(encodeRequest(1, OPEN)), framed(encodeRequest(2, OPENDIR))];
  const bytes = concatBytes(...packets);
  const server = new SftpServer<string>();
  const types: string[] = [];
  for (const byte of bytes) {
    server.receive(Uint8Array.of(byte));
    for (let event = server.nextEvent(); event !== undefined; event = server.nextEvent())
      types.push(event.type === "request" ? event.request.type : event.type);
  }
  expect(types).toEqual(["open", "opendir"]);
});

it("a packet without a request id ends SFTP", () => {
  const client = new ScriptedClient().ready();
  client.server.receive(framed(new Writer().byte(17).byte(0).finish()));
  expect(client.events()).toMatchObject([{ type: "closed", error: { code: "malformed-message" } }]);
});

it.each(impossibleLimits(SFTP_SERVER_LIMITS.ranges))("refuses the limit %s", (_, limits) => {
  expectError("usage", () => new SftpServer({ limits }));
});
