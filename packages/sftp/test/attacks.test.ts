import { Writer } from "@nacre/wire";
import { expect, test } from "vitest";
import {
  encodePath,
  encodeReply,
  encodeRequest,
  type NameEntry,
  SFTP_EXTENSIONS,
  type SftpClient,
  type SftpReply,
  type SftpRequest,
  SSH_FX,
  SSH_FXF,
} from "../src/index.ts";
import { initPacket, ScriptedClient } from "./scripted-client.ts";
import { framed, ScriptedServer } from "./scripted-server.ts";

// The names of these tests are in packages/testing/src/attacks/rows/sftp.ts.

const HANDLE = Uint8Array.of(1, 2, 3);
const PATH = encodePath("/file");
const OPEN = { type: "open", path: PATH, flags: SSH_FXF.READ, attributes: {} } as const;

function entry(filename: Uint8Array): NameEntry {
  return { filename, longname: PATH, attributes: {} };
}

/** Sends a request to a hostile server and its reply to the client. Returns the code of the error that ends SFTP, or "accepted". */
function outcome(send: (client: SftpClient<string>) => number, reply: SftpReply | Uint8Array): string {
  const server = new ScriptedServer().ready();
  const id = send(server.client);
  const events = server.send(framed(reply instanceof Uint8Array ? withId(reply, id) : encodeReply(id, reply)));
  const last = events.at(-1);
  if (last?.type !== "closed") return "accepted";
  // The request itself was answered, too, and nothing else.
  expect(events).toMatchObject([{ type: "unanswered", request: id, error: last.error }, { type: "closed" }]);
  expect(last.error.culprit).toBe("peer");
  return last.error.code;
}

function withId(packet: Uint8Array, id: number): Uint8Array {
  return new Writer().byte(packet[0]!).uint32(id).raw(packet.subarray(5)).finish();
}

function ask(request: Parameters<SftpClient<string>["request"]>[0]): (client: SftpClient<string>) => number {
  return (client) => client.request(request, "");
}

const reading = (client: SftpClient<string>): number => client.read(HANDLE, 0, 10, "");

test("sftp: packet lengths · client", () => {
  for (const bytes of [
    [0, 4, 0, 1],
    [255, 255, 255, 255],
    [0, 0, 0, 0],
  ]) {
    const server = new ScriptedServer().ready();
    const [event] = server.send(Uint8Array.from(bytes));
    expect(event).toMatchObject({ type: "closed", error: { code: "packet-length", culprit: "peer" } });
    // Only before SSH_FXP_VERSION does the length tell that a login script printed text.
    expect((event as { error: Error }).error.message).not.toContain("login scripts");
  }
});

test("sftp: packet lengths · server", () => {
  const client = new ScriptedClient().ready();
  client.server.receive(Uint8Array.of(0, 4, 0, 1));
  expect(client.events()).toMatchObject([{ type: "closed", error: { code: "packet-length", culprit: "peer" } }]);
});

test("sftp: a reply to an unknown request, or a second one · client", () => {
  const attributes = framed(encodeReply(1234, { type: "attributes", attributes: {} }));
  const server = new ScriptedServer().ready();
  expect(server.send(attributes)).toMatchObject([{ type: "closed", error: { code: "unexpected-message" } }]);

  const again = new ScriptedServer().ready();
  const id = again.client.request({ type: "stat", path: PATH }, "first");
  expect(again.reply(id, { type: "attributes", attributes: {} })).toHaveLength(1);
  const later = again.client.request({ type: "stat", path: PATH }, "later");
  expect(again.reply(id, { type: "attributes", attributes: {} })).toMatchObject([
    { type: "unanswered", request: later, waiter: "later" },
    { type: "closed", error: { code: "unexpected-message" } },
  ]);
});

test("sftp: a reply of another type · client", () => {
  expect(outcome(reading, { type: "handle", handle: HANDLE })).toBe("unexpected-message");
  expect(outcome(ask(OPEN), { type: "data", data: HANDLE })).toBe("unexpected-message");
  expect(outcome(ask({ type: "rmdir", path: PATH }), { type: "extended", data: PATH })).toBe("unexpected-message");
});

test("sftp: success without a result · client", () => {
  const ok = { type: "status", status: SSH_FX.OK, message: "", languageTag: "" } as const;
  for (const send of [reading, ask(OPEN), ask({ type: "stat", path: PATH }), ask({ type: "readdir", handle: HANDLE })])
    expect(outcome(send, ok)).toBe("unexpected-message");
  expect(outcome(ask({ type: "rmdir", path: PATH }), ok)).toBe("accepted");
});

