import { download, type Sftp, SSH_FX, upload } from "@nacre/files";
import { encodeReply, SFTP_EXTENSIONS, SSH_FXF, SSH_FXP } from "@nacre/sftp";
import { FakeChannel } from "@nacre/testing/nacre/fake-channel";
import { MemoryLocalFiles } from "@nacre/testing/nacre/memory-local-files";
import type { MemorySftpOptions } from "@nacre/testing/nacre/memory-sftp";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { sha256sum } from "@nacre/testing/nacre/sha256sum";
import type { MemoryFiles, MemoryNode } from "@nacre/testing/sftp/memory-files";
import { expect, test } from "vitest";
import type { Channel } from "../../../nacre/src/mux/channel.ts";
import { BlockWriter } from "../../src/blocks/block-writer.ts";
import { SftpChannel } from "../../src/channel/sftp-channel.ts";
import { nameProblem } from "../../src/local/names.ts";
import { readAllEntries } from "../../src/remote/directory.ts";
import { partsOf } from "../../src/remote/sftp.ts";
import { TreeBound } from "../../src/remote/tree.ts";
import { partialName } from "../../src/transfer/resume.ts";
import { LocalTarget } from "../../src/transfer/sides/local.ts";
import { RemoteSource, RemoteTarget } from "../../src/transfer/sides/remote.ts";
import { listTarget } from "../../src/transfer/target-listing.ts";
import { Transfer } from "../../src/transfer/transfer.ts";
import { collect } from "../../src/transfer/walk.ts";
import { isSame, openMemorySftp, pattern } from "./support.ts";

// The names of these tests are in packages/testing/src/attacks/rows/sftp.ts.

test("sftp: a listed name that is a path · client", async () => {
  for (const name of ["a/b", "", "/", "../up"]) {
    let isListed = false;
    const { sftp, server } = await openMemorySftp({
      answer({ token, request }, machine) {
        if (request.type !== "readdir" || isListed) return false;
        isListed = true;
        const filename = new TextEncoder().encode(name);
        machine.names(token, [{ filename, longname: new Uint8Array(0), attributes: {} }]);
        return true;
      },
    });
    expect(await failure(sftp.readdir("."))).toEqual(code("malformed-message"));
    await expect.poll(() => server.server.handleCount, { timeout: 10_000 }).toBe(0);
  }
});

/** A server that lists these names in each directory once per opening. `isEnd` stops it. */
function listing(names: readonly string[], permissions: number, isEnd = (): boolean => false): MemorySftpOptions {
  const listed = new Set<unknown>();
  return {
    answer({ token, request }, machine) {
      if (request.type === "stat" && !isEnd()) {
        machine.attributes(token, { permissions: 0o040_755 });
        return true;
      }
      if (request.type === "opendir") {
        machine.handle(token, { node: undefined as never, isAppend: false, unsent: [] });
        return true;
      }
      if (request.type !== "readdir") return false;
      if (listed.has(request.handle) || isEnd()) {
        machine.status(token, SSH_FX.EOF);
        return true;
      }
      listed.add(request.handle);
      machine.names(
        token,
        names.map((name) => ({
          filename: new TextEncoder().encode(name),
          longname: new Uint8Array(0),
          attributes: { permissions, size: 0n },
        })),
      );
      return true;
    },
  };
}

/** Returns the names that a download refuses. */
function problems(names: readonly string[], rules: "posix" | "windows"): string[] {
  return names.filter((name) => nameProblem(name, rules) !== undefined);
}

