import { seededRandom } from "@nacre/testing/random";
import type { OpenNode } from "@nacre/testing/sftp/memory-files";
import { concatBytes, equalBytes, escapeText, utf8Encode } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import {
  decodePath,
  encodePath,
  type SftpClientEvent,
  SftpError,
  type SftpServerEvent,
  SSH_FX,
  SSH_FXF,
} from "../src/index.ts";
import { SftpPair } from "./pair.ts";

const READ = SSH_FXF.READ;
const CREATE = SSH_FXF.READ | SSH_FXF.WRITE | SSH_FXF.CREAT;

function content(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
}

/** Opens a file and returns its handle. */
function open(pair: SftpPair, path: string, flags: number): Uint8Array {
  const event = pair.ask({ type: "open", path: encodePath(path), flags, attributes: {} });
  if (event.type !== "handle") throw new Error(`expected a handle, got "${event.type}"`);
  return event.handle;
}

function ready(pair: SftpPair): SftpPair {
  expect(
    pair
      .run()
      .take()
      .map(({ type }) => type),
  ).toEqual(["ready", "limits"]);
  return pair;
}

/** Cuts bytes into chunks of random lengths up to `most`. */
function randomCuts(seed: number, most: number): (bytes: Uint8Array) => Uint8Array[] {
  const random = seededRandom(seed);
  return (bytes) => {
    const chunks = [];
    for (let at = 0; at < bytes.length; ) {
      const length = 1 + ((random(1)[0]! * most) >> 8);
      chunks.push(bytes.slice(at, at + length));
      at += length;
    }
    return chunks;
  };
}

/** Sends every request at least once, and returns the answers. Handles are left out, since they are opaque. */
function session(pair: SftpPair): unknown[] {
  ready(pair);
  const path = encodePath("/dir/é\udcff");
  const events: SftpClientEvent<string>[] = [];
  const ask = (request: Parameters<SftpPair["ask"]>[0]): SftpClientEvent<string> => {
    const event = pair.ask(request);
    events.push(event);
    return event;
  };
  ask({ type: "mkdir", path: encodePath("/dir"), attributes: { permissions: 0o755 } });
  const created = ask({ type: "open", path, flags: CREATE, attributes: { permissions: 0o600 } });
  const file = created.type === "handle" ? created.handle : new Uint8Array(0);
  ask({ type: "write", handle: file, offset: 0, data: content(3000) });
  ask({ type: "write", handle: file, offset: 2999, data: utf8Encode("end") });
  ask({ type: "fsync", handle: file });
  ask({ type: "read", handle: file, offset: 2995, length: 100 });
  ask({ type: "fsetstat", handle: file, attributes: { size: 2000n, times: { atime: 5, mtime: 6 } } });
  ask({ type: "fstat", handle: file });
  ask({ type: "fstatvfs", handle: file });
  const copied = ask({ type: "open", path: encodePath("/copy"), flags: CREATE, attributes: {} });
  const copy = copied.type === "handle" ? copied.handle : file;
  ask({ type: "copy-data", readHandle: file, readOffset: 10, length: 0, writeHandle: copy, writeOffset: 1 });
  ask({ type: "fstat", handle: copy });
  ask({ type: "close", handle: copy });
  ask({ type: "close", handle: file });
  ask({ type: "read", handle: file, offset: 0, length: 1 });
  ask({ type: "setstat", path, attributes: { permissions: 0o640 } });
  ask({ type: "lsetstat", path, attributes: { permissions: 0o640 } });
  ask({ type: "stat", path });
  ask({ type: "lstat", path });
  const opened = ask({ type: "opendir", path: encodePath("/dir") });
  const directory = opened.type === "handle" ? opened.handle : file;
  ask({ type: "readdir", handle: directory });
  ask({ type: "readdir", handle: directory });
  ask({ type: "close", handle: directory });
  ask({ type: "rename", oldPath: path, newPath: encodePath("/copy") });
  ask({ type: "posix-rename", oldPath: path, newPath: encodePath("/copy") });
  ask({ type: "hardlink", oldPath: encodePath("/copy"), newPath: encodePath("/hard") });
  ask({ type: "symlink", targetPath: encodePath("copy"), linkPath: encodePath("/soft") });
  ask({ type: "readlink", path: encodePath("/soft") });
  ask({ type: "realpath", path: encodePath("/dir/../dir/.") });
  ask({ type: "expand-path", path: encodePath("~") });
  ask({ type: "home-directory", userName: "alice" });
  ask({ type: "users-groups-by-id", uids: [0, 1000], gids: [0] });
  ask({ type: "statvfs", path: encodePath("/") });
  ask({ type: "remove", path: encodePath("/hard") });
  ask({ type: "rmdir", path: encodePath("/dir") });
  ask({ type: "extended", name: "none@example.com", data: utf8Encode("x") });
  expect(pair.files.opened.size).toBe(0);
  expect([pair.client.requestCount, pair.server.requestCount, pair.server.handleCount]).toEqual([0, 0, 0]);
  return events.map((event) => (event.type === "handle" ? "handle" : event));
}

