import {
  type FileSystem,
  memoryFileSystem,
  type SftpRequestEvent,
  type SftpServerLogEvent,
  type SftpServerSettings,
  sftpServer,
} from "@nacre/files/server";
import { encodeRequest, SFTP_EXTENSIONS, SSH_FX, SSH_FXF } from "@nacre/sftp";
import { expect, test } from "vitest";
import { RawClient } from "./raw-client.ts";
import { withMethods } from "./support.ts";

// The names of these tests are in packages/testing/src/attacks/rows/sftp.ts.

const path = (text: string): Uint8Array => new TextEncoder().encode(text);
const { READ, WRITE, APPEND, CREAT, TRUNC } = SSH_FXF;

/** A file system with the file "f" of four bytes and the directory "d". */
async function small(): Promise<FileSystem> {
  const fileSystem = memoryFileSystem();
  const mode = { read: false, write: true, append: false, create: true, truncate: false, exclusive: false };
  const file = await fileSystem.open("f", mode, {});
  await file.write(0, path("data"));
  await file.close();
  await fileSystem.mkdir("d", {});
  return fileSystem;
}

test("sftp: a change on a read-only server · server", async () => {
  const fileSystem = await small();
  const client = await RawClient.start(fileSystem, { readOnly: true });
  const attributes = { permissions: 0o777 };
  const handle = await client.open("f", READ);
  const [oldPath, newPath] = [path("f"), path("g")];
  const answers = await Promise.all([
    ...[READ | WRITE, WRITE, APPEND, READ | CREAT, READ | TRUNC, READ | CREAT | TRUNC].map((flags) =>
      client.request({ type: "open", path: path("f"), flags, attributes: {} }),
    ),
    client.request({ type: "open", path: path("new"), flags: READ | CREAT, attributes: {} }),
    client.request({ type: "write", handle, offset: 0, data: path("evil") }),
    client.request({ type: "setstat", path: oldPath, attributes }),
    client.request({ type: "fsetstat", handle, attributes }),
    client.request({ type: "mkdir", path: newPath, attributes: {} }),
    client.request({ type: "rmdir", path: path("d") }),
    client.request({ type: "remove", path: oldPath }),
    client.request({ type: "rename", oldPath, newPath }),
    client.request({ type: "symlink", targetPath: oldPath, linkPath: newPath }),
  ]);
  for (const answer of answers) expect(answer).toMatchObject({ type: "status", status: SSH_FX.PERMISSION_DENIED });
  const directory = await fileSystem.opendir("/");
  expect((await directory.read()).map(({ name }) => name)).toEqual(["f", "d"]);
  expect(await fileSystem.stat("f")).toMatchObject({ size: 4n, permissions: 0o100644 });
  expect(await client.request({ type: "read", handle, offset: 0, length: 9 })).toMatchObject({
    pieces: [path("data")],
  });
});

test("sftp: a request that the server denies · server", async () => {
  const fileSystem = await small();
  const denied = { type: "status", status: SSH_FX.PERMISSION_DENIED };
  const client = await RawClient.start(fileSystem, { denyRequests: ["mkdir", "write", "hardlink"] });
  const handle = await client.open("f", READ | WRITE);
  const answers = await Promise.all([
    client.request({ type: "mkdir", path: path("new"), attributes: {} }),
    client.request({ type: "write", handle, offset: 0, data: path("evil") }),
  ]);
  for (const answer of answers) expect(answer).toMatchObject(denied);
  expect(client.machine.supports(SFTP_EXTENSIONS.hardlink)).toBe(false);
  expect(client.machine.supports(SFTP_EXTENSIONS.posixRename)).toBe(true);
  expect(await client.request({ type: "stat", path: path("f") })).toMatchObject({ attributes: { size: 4n } });

  const log: SftpRequestEvent[] = [];
  const strict = await RawClient.start(fileSystem, {
    allowRequests: ["stat", "open"],
    denyRequests: ["stat"],
    onRequest(event) {
      log.push(event);
      throw new Error("a broken log");
    },
  });
  expect(await strict.request({ type: "stat", path: path("f") })).toMatchObject(denied);
  expect(await strict.request({ type: "lstat", path: path("f") })).toMatchObject(denied);
  expect(await strict.request({ type: "rename", oldPath: path("f"), newPath: path("g") })).toMatchObject(denied);
  const open = await strict.open("f", READ);
  expect(await strict.request({ type: "close", handle: open })).toMatchObject({ status: SSH_FX.OK });
  const refusal = "Permission denied";
  expect(log).toEqual([
    { request: "stat", path: "f", otherPath: undefined, refusal },
    { request: "lstat", path: "f", otherPath: undefined, refusal },
    { request: "rename", path: "f", otherPath: "g", refusal },
    { request: "open", path: "f", otherPath: undefined, refusal: undefined },
    { request: "close", path: "f", otherPath: undefined, refusal: undefined },
  ]);
  expect(await fileSystem.stat("f")).toMatchObject({ size: 4n });
  for (const invalid of [{ denyRequests: ["make-dir"] }, { allowRequests: ["toString"] }, { onRequest: 1 }])
    expect(() => sftpServer(fileSystem, invalid as SftpServerSettings)).toThrow(
      expect.objectContaining({ code: "usage" }),
    );
});