test("sftp: a downloaded name that leaves its directory · client", async () => {
  const paths = ["", ".", "..", "/", "a/b", "../up", "a\0b"];
  expect(problems(paths, "posix")).toEqual(paths);
  const reserved = ["..\\up", "C:up", "C:", "file:stream", "a*", "a?", "a<b", "a|b", 'a"b', "a\tb", "\\\\host"];
  const trailing = ["dot.", "space ", "...", ". "];
  const devices = ["con", "NUL", "nul.txt", "Aux", "PRN.tar.gz", "COM1", "lpt9.x", "com\u00b9", "CONIN$", "nul .txt"];
  const short = ["PROGRA~1", "progra~1", "A~1", "~1", "LONGNA~1.TXT", "AB12CD~9.c", "FILE~123", "a~1."];
  for (const names of [paths, reserved, trailing, devices, short]) expect(problems(names, "windows")).toEqual(names);
  expect(problems([...reserved, ...trailing, ...devices, ...short], "posix")).toEqual([]);
  const harmless = ["a", ".a", "a.b", "console", "com", "com10", "nulls", " a", "...a"];
  const withTilde = ["a~", "a~b", "notes~1.backup", "long-name~1", "a.b~1", "a.~1~"];
  expect(problems([...harmless, ...withTilde], "windows")).toEqual([]);

  const local = new MemoryLocalFiles("windows");
  const { sftp } = await openMemorySftp(listing(["..\\up", "dot.", "nul", "C:up"], 0o100_644));
  const to = { files: local, path: "/home/copy" };
  const { files, failed } = await download(sftp, "t", to, { recursive: true, onError: "skip" });
  expect(files).toBe(0);
  expect(failed.map(({ error }) => error.code)).toEqual(Array.from({ length: 4 }, () => "file-unwritable"));
  expect(local.tree("/home")).toEqual(["copy/"]);

  // The names of directories that a pattern matches.
  const { sftp: client, server } = await openMemorySftp();
  for (const name of ["C:up", "nul", "d"]) {
    server.files.makeDirectory(`/home/${name}`);
    server.files.open(`/home/${name}/f`, 0x0a);
  }
  const result = await download(client, { glob: "*/f" }, to, { onError: "skip" });
  expect(result.failed.map(({ path, error }) => [path, error.code])).toEqual([
    ["C:up/f", "file-unwritable"],
    ["nul/f", "file-unwritable"],
  ]);
  expect(local.tree("/home")).toEqual(["copy/", "copy/d/", "copy/d/f: "]);
});

test("Windows: names that differ in case only · client", async () => {
  const names = ["a", "A", "d", "\u00e9", "\u00c9", "\u00df", "SS", "\u1fb3", "\u1fbc"];
  const local = new MemoryLocalFiles("windows");
  const { sftp, server } = await openMemorySftp();
  server.files.makeDirectory("/home/t");
  for (const name of names) await sftp.writeFile(`/home/t/${name}`, name);
  for (const name of ["D", "e"]) {
    server.files.makeDirectory(`/home/t/${name}`);
    await sftp.writeFile(`/home/t/${name}/a`, "below");
  }
  const skipping = { recursive: true, onError: "skip" } as const;
  const { failed } = await download(sftp, "/home/t", { files: local, path: "/home/copy" }, skipping);
  expect(failed.map(({ error }) => error.code)).toEqual(Array.from({ length: 4 }, () => "file-unwritable"));
  // Which of two names is listed first is the server's choice.
  const same = failed.map(({ path }) => path.toLowerCase()).toSorted();
  expect(same).toEqual(["a", "d", "\u00e9", "\u1fb3"]);
  expect(failed[0]!.error.message).toMatch(
    /^"[aAdD\u00e9\u00c9\u1fb3\u1fbc]" cannot be written here: on Windows it is the same file as "/,
  );
  const all = { files: new MemoryLocalFiles(), path: "/home/copy" };
  expect((await download(sftp, "/home/t", all, skipping)).failed).toEqual([]);

  // Below directories that a pattern matches, and for names that a filter leaves out.
  const matching = { files: new MemoryLocalFiles("windows"), path: "/home/copy" };
  const { failed: unmatched } = await download(sftp, { glob: "/home/t/*/a" }, matching, { onError: "skip" });
  expect(unmatched).toEqual([]);
  server.files.makeDirectory("/home/t/E");
  await sftp.writeFile("/home/t/E/a", "below");
  const below = await download(sftp, { glob: "/home/t/{e,E}/a" }, matching, { onError: "skip" });
  expect(below.failed).toHaveLength(1);
  const filtered = { files: new MemoryLocalFiles("windows"), path: "/home/copy" };
  const lower = { ...skipping, filter: ({ path }: { path: string }) => path === path.toLowerCase() };
  expect((await download(sftp, "/home/t", filtered, lower)).failed).toEqual([]);
});