describe("a client and a server", () => {
  it("carry every request and reply", () => {
    const events = session(new SftpPair()) as SftpClientEvent<string>[];
    const failed = events.filter((event) => event.type === "status" && event.status !== SSH_FX.OK);
    // A read of a closed handle, the end of the directory, a rename onto an existing file, an unknown extension.
    expect(failed).toMatchObject([
      { status: SSH_FX.FAILURE, message: "Invalid handle" },
      { status: SSH_FX.EOF },
      { status: SSH_FX.FAILURE },
      { status: SSH_FX.OP_UNSUPPORTED },
    ]);
    expect(events).toContainEqual(
      expect.objectContaining({
        type: "data",
        pieces: [Uint8Array.of(...content(3000).subarray(2995, 2999), 101, 110, 100)],
      }),
    );
  });

  it.each([1, 2, 3])("give the same events for any chunks (seed %d)", (seed) => {
    const cut = new SftpPair();
    cut.split = seed === 1 ? (bytes) => Array.from(bytes, (byte) => Uint8Array.of(byte)) : randomCuts(seed, 4 ** seed);
    expect(session(cut)).toEqual(session(new SftpPair()));
  });

  it("list a name of any bytes, and open the file that it names", () => {
    const pair = new SftpPair();
    const odd = ["\udc80\udcff", "new\nline", "é".normalize("NFD"), "a\\b", "*"];
    for (const name of odd) pair.files.open(`/${name}`, CREATE).data = utf8Encode(name.length.toString());
    ready(pair);
    const opened = pair.ask({ type: "opendir", path: encodePath("/") });
    const listed = pair.ask({ type: "readdir", handle: opened.type === "handle" ? opened.handle : new Uint8Array(0) });
    const names = listed.type === "names" ? listed.names.map(({ filename }) => decodePath(filename)) : [];
    expect(names.map((name) => escapeText(name)).toSorted()).toEqual(odd.map((name) => escapeText(name)).toSorted());
    for (const name of names) {
      const handle = open(pair, `/${name}`, READ);
      expect(pair.ask({ type: "read", handle, offset: 0, length: 9 })).toMatchObject({
        pieces: [utf8Encode(name.length.toString())],
      });
    }
  });

  it.each([1, 2, 3, 4])("download a file whose blocks arrive shuffled and short (seed %d)", (seed) => {
    const random = seededRandom(seed);
    const below = (most: number): number => ((random(1)[0]! << 8) | random(1)[0]!) % most;
    const pair = new SftpPair();
    pair.files.open("/file", CREATE).data = content(100_000);
    ready(pair);
    const handle = open(pair, "/file", READ);
    pair.answers = false;
    const result = new Uint8Array(100_000);
    const pending = new Map<string, number>();
    const ask = (offset: number, length: number): void => {
      pending.set(`${offset}`, length);
      pair.client.read(handle, offset, length, `${offset}`);
    };
    for (let offset = 0; offset < result.length; offset += 10_000) ask(offset, 10_000);
    const held: Extract<SftpServerEvent<OpenNode>, { type: "request" }>[] = [];
    while (pending.size > 0) {
      pair.run();
      for (let event = pair.server.nextEvent(); event !== undefined; event = pair.server.nextEvent())
        if (event.type === "request") held.push(event);
      const [{ token, request }] = held.splice(below(held.length), 1) as [(typeof held)[0]];
      if (request.type !== "read") throw new Error(`an unexpected "${request.type}"`);
      const length = 1 + below(request.length);
      pair.server.data(token, request.handle.node.data.subarray(request.offset, request.offset + length));
      pair.run();
      for (const event of pair.take()) {
        if (event.type !== "data") throw new Error(`an unexpected "${event.type}"`);
        const data = concatBytes(...event.pieces);
        const offset = Number(event.waiter);
        result.set(data, offset);
        const left = pending.get(event.waiter)! - data.length;
        pending.delete(event.waiter);
        if (left > 0) ask(offset + data.length, left);
      }
    }
    expect(equalBytes(result, content(100_000))).toBe(true);
  });

  it("upload a file whose writes are answered shuffled, then closed and synced in order", () => {
    const random = seededRandom(9);
    const pair = ready(new SftpPair());
    const handle = open(pair, "/up", CREATE);
    pair.answers = false;
    for (let offset = 0; offset < 64_000; offset += 1000)
      pair.client.write(handle, offset, content(64_000).subarray(offset, offset + 1000), "write");
    pair.client.request({ type: "fsync", handle }, "fsync");
    pair.client.request({ type: "close", handle }, "close");
    const order: string[] = [];
    const held: Extract<SftpServerEvent<OpenNode>, { type: "request" }>[] = [];
    for (;;) {
      pair.run();
      for (let event = pair.server.nextEvent(); event !== undefined; event = pair.server.nextEvent())
        if (event.type === "request") held.push(event);
      const [next] = held.splice(random(1)[0]! % Math.max(1, held.length), 1);
      if (next === undefined) break;
      order.push(next.request.type);
      pair.files.answer(pair.server, next);
    }
    expect(order).toEqual([...Array(64).fill("write"), "fsync", "close"]);
    expect(equalBytes(pair.files.find("/up").data, content(64_000))).toBe(true);
    expect(pair.take().every((event) => event.type === "status" && event.status === SSH_FX.OK)).toBe(true);
  });
});