test("sftp: more data than requested · client", () => {
  expect(outcome(reading, { type: "data", data: new Uint8Array(10) })).toBe("accepted");
  expect(outcome(reading, { type: "data", data: new Uint8Array(11) })).toBe("malformed-message");
  // The length of the data differs from that of the packet.
  const lying = new Writer().byte(103).uint32(0).uint32(4).raw(new Uint8Array(9)).finish();
  expect(outcome(reading, lying)).toBe("malformed-message");
});

test("sftp: replies that make a reader ask forever · client", () => {
  const server = new ScriptedServer().ready();
  const id = reading(server.client);
  const end = { type: "status", status: SSH_FX.EOF };
  expect(server.reply(id, { type: "data", data: new Uint8Array(0) })).toMatchObject([end]);
  const list = server.client.request({ type: "readdir", handle: HANDLE }, "");
  expect(server.reply(list, { type: "names", names: [] })).toMatchObject([end]);
});

test("sftp: names · client", () => {
  const server = new ScriptedServer({ limits: { maxNames: 2, maxPathLength: 5 } }).ready();
  const list = (names: readonly NameEntry[]): object | undefined => {
    const id = server.client.request({ type: "readdir", handle: HANDLE }, "");
    return server.reply(id, { type: "names", names }).at(-1);
  };
  expect(list([entry(PATH), entry(PATH)])).toMatchObject({ type: "names" });
  expect(list([entry(PATH), entry(PATH), entry(PATH)])).toMatchObject({
    type: "closed",
    error: { code: "malformed-message" },
  });
  const long = new ScriptedServer({ limits: { maxPathLength: 4 } }).ready();
  const id = long.client.request({ type: "realpath", path: PATH }, "");
  expect(long.reply(id, { type: "names", names: [entry(PATH)] }).at(-1)).toMatchObject({
    type: "closed",
    error: { code: "malformed-message" },
  });
  for (const names of [[], [entry(PATH), entry(PATH)]])
    expect(outcome(ask({ type: "realpath", path: PATH }), { type: "names", names })).toBe("malformed-message");
  const nul = new Writer().byte(104).uint32(0).uint32(1).string("a\0b").string("").uint32(0).finish();
  expect(outcome(ask({ type: "readdir", handle: HANDLE }), nul)).toBe("malformed-message");
  const names = { type: "users-groups", users: ["root", "x"], groups: [] } as const;
  expect(outcome(ask({ type: "users-groups-by-id", uids: [0], gids: [1] }), names)).toBe("malformed-message");
});

test("sftp: names · server", () => {
  const client = new ScriptedClient({ limits: { maxPathLength: 5 } }).ready();
  expect(client.ask({ type: "stat", path: PATH })).toBeDefined();
  const long = encodePath("/file1");
  const failure = { type: "status", status: SSH_FX.FAILURE };
  for (const request of [
    { type: "stat", path: long },
    { type: "rename", oldPath: PATH, newPath: long },
    { type: "posix-rename", oldPath: long, newPath: PATH },
    { type: "symlink", targetPath: long, linkPath: PATH },
  ] satisfies SftpRequest[])
    expect(client.answer(request)).toMatchObject(failure);
  client.server.receive(framed(new Writer().byte(17).uint32(9).string("a\0b").finish()));
  expect(client.asks()).toEqual([]);
  expect(client.server.unsent[4]).toBe(101);
});

test("sftp: a handle that is too long · client", () => {
  expect(outcome(ask(OPEN), { type: "handle", handle: new Uint8Array(256) })).toBe("accepted");
  expect(outcome(ask(OPEN), { type: "handle", handle: new Uint8Array(257) })).toBe("malformed-message");
});

test("sftp: a handle for an abandoned open · client", () => {
  const server = new ScriptedServer().ready();
  const id = server.client.request(OPEN, "");
  server.take().pop();
  server.client.abandon(id);
  server.reply(id, { type: "handle", handle: HANDLE });
  expect(server.requests.map(({ request }) => request)).toEqual([{ type: "close", handle: HANDLE }]);
});

test("sftp: a handle that is given twice · client", () => {
  const server = new ScriptedServer().ready();
  const answerOpen = (): unknown[] => server.reply(server.client.request(OPEN, ""), { type: "handle", handle: HANDLE });
  answerOpen();
  const write = server.client.write(HANDLE, 0, HANDLE, "");
  const failed = [{ type: "unanswered", error: { code: "sftp-handle-reused", culprit: "peer" } }];
  // Both files fail, and nothing more is written to either.
  expect(answerOpen()).toMatchObject(failed);
  expect(server.status(write, SSH_FX.OK)).toMatchObject(failed);
  const before = server.take().length;
  server.client.write(HANDLE, 0, HANDLE, "");
  expect(server.events()).toMatchObject(failed);
  expect(server.take()).toHaveLength(before);
});