test("sftp: a link inside a download that redirects later files · client", async () => {
  // Holding directories open would refuse the link as well, but not every local side can.
  const local: MemoryLocalFiles = Object.assign(new MemoryLocalFiles(), { holdDirectory: undefined });
  const { sftp, server } = await openMemorySftp();
  const to = { files: local, path: "/home/copy" };
  local.files.makeDirectory("/home/other");
  // The first download brings the link, and the second one a directory in its place.
  server.files.makeDirectory("t");
  server.files.symlink("../other", "t/d");
  await download(sftp, "t", to, { recursive: true, symlinks: "keep" });
  expect(local.tree("/home")).toEqual(["copy/", "copy/d -> ../other", "other/"]);
  server.files.remove("t/d", "file");
  server.files.makeDirectory("t/d");
  await sftp.writeFile("t/d/f", "hostile");
  expect(await failure(download(sftp, "t", to, { recursive: true }))).toEqual(code("file-unwritable"));
  expect(local.tree("/home/other")).toEqual([]);
});

test("sftp: a partial file that passes for the whole one · client", async () => {
  let isFailing = false;
  const { sftp, server } = await openMemorySftp({
    answer({ token, request }, machine) {
      if (!isFailing || (request.type !== "read" && request.type !== "write") || request.offset < 1_000_000)
        return false;
      machine.status(token, SSH_FX.FAILURE);
      return true;
    },
  });
  const local = new MemoryLocalFiles();
  for (const files of [local.files, server.files]) {
    files.open("/home/f", 0x0a).data = pattern(3_000_000);
    files.open("/home/old", 0x0a).data = new TextEncoder().encode("old");
  }
  isFailing = true;
  expect(await failure(upload(sftp, { files: local, path: "/home/f" }, "old"))).toMatchObject({ code: "sftp-failure" });
  expect(await failure(download(sftp, "f", { files: local, path: "/home/old" }))).toMatchObject({
    code: "sftp-failure",
  });
  for (const files of [local.files, server.files]) {
    expect([...files.find("/home").entries.keys()]).toEqual(["f", "old"]);
    expect(new TextDecoder().decode(files.find("/home/old").data)).toBe("old");
  }

  // A part of an earlier version of the file, and one with other contents.
  const contents = pattern(300_000);
  for (const [mtimeMs, part] of [
    [1000, contents.slice(0, 100_000)],
    [2000, new Uint8Array(100_000)],
  ] as const) {
    const side = await openMemorySftp({ exec: sha256sum });
    side.server.files.open("/home/f", SSH_FXF.CREAT).data = contents;
    const name = partialName("f", { size: contents.length, mtimeMs })!;
    const target = new MemoryLocalFiles();
    target.files.open(`/home/${name}`, SSH_FXF.CREAT).data = part;
    const result = await download(side.sftp, "f", { files: target, path: "/home/f" }, { resume: true });
    expect(result).toMatchObject({ files: 1, resumed: [] });
    expect(isSame(target.files.find("/home/f").data, contents)).toBe(true);
  }
});

test("sftp: a partial file that another user placed on the server · client", async () => {
  const contents = pattern(300_000);
  const name = partialName("f", { size: contents.length, mtimeMs: 2000 })!;
  const attacks: ((files: MemoryFiles, part: MemoryNode) => void)[] = [
    (_, part) => {
      part.uid = 0;
    },
    (files) => files.hardlink(`/home/${name}`, "/home/precious"),
    () => {},
  ];
  for (const [index, attack] of attacks.entries()) {
    const local = new MemoryLocalFiles();
    local.files.open("/home/f", SSH_FXF.CREAT).data = contents;
    const { sftp, server } = await openMemorySftp({
      answer({ request }) {
        // The last attack puts a link in place of the part while it is opened.
        if (index === 2 && request.type === "open" && request.flags === (SSH_FXF.READ | SSH_FXF.WRITE)) {
          server.files.rename(`/home/${name}`, "/home/part", true);
          server.files.symlink("precious", `/home/${name}`);
        }
        return false;
      },
    });
    const part = server.files.open(`/home/${name}`, SSH_FXF.CREAT);
    part.data = contents.slice(0, 100_000);
    attack(server.files, part);
    if (index === 2) server.files.open("/home/precious", SSH_FXF.CREAT).data = contents.slice(0, 90_000);
    const result = await upload(sftp, { files: local, path: "/home/f" }, "/home/f", { resume: true });
    expect(result).toMatchObject({ files: 1, resumed: [] });
    expect(server.files.find("/home/f")).not.toBe(part);
    const precious = index === 0 ? part : server.files.find("/home/precious");
    expect(precious.data.length).toBe(index === 2 ? 90_000 : 100_000);
    await expect.poll(() => server.server.handleCount, { timeout: 10_000 }).toBe(0);
  }
});