test("sftp: a handle used for what it is not open for · server", async () => {
  const fileSystem = await small();
  const client = await RawClient.start(fileSystem);
  const reader = await client.open("f", READ);
  const writer = await client.open("f", WRITE);
  const copy = { type: "copy-data", readOffset: 0, length: 1, writeOffset: 8 } as const;
  const answers = await Promise.all([
    client.request({ type: "read", handle: writer, offset: 0, length: 4 }),
    client.request({ type: "write", handle: reader, offset: 0, data: path("evil") }),
    client.request({ type: "fsetstat", handle: reader, attributes: { size: 0n } }),
    client.request({ ...copy, readHandle: reader, writeHandle: reader }),
    client.request({ ...copy, readHandle: writer, writeHandle: writer }),
  ]);
  for (const answer of answers) expect(answer).toMatchObject({ type: "status", status: SSH_FX.PERMISSION_DENIED });
  expect(await fileSystem.stat("f")).toMatchObject({ size: 4n });
});

test("sftp: a copy of a file to its own end · server", async () => {
  const fileSystem = await small();
  const client = await RawClient.start(fileSystem);
  const [readHandle, writeHandle] = [await client.open("f", READ), await client.open("f", WRITE)];
  const copy = { type: "copy-data", readHandle, readOffset: 0, length: 0, writeHandle, writeOffset: 4 } as const;
  expect(await client.request(copy)).toMatchObject({ type: "status", status: SSH_FX.OK });
  expect(await fileSystem.stat("f")).toMatchObject({ size: 8n });
  const both = await client.open("f", READ | WRITE);
  expect(await client.request({ ...copy, readHandle: both, writeHandle: both })).toMatchObject({
    type: "status",
    status: SSH_FX.BAD_MESSAGE,
  });
});

test("sftp: the text of a fault · server", async () => {
  const fault = new Error("password=hunter2 in /etc/secret");
  const log: SftpServerLogEvent[] = [];
  const broken = withMethods(await small(), {
    stat: async () => {
      throw fault;
    },
  });
  const client = await RawClient.start(broken, {
    log(event) {
      log.push(event);
      throw new Error("a broken log");
    },
  });
  const answer = await client.request({ type: "stat", path: path("f") });
  expect(answer).toMatchObject({ type: "status", status: SSH_FX.FAILURE, message: "Failure" });
  expect(log).toEqual([{ type: "failed", request: "stat", path: "f", error: fault }]);
});

test("sftp: a flood to a slow file system · server", async () => {
  const answers: (() => void)[] = [];
  const slow = withMethods(await small(), {
    stat: async () => {
      await new Promise<void>((resolve) => answers.push(resolve));
      return {};
    },
  });
  const client = await RawClient.start(slow, { limits: { maxRequests: 16 } });
  await client.request({ type: "lstat", path: path("f") });
  const before = client.consumed;
  expect(before).toBe(client.sent);
  const requests = 64;
  for (let id = 0; id < requests; id++) client.send(packet(encodeRequest(id, { type: "stat", path: path("f") })));
  const { length } = packet(encodeRequest(0, { type: "stat", path: path("f") }));
  expect(answers).toHaveLength(16);
  expect(client.consumed - before).toBeLessThanOrEqual(16 * length);
  // Every request is answered, and all credit returned, once the file system goes on.
  for (let answered = 0; answered < requests; answered++) {
    await expect.poll(() => answers.length, { timeout: 10_000 }).toBeGreaterThan(answered);
    answers[answered]!();
  }
  await expect.poll(() => client.consumed, { timeout: 10_000 }).toBe(client.sent);
  client.close();
  await client.ended;
});

/** Adds the length field. */
function packet(bytes: Uint8Array): Uint8Array {
  const all = new Uint8Array(4 + bytes.length);
  new DataView(all.buffer).setUint32(0, bytes.length);
  all.set(bytes, 4);
  return all;
}