test("sftp: limits that a server states · client", () => {
  const server = new ScriptedServer().ready([SFTP_EXTENSIONS.limits]);
  const huge = 2n ** 64n - 1n;
  server.reply(server.requests[0]!.id, {
    type: "limits",
    limits: { maxPacketLength: huge, maxReadLength: huge, maxWriteLength: huge, maxOpenHandles: huge },
  });
  const { maxPacketLength, maxReadLength, maxWriteLength } = server.client.serverLimits;
  expect([maxPacketLength, maxReadLength, maxWriteLength]).toEqual([262_144, 261_120, 261_120]);
});

test("sftp: forged and closed handles · server", () => {
  const client = new ScriptedClient().ready();
  const closed = client.open(OPEN, "closed");
  client.server.status(client.ask({ type: "close", handle: closed }), SSH_FX.OK);
  client.replies();
  const handle = client.open(OPEN, "open");
  const changed = (at: number): Uint8Array => handle.map((byte, i) => (i === at ? byte ^ 1 : byte));
  const forged = [closed, new Uint8Array(0), handle.subarray(0, 4), ...[0, 3, 4, 7].map(changed)];
  for (const one of forged)
    expect(client.answer({ type: "read", handle: one, offset: 0, length: 1 })).toMatchObject({
      type: "status",
      status: SSH_FX.FAILURE,
    });
  expect(client.server.handleCount).toBe(1);
});

test("sftp: a handle used after its close, or closed twice · server", () => {
  const client = new ScriptedClient().ready();
  const handle = client.open(OPEN, "file");
  client.request({ type: "close", handle }, { type: "read", handle, offset: 0, length: 1 }, { type: "close", handle });
  const asks = client.asks();
  expect(asks.map(({ request }) => request.type)).toEqual(["close"]);
  client.server.status(asks[0]!.token, SSH_FX.OK);
  expect(client.asks()).toEqual([]);
  expect(client.replies().map(({ reply }) => reply)).toMatchObject([
    { type: "status", status: SSH_FX.FAILURE },
    { type: "status", status: SSH_FX.FAILURE },
    { type: "status", status: SSH_FX.OK },
  ]);
});

test("sftp: a close that overtakes a read · server", () => {
  const client = new ScriptedClient().ready();
  const handle = client.open(OPEN, "file");
  client.request({ type: "read", handle, offset: 0, length: 1 }, { type: "close", handle });
  const asks = client.asks();
  expect(asks.map(({ request }) => request.type)).toEqual(["read"]);
  client.server.data(asks[0]!.token, Uint8Array.of(1));
  expect(client.asks().map(({ request }) => request.type)).toEqual(["close"]);
});

test("sftp: a handle of another kind · server", () => {
  const client = new ScriptedClient().ready();
  const file = client.open(OPEN, "file");
  const directory = client.open({ type: "opendir", path: PATH }, "directory");
  const failure = { type: "status", status: SSH_FX.FAILURE };
  for (const request of [
    { type: "readdir", handle: file },
    { type: "read", handle: directory, offset: 0, length: 1 },
    { type: "write", handle: directory, offset: 0, data: PATH },
    { type: "copy-data", readHandle: file, readOffset: 0, length: 0, writeHandle: directory, writeOffset: 0 },
  ] satisfies SftpRequest[])
    expect(client.answer(request)).toMatchObject(failure);
});

test("sftp: too many handles · server", () => {
  const client = new ScriptedClient({ limits: { maxHandles: 3 } }).ready();
  const handle = client.open(OPEN, "a");
  // Opens under way count, too.
  client.request(OPEN, { type: "opendir", path: PATH }, OPEN);
  const asks = client.asks();
  expect(asks).toHaveLength(2);
  for (const { token } of asks) client.server.handle(token, "b");
  client.replies();
  expect(client.answer(OPEN)).toMatchObject({ type: "status", status: SSH_FX.FAILURE });
  client.server.status(client.ask({ type: "close", handle }), SSH_FX.OK);
  client.replies();
  client.open(OPEN, "c");
  expect(client.server.handleCount).toBe(3);
});