test("sftp: a link that takes the place of a directory before it is opened · client", async () => {
  const local = new MemoryLocalFiles();
  const { sftp, server } = await openMemorySftp();
  server.files.makeDirectory("t");
  server.files.makeDirectory("t/d");
  await sftp.writeFile("t/d/f", "hostile");
  local.files.makeDirectory("/home/other");
  const hold = local.holdDirectory.bind(local);
  local.holdDirectory = (path, follow) => {
    if (path.endsWith("/d")) {
      local.files.remove(path, "directory");
      local.files.symlink("../other", path);
    }
    return hold(path, follow);
  };
  const to = { files: local, path: "/home/copy" };
  expect(await failure(download(sftp, "t", to, { recursive: true }))).toEqual(code("file-unwritable"));
  expect(local.tree("/home")).toEqual(["copy/", "copy/d -> ../other", "other/"]);
  await expect.poll(() => local.openCount, { timeout: 10_000 }).toBe(0);
});

test("sftp: a downloaded file with set-user-ID · client", async () => {
  const { sftp, server } = await openMemorySftp();
  await sftp.writeFile("f", "hostile");
  server.files.find("f").mode = 0o6755;
  const local = new MemoryLocalFiles();
  await download(sftp, "f", { files: local, path: "/home/f" }, { preserve: true });
  expect(local.files.find("/home/f").mode).toBe(0o755);
});

test("sftp: a directory tree without an end · client", async () => {
  let opened = 0;
  const { sftp } = await openMemorySftp(listing(["d"], 0o040_755, () => opened++ > 1200));
  const local = new MemoryLocalFiles();
  expect(await failure(download(sftp, "t", { files: local, path: "/home/copy" }, { recursive: true }))).toEqual(
    code("output-limit"),
  );

  const names = Array.from({ length: 100 }, (_, i) => `link ${i}`);
  const { sftp: wide } = await openMemorySftp(listing(names, 0o120_777));
  const options = { recursive: true, symlinks: "skip", onError: "skip" } as const;
  const run = (most: number): Promise<unknown> =>
    new Transfer(
      new RemoteSource(partsOf(wide).channel),
      new LocalTarget(local),
      { name: "download", options, isOver: () => false },
      { maxRemembered: most },
    ).run("t", "/home/wide");
  expect(await run(100)).toMatchObject({ files: 0, skipped: expect.objectContaining({ length: 100 }) });
  expect(await failure(run(99))).toEqual(code("output-limit"));

  const target = new RemoteTarget(partsOf(wide).channel);
  const context = { call: "upload", path: "t" };
  expect((await listTarget(target, "t", context, 100)).entries.size).toBe(100);
  expect(await failure(listTarget(target, "t", context, 99))).toEqual(code("output-limit"));
  expect(await collect(target.list("t", context), "t", 100)).toHaveLength(100);
  expect(await failure(collect(target.list("t", context), "t", 99))).toEqual(code("output-limit"));
});

test("sftp: a part with the bytes of two files · client", async () => {
  const { sftp, server } = await openMemorySftp({ handles: () => 7 });
  const local = new MemoryLocalFiles();
  local.files.open("/home/f", 0x0a).data = pattern(100_000);
  // The other file stays open, so that no attempt succeeds.
  const held = await sftp.open("held", "w");
  const work = upload(sftp, { files: local, path: "/home/f" }, "g", { resume: true });
  expect(await failure(work)).toEqual(code("sftp-handle-reused"));
  expect([...server.files.find("/home").entries.keys()]).toEqual(["held"]);
  await failure(held.close());
});