describe("a status", () => {
  it.each([
    [SSH_FX.EOF, "sftp-end-of-file", "caller"],
    [SSH_FX.NO_SUCH_FILE, "sftp-no-such-file", "caller"],
    [SSH_FX.PERMISSION_DENIED, "sftp-permission-denied", "peer"],
    [SSH_FX.FAILURE, "sftp-failure", "peer"],
    [SSH_FX.BAD_MESSAGE, "sftp-bad-message", "peer"],
    [SSH_FX.CONNECTION_LOST, "sftp-failure", "peer"],
    [SSH_FX.OP_UNSUPPORTED, "sftp-unsupported", "unsupported"],
    [4711, "sftp-failure", "peer"],
  ])("%d is the error %s", (status, code, culprit) => {
    expect(new SftpError(status, "said")).toMatchObject({ status, code, culprit, serverMessage: "said" });
  });

  it("has a message with the call, the path and the server's text, which cannot control a terminal", () => {
    const error = new SftpError(SSH_FX.FAILURE, "disk\u001b[2J full", { call: "open", path: "/a\n\udcff" });
    expect(error.message).toBe(
      'open "/a\\x0a\\u{dcff}": failure (the server says "disk\\x1b[2J full"); common causes are an existing file, a full disk, or a directory that is not empty',
    );
    expect([error.call, error.path, error.serverMessage]).toEqual(["open", "/a\n\udcff", "disk\u001b[2J full"]);
  });

  it.each([
    ["rmdir", SSH_FX.FAILURE, "the directory may not be empty"],
    ["mkdir", SSH_FX.FAILURE, "the path may exist, or the disk be full"],
    ["unlink", SSH_FX.FAILURE, "it may be a directory"],
    ["mkdir", SSH_FX.NO_SUCH_FILE, "check the path and its directory"],
    ["stat", SSH_FX.NO_SUCH_FILE, "check the path"],
  ])("tells what to check when %s fails with status %i", (call, status, remedy) => {
    expect(new SftpError(status, "", { call, path: "/x" }).message).toMatch(
      new RegExp(`^${call} "/x": (?:failure|no such file); ${remedy}$`),
    );
  });

  it("does not repeat the server's text where it says the same", () => {
    const error = new SftpError(SSH_FX.NO_SUCH_FILE, "No such file", { path: "/x" });
    expect(error.message).toBe('"/x": no such file; check the path');
  });
});