test("sftp: raw handles that are empty, too long or not given · server", () => {
  const client = new ScriptedClient<Uint8Array>({ handles: "raw", limits: { maxHandles: 1 } }).ready();
  const handle = client.open(OPEN, HANDLE);
  // The application may read a number from the bytes, or use them as a key. It gets neither of these.
  const invalid = { type: "status", status: SSH_FX.FAILURE, message: "Invalid handle" };
  for (const length of [0, 257, 30_000]) {
    const wrong = new Uint8Array(length);
    for (const request of [
      { type: "read", handle: wrong, offset: 0, length: 1 },
      { type: "close", handle: wrong },
      { type: "copy-data", readHandle: handle, readOffset: 0, length: 0, writeHandle: wrong, writeOffset: 0 },
    ] satisfies SftpRequest[])
      expect(client.answer(request)).toMatchObject(invalid);
  }
  // Closing a handle that was never open does not lower the number of open ones.
  client.server.status(client.ask({ type: "close", handle: Uint8Array.of(4) }), SSH_FX.FAILURE);
  client.replies();
  expect(client.answer(OPEN)).toMatchObject({ type: "status", status: SSH_FX.FAILURE });
});

test("sftp: a request before the handshake · server", () => {
  const client = new ScriptedClient();
  client.server.receive(framed(encodeRequest(1, OPEN)));
  expect(client.events()).toMatchObject([{ type: "closed", error: { code: "unexpected-message" } }]);
  const again = new ScriptedClient().ready();
  again.server.receive(initPacket(3));
  expect(again.events()).toMatchObject([{ type: "closed", error: { code: "unexpected-message" } }]);
});

test("sftp: an extension that is not announced · server", () => {
  const client = new ScriptedClient({ extensions: [SFTP_EXTENSIONS.fsync] }).ready();
  for (const request of [
    { type: "posix-rename", oldPath: PATH, newPath: PATH },
    { type: "extended", name: "hash@example.com", data: PATH },
  ] satisfies SftpRequest[])
    expect(client.answer(request)).toMatchObject({ type: "status", status: SSH_FX.OP_UNSUPPORTED });
});

test("sftp: a flood of requests · server", () => {
  const limits = { maxRequests: 4, maxPendingBytes: 100_000, maxUnsent: 1000 };
  const client = new ScriptedClient({ limits }).ready();
  const handle = client.open(OPEN, "file");
  client.request(...Array.from({ length: 1000 }, () => ({ type: "stat", path: PATH }) as const));
  const asks = client.asks();
  expect([asks.length, client.server.wantsInput]).toEqual([4, false]);
  for (let open = asks; open.length > 0; open = client.asks()) {
    for (const { token } of open) client.server.status(token, SSH_FX.NO_SUCH_FILE);
    expect(client.server.unsent.length).toBeLessThan(1200);
    client.replies();
  }
  // Reads that would take 261,120 bytes of memory each.
  client.request(
    ...Array.from({ length: 4 }, () => ({ type: "read", handle, offset: 0, length: 0xffff_ffff }) as const),
  );
  expect(client.asks().map(({ request }) => request)).toMatchObject([{ type: "read", length: 261_120 }]);
});

test("sftp: requests that take much more memory than bytes · server", () => {
  const client = new ScriptedClient({ limits: { maxPendingBytes: 1_000_000 } }).ready();
  const handle = client.open(OPEN, "file");
  const pair = { type: new Uint8Array(0), data: new Uint8Array(0) };
  const setstat = (count: number): SftpRequest => ({
    type: "fsetstat",
    handle,
    attributes: { extended: Array.from({ length: count }, () => pair) },
  });
  for (const count of [257, 30_000]) {
    expect(client.answer(setstat(count))).toMatchObject({ type: "status", status: SSH_FX.BAD_MESSAGE });
  }
  client.request(setstat(256));
  expect(client.asks()).toMatchObject([{ request: { attributes: { extended: { length: 256 } } } }]);
  // Long requests behind one that takes its time.
  const long = { type: pair.type, data: new Uint8Array(200_000) };
  for (let i = 0; i < 10; i++) client.request({ type: "fsetstat", handle, attributes: { extended: [long] } });
  expect(client.events()).toEqual([]);
  expect([client.server.requestCount, client.server.wantsInput]).toEqual([6, false]);
});

test("sftp: replies that the client does not read · server", () => {
  const client = new ScriptedClient({ limits: { maxUnsent: 1000 } }).ready();
  client.request(...Array.from({ length: 1000 }, () => ({ type: "limits" }) as const));
  expect(client.events()).toEqual([]);
  expect(client.server.unsent.length).toBeLessThan(1100);
  expect(client.server.wantsInput).toBe(false);
});