test("sftp: a tree without an end, in a call for all of it · client", async () => {
  const calls: readonly ((sftp: Sftp) => Promise<unknown>)[] = [
    (sftp) => sftp.readdir("t", { recursive: true }),
    (sftp) => sftp.rm("t", { recursive: true }),
    (sftp) => sftp.cp("t", "copy", { recursive: true }),
    async (sftp) => {
      for await (const path of sftp.glob("t/**/x")) expect(path).toMatch(/\/x$/);
    },
  ];
  for (const call of calls) {
    let opened = 0;
    const { answer } = listing(["d"], 0o040_755, () => opened++ > 1200);
    const { sftp } = await openMemorySftp({
      answer(event, machine) {
        if (event.request.type !== "lstat") return answer!(event, machine);
        machine.attributes(event.token, { permissions: 0o040_755 });
        return true;
      },
    });
    expect(await failure(call(sftp))).toEqual(code("output-limit"));
    expect(opened).toBeLessThan(1200);
  }

  const long = Array.from({ length: 10 }, (_, i) => `${i}`.repeat(1000));
  const { sftp: listed } = await openMemorySftp(listing(long, 0o100_644));
  const context = { call: "readdir", path: "t" };
  expect(await readAllEntries(partsOf(listed).channel, "t", context, 10, 10_000)).toHaveLength(10);
  expect(await failure(readAllEntries(partsOf(listed).channel, "t", context, 10, 9999))).toEqual(code("output-limit"));

  const bound = new TreeBound({ call: "rm", path: "t" }, 10);
  bound.hold(0, "t", 6);
  bound.release(2);
  bound.hold(1, "t/d", 6);
  expect(() => bound.hold(1, "t/e", 1)).toThrow("more than 10 entries");
});

/** Returns a packet behind its length field. */
function framed(packet: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(4 + packet.length);
  new DataView(frame.buffer).setUint32(0, packet.length);
  frame.set(packet, 4);
  return frame;
}

test("sftp: a limit for writes that a server lowers late · client", async () => {
  const fake = new FakeChannel();
  const channel = new SftpChannel(fake as unknown as Channel, undefined);
  const send = (packet: Uint8Array): void => fake.handler.data(0, framed(packet));
  const ready = channel.start();
  const { name, data } = SFTP_EXTENSIONS.limits;
  const texts = [name, data].flatMap((text) => [...framed(new TextEncoder().encode(text))]);
  send(Uint8Array.from([2, 0, 0, 0, 3, ...texts]));
  await ready;
  const failures: unknown[] = [];
  const source = { room() {}, failed: (error: unknown) => failures.push(error) };
  const writer = new BlockWriter(channel, { handle: Uint8Array.of(1), path: "f" }, source);
  const bytes = pattern(3001);
  // The first byte is sent at once; the others are combined for one write.
  writer.write(bytes.subarray(0, 1));
  writer.write(bytes.subarray(1));
  const limits = { maxPacketLength: 0n, maxReadLength: 0n, maxWriteLength: 1000n, maxOpenHandles: 0n };
  send(encodeReply(0, { type: "limits", limits }));
  const answer = (id: number): void =>
    send(encodeReply(id, { type: "status", status: SSH_FX.OK, message: "", languageTag: "" }));
  answer(1);
  const finished = writer.finish();
  await expect.poll(() => writesOf(fake.written).length, { timeout: 10_000 }).toBe(4);
  for (const { id } of writesOf(fake.written).slice(1)) answer(id);
  await finished;
  expect(writesOf(fake.written).map(({ length }) => length)).toEqual([1, 1000, 1000, 1000]);
  expect([writer.position, failures]).toEqual([3001, []]);
});

/** Returns the requests to write to a handle of one byte, from what a client has sent as latin1. */
function writesOf(sent: string): { readonly id: number; readonly length: number }[] {
  const view = new DataView(Uint8Array.from(sent, (byte) => byte.charCodeAt(0)).buffer);
  const writes = [];
  for (let at = 0; at < view.byteLength; at += 4 + view.getUint32(at))
    if (view.getUint8(at + 4) === SSH_FXP.WRITE)
      writes.push({ id: view.getUint32(at + 5), length: view.getUint32(at + 22) });
  return writes;
}
