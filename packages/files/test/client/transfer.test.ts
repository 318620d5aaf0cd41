import { copy, download, type Sftp, SSH_FX, type TransferProgress, upload } from "@nacre/files";
import { macrotask } from "@nacre/testing/macrotask";
import { MemoryLocalFiles } from "@nacre/testing/nacre/memory-local-files";
import type { MemorySftp, MemorySftpOptions } from "@nacre/testing/nacre/memory-sftp";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { concatBytes, SshError } from "@nacre/wire";
import { FREED_FROM } from "nacre/extend";
import { beforeEach, describe, expect, it } from "vitest";
import { TransferRun } from "../../src/transfer/run.ts";
import { Slots } from "../../src/transfer/sides/slots.ts";
import { isSame, make, openMemorySftp, pattern } from "./support.ts";

let sftp: Sftp;
let server: MemorySftp;
let local: MemoryLocalFiles;
/** Shows the files of the server as `tree` shows local ones. */
let remote: MemoryLocalFiles;

async function open(options: MemorySftpOptions = {}): Promise<void> {
  ({ sftp, server } = await openMemorySftp(options));
  local = new MemoryLocalFiles();
  remote = new MemoryLocalFiles();
  Object.assign(remote, { files: server.files });
}

beforeEach(() => open());

const here = (path: string) => ({ files: local, path });

const TREE = { "/home/t/": "", "/home/t/a": "one", "/home/t/d/": "", "/home/t/d/e/": "", "/home/t/d/b": "two" };
const COPIED = ["a: one", "d/", "d/b: two", "d/e/"];

async function* one(): AsyncIterable<Uint8Array> {
  yield new TextEncoder().encode("one");
}

/** Expects that nothing is open on either side. */
async function expectClosed(): Promise<void> {
  await expect.poll(() => [local.openCount, server.server.handleCount], { timeout: 10_000 }).toEqual([0, 0]);
}

describe("copy", () => {
  it.each([
    ["t", "t"],
    ["t", "t/d/e"],
    ["t/a", "t/../t/a"],
  ])("refuses to copy %s to %s of the same server, and changes nothing", async (from, to) => {
    make(server.files, TREE);
    const error = await failure(copy(sftp, from, sftp, to, { recursive: true }));
    expect(error).toMatchObject({
      code: "usage",
      message: `copy "${from}": "${to}" is the same file or lies below it; choose another target`,
    });
    expect(remote.tree("/home/t")).toEqual(COPIED);
  });

  it("copies to another path of the same server", async () => {
    make(server.files, TREE);
    expect(await copy(sftp, "t", sftp, "t2", { recursive: true })).toMatchObject({ files: 2 });
    expect(remote.tree("/home/t2")).toEqual(COPIED);
  });
});

describe("upload", () => {
  it("makes missing parents of the target with `parents`", async () => {
    make(local.files, TREE);
    make(server.files, { "/home/x/": "" });
    await upload(sftp, here("/home/t"), "x/y/z", { recursive: true, parents: true });
    expect(remote.tree("/home/x/y/z")).toEqual(COPIED);
    await upload(sftp, here("/home/t/a"), "/home/p/q/a", { parents: true });
    await upload(sftp, { files: local, glob: "/home/t/a*" }, "g/h", { parents: true });
    await upload(sftp, one(), "s/stream", { parents: true });
    await upload(sftp, here("/home/t/a"), "alone", { parents: true });
    for (const path of ["/home/p/q", "/home/g/h"]) expect(remote.tree(path)).toEqual(["a: one"]);
    expect(remote.tree("/home/s")).toEqual(["stream: one"]);
    await expectClosed();
  });

  it("needs the parent of the target without `parents`", async () => {
    make(local.files, TREE);
    for (const parents of [false, undefined])
      expect(await failure(upload(sftp, here("/home/t/a"), "x/y/a", { parents }))).toMatchObject({
        status: SSH_FX.NO_SUCH_FILE,
        message: `upload "x/y/a": no such file; make its directory "x/y" first`,
      });
    expect(await failure(upload(sftp, here("/home/t"), "x/t", { recursive: true }))).toMatchObject({
      message: 'upload "x/t": no such file; make its directory "x" first',
    });
    make(server.files, TREE);
    expect(await failure(copy(sftp, "t/a", sftp, "x/a"))).toMatchObject({
      message: 'copy "x/a": no such file; make its directory "x" first',
    });
    expect(await failure(upload(sftp, here("/home/t/a"), "x/a", { parents: 1 as never }))).toEqual(code("usage"));
  });

  it("fails if a parent is a file, and `download` has no `parents`", async () => {
    make(local.files, TREE);
    make(server.files, { "/home/f": "" });
    expect(await failure(upload(sftp, here("/home/t/a"), "f/d/a", { parents: true }))).toMatchObject({
      name: "SftpError",
    });
    expect(await failure(download(sftp, "f", here("/home/f"), { parents: true } as object))).toEqual(code("usage"));
  });

  it("copies a tree, with empty directories, and says what it moved", async () => {
    make(local.files, TREE);
    expect(await upload(sftp, here("/home/t"), "copy", { recursive: true })).toEqual({
      files: 2,
      directories: 3,
      links: 0,
      bytes: 6,
      unchanged: 0,
      resumed: [],
      verified: 0,
      unverified: [],
      unset: [],
      deleted: [],
      skipped: [],
      failed: [],
    });
    expect(remote.tree("/home/copy")).toEqual(COPIED);
    await expectClosed();
  });

  it.each([0, 1, 65_535, 65_536, 524_288, 3_000_001])("copies a file of %i bytes", async (length) => {
    make(local.files, { "/home/f": "" });
    local.files.find("/home/f").data = pattern(length);
    expect(await upload(sftp, here("/home/f"), "g")).toMatchObject({ files: 1, bytes: length });
    expect(isSame(server.files.find("g").data, pattern(length))).toBe(true);
    expect([...server.files.find("/home").entries.keys()]).toEqual(["g"]);
    await expectClosed();
  });

  it("keeps links by default, and makes them after everything else", async () => {
    make(local.files, TREE);
    local.files.symlink("d/b", "/home/t/l");
    expect(await upload(sftp, here("/home/t"), "copy", { recursive: true })).toMatchObject({ links: 1 });
    expect(remote.tree("/home/copy")).toEqual([...COPIED, "l -> d/b"]);
    expect(server.requests.lastIndexOf("write")).toBeLessThan(server.requests.indexOf("symlink"));
  });

  it("replaces a file in one step, and a link rather than its target", async () => {
    make(server.files, { "/home/g": "old", "/home/other": "other" });
    server.files.symlink("other", "/home/l");
    make(local.files, { "/home/f": "new" });
    await upload(sftp, here("/home/f"), "g");
    await upload(sftp, here("/home/f"), "l");
    expect(remote.tree("/home")).toEqual(["g: new", "l: new", "other: other"]);
  });

  it("replaces a file on a server without posix-rename", async () => {
    await open({ extensions: [] });
    make(server.files, { "/home/g": "old" });
    make(local.files, { "/home/f": "new" });
    await upload(sftp, here("/home/f"), "g");
    expect(remote.tree("/home")).toEqual(["g: new"]);
  });

  it("writes through no link in place of a directory of the tree", async () => {
    make(server.files, { "/home/copy/": "", "/home/other/": "" });
    server.files.symlink("../other", "/home/copy/d");
    make(local.files, TREE);
    const error = await failure(upload(sftp, here("/home/t"), "copy", { recursive: true }));
    expect(error).toEqual(code("sftp-failure"));
    expect(error).toMatchObject({
      message: expect.stringContaining("is a symbolic link"),
      cause: { name: "SftpError" },
    });
    expect(remote.tree("/home/other")).toEqual([]);
  });
});

describe("download", () => {
  it("copies a tree into an existing directory", async () => {
    make(server.files, TREE);
    make(local.files, { "/home/copy/": "", "/home/copy/mine": "kept", "/home/copy/a": "old" });
    expect(await download(sftp, "t", here("/home/copy"), { recursive: true })).toEqual({
      files: 2,
      directories: 3,
      links: 0,
      bytes: 6,
      unchanged: 0,
      resumed: [],
      verified: 0,
      unverified: [],
      unset: [],
      deleted: [],
      skipped: [],
      failed: [],
    });
    expect(local.tree("/home/copy")).toEqual([...COPIED, "mine: kept"]);
    await expectClosed();
  });

  it.each([0, 1, 261_120, 3_000_001])("copies a file of %i bytes", async (length) => {
    await sftp.writeFile("f", pattern(length));
    expect(await download(sftp, "f", here("/home/g"))).toMatchObject({ files: 1, bytes: length });
    expect(isSame(local.files.find("/home/g").data, pattern(length))).toBe(true);
    expect([...local.files.find("/home").entries.keys()]).toEqual(["g"]);
    await expectClosed();
  });

  it("writes the packets of the channel without a copy", async () => {
    await sftp.writeFile("f", pattern(300_000));
    /** Bytes around the pieces in their buffers. */
    const around: number[] = [];
    const written: Uint8Array[] = [];
    const create = local.create.bind(local);
    local.create = async (path, mode) => {
      const file = await create(path, mode);
      return {
        ...file,
        async write(pieces, position) {
          around.push(...pieces.map(({ buffer, length }) => buffer.byteLength - length));
          written.push(...pieces);
          await file.write(pieces, position);
        },
      };
    };
    await download(sftp, "f", here("/home/g"));
    // The first piece of a block follows the header of the reply.
    expect(around.filter((bytes) => bytes === 13)).not.toHaveLength(0);
    // Their memory is freed then.
    expect(written.every(({ buffer }) => buffer.byteLength < FREED_FROM)).toBe(true);
    expect(isSame(local.files.find("/home/g").data, pattern(300_000))).toBe(true);
  });

  it("copies the pieces of a file together for a function", async () => {
    const bytes = pattern(3_000_001);
    await sftp.writeFile("f", bytes);
    const found: Uint8Array[] = [];
    const sink = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
      for await (const chunk of chunks) found.push(chunk.slice());
    };
    await download(sftp, "f", sink);
    expect(isSame(concatBytes(...found), bytes)).toBe(true);
  });

  it("does not wait for a function after an abort, and closes the file once it goes on", async () => {
    await sftp.writeFile("f", pattern(300_000));
    const abort = new AbortController();
    let goOn: (() => void) | undefined;
    const sink = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
      for await (const _ of chunks) {
        abort.abort();
        await new Promise<void>((resolve) => {
          goOn = resolve;
        });
        break;
      }
    };
    expect(await failure(download(sftp, "f", sink, { signal: abort.signal }))).toEqual(code("aborted"));
    goOn!();
    await expectClosed();
  });

  it("puts a file together from pieces that arrive late, short and in any order", async () => {
    const bytes = pattern(1_500_000);
    const held: (() => void)[] = [];
    await open({
      answer({ token, request }, machine) {
        if (request.type !== "read") return false;
        const { offset, length } = request;
        const most = Math.min(length, 1 + ((offset * 7919) % (2 * length)));
        const part = bytes.subarray(offset, offset + most);
        held.push(() => (part.length === 0 ? machine.status(token, SSH_FX.EOF) : machine.data(token, part)));
        setTimeout(() => {
          for (const answer of held.splice(0).toReversed()) answer();
          server.flush();
        });
        return true;
      },
    });
    await sftp.writeFile("f", bytes);
    await download(sftp, "f", here("/home/g"));
    expect(isSame(local.files.find("/home/g").data, bytes)).toBe(true);
    await expectClosed();
  });

  it("leaves out links by default, and keeps or follows them if asked to", async () => {
    make(server.files, TREE);
    server.files.symlink("d", "/home/t/l");
    expect(await download(sftp, "t", here("/home/1"), { recursive: true })).toMatchObject({
      skipped: [{ path: "l", reason: "link" }],
    });
    expect(local.tree("/home/1")).toEqual(COPIED);
    await download(sftp, "t", here("/home/2"), { recursive: true, symlinks: "keep" });
    expect(local.tree("/home/2")).toEqual([...COPIED, "l -> d"]);
    await download(sftp, "t", here("/home/3"), { recursive: true, symlinks: "follow" });
    expect(local.tree("/home/3")).toEqual([...COPIED, "l/", "l/b: two", "l/e/"]);
  });

  it("ends at a link that leads back to a directory above it", async () => {
    make(server.files, TREE);
    server.files.symlink("..", "/home/t/d/up");
    const options = { recursive: true, symlinks: "follow", onError: "skip" } as const;
    expect(await download(sftp, "t", here("/home/1"), options)).toMatchObject({
      files: 2,
      failed: [{ path: "d/up", error: code("usage") }],
    });
    expect(local.tree("/home/1")).toEqual(COPIED);
  });

  it("makes a file of which the server states no permissions like any new one", async () => {
    await open({
      answer({ token, request }, machine) {
        if (request.type !== "stat") return false;
        machine.attributes(token, { size: 3n });
        return true;
      },
    });
    make(server.files, { "/home/f": "one" });
    await download(sftp, "f", here("/home/f"), { preserve: true });
    await (await local.create("/home/new", undefined)).close();
    expect(local.files.find("/home/f").mode).toBe(local.files.find("/home/new").mode);
  });

  it("leaves out pipes, devices and sockets", async () => {
    await open({
      answer({ token, request }, machine) {
        if (request.type !== "readdir" || request.handle.unsent.splice(0).length === 0) return false;
        const names = ["pipe", "device", "socket"].map((name, at) => ({
          filename: new TextEncoder().encode(name),
          longname: new Uint8Array(0),
          attributes: { permissions: [0o010_644, 0o020_644, 0o140_644][at]! },
        }));
        machine.names(token, names);
        return true;
      },
    });
    make(server.files, { "/home/t/": "", "/home/t/a": "" });
    const { files, skipped, failed } = await download(sftp, "t", here("/home/copy"), { recursive: true });
    expect([files, failed]).toEqual([0, []]);
    expect(skipped).toEqual(["pipe", "device", "socket"].map((path) => ({ path, reason: "special" })));
    expect(local.tree("/home/copy")).toEqual([]);
  });

  it("asks for attributes that the listing lacks", async () => {
    await open({
      answer({ token, request }, machine) {
        if (request.type !== "readdir" || request.handle.unsent.length === 0) return false;
        const names = request.handle.unsent.splice(0);
        machine.names(
          token,
          names.map((name) => ({
            filename: new TextEncoder().encode(name),
            longname: new Uint8Array(0),
            attributes: {},
          })),
        );
        return true;
      },
    });
    make(server.files, TREE);
    await download(sftp, "t", here("/home/copy"), { recursive: true });
    expect(local.tree("/home/copy")).toEqual(COPIED);
  });
});

describe("an upload", () => {
  it("reads a file to its end if it has grown since it was listed", async () => {
    for (const size of [5000, 50_000, 100_000]) {
      await open();
      make(local.files, { "/home/f": "" });
      local.files.find("/home/f").data = pattern(300_000);
      const stat = local.stat.bind(local);
      local.stat = async (path) => ({ ...(await stat(path)), size });
      await upload(sftp, here("/home/f"), "g");
      expect(isSame(server.files.find("g").data, pattern(300_000))).toBe(true);
    }
  });

  it("reads a file that states too small a size in few reads, and to its end if they are short", async () => {
    await open();
    make(local.files, { "/home/f": "" });
    local.files.find("/home/f").data = pattern(300_000);
    local.stat = async () => ({ type: "file", size: 0, mode: 0o444, atimeMs: 0, mtimeMs: 0 });
    let reads = 0;
    const openFile = local.open.bind(local);
    // The files of /proc give a few pages at once.
    local.open = async (path, follow) => {
      const file = await openFile(path, follow);
      const read = (buffer: Uint8Array, position: number): Promise<number> => {
        reads++;
        return file.read(buffer.subarray(0, 16_384), position);
      };
      return { read, close: () => file.close() };
    };
    await upload(sftp, here("/home/f"), "g");
    expect(isSame(server.files.find("g").data, pattern(300_000))).toBe(true);
    expect(reads).toBeLessThan(25);
  });
});

describe("both directions", () => {
  const directions = [
    ["upload", () => local, () => remote, (options: object) => upload(sftp, here("/home/t"), "copy", options)],
    ["download", () => remote, () => local, (options: object) => download(sftp, "t", here("/home/copy"), options)],
  ] as const;

  it.each(directions)("%s preserves permission bits and times of files and directories", async (_, from, to, run) => {
    make(from().files, TREE);
    Object.assign(from().files.find("/home/t/a"), { mode: 0o754, atime: 1000, mtime: 2000 });
    Object.assign(from().files.find("/home/t/d"), { mode: 0o500, atime: 3000, mtime: 4000 });
    await run({ recursive: true, preserve: true });
    expect(to().files.find("/home/copy/a")).toMatchObject({ mode: 0o754, atime: 1000, mtime: 2000 });
    expect(to().files.find("/home/copy/d")).toMatchObject({ mode: 0o500, atime: 3000, mtime: 4000 });
  });

  it.each(directions)(
    "%s gives new files and directories the mode of their source less the umask",
    async (...direction) => {
      const [, from, to, run] = direction;
      make(from().files, TREE);
      from().files.find("/home/t/a").mode = 0o777;
      from().files.find("/home/t/d").mode = 0o500;
      await run({ recursive: true });
      expect(to().files.find("/home/copy/a")).toMatchObject({ mode: 0o755, mtime: 2 });
      expect(to().files.find("/home/copy/d").mode).toBe(0o700);
    },
  );

  it.each(directions)("%s leaves out what the filter refuses, with everything below", async (_, from, to, run) => {
    make(from().files, TREE);
    const seen: unknown[] = [];
    const filter = async (entry: { readonly path: string }): Promise<boolean> => {
      seen.push(entry);
      return entry.path !== "d";
    };
    expect(await run({ recursive: true, filter })).toMatchObject({ skipped: [{ path: "d", reason: "filter" }] });
    expect(seen).toEqual([
      { path: "a", type: "file", size: 3 },
      { path: "d", type: "directory", size: 0 },
    ]);
    expect(to().tree("/home/copy")).toEqual(["a: one"]);
  });

  it.each(directions)("%s follows a link as its target, unless `followTarget` is false", async (...direction) => {
    const [, from, to, run] = direction;
    make(from().files, TREE);
    make(to().files, { "/home/other/": "" });
    to().files.symlink("other", "/home/copy");
    const options = { recursive: true, followTarget: false } as const;
    expect(await failure(run({ recursive: true, followTarget: "no" as never }))).toEqual(code("usage"));
    for (const isHeld of [true, false]) {
      if (!isHeld) Object.assign(local, { holdDirectory: undefined });
      const error = await failure(run(options));
      expect(error).toMatchObject({ message: expect.stringMatching(/copy.* is a symbolic link/) });
      expect(to().tree("/home/other")).toEqual([]);
    }
    await run({ recursive: true });
    expect(to().tree("/home/other")).toEqual(COPIED);
    // The option has no effect on a new directory, nor on an existing one.
    to().files.remove("/home/copy", "file");
    await run(options);
    await run(options);
    expect(to().tree("/home/copy")).toEqual(COPIED);
    await expectClosed();
  });

  it.each(directions)("%s reports progress up to the totals", async (_, from, __, run) => {
    make(from().files, TREE);
    const reports: TransferProgress[] = [];
    await run({ recursive: true, onProgress: (progress: TransferProgress) => reports.push(progress) });
    expect(reports.at(-1)).toMatchObject({ bytes: 6, files: 2, totalBytes: 6, totalFiles: 2 });
    expect(reports.map(({ bytes }) => bytes)).toEqual(reports.map(({ bytes }) => bytes).toSorted((a, b) => a - b));
    expect(new Set(reports.map(({ path }) => path))).toEqual(new Set(["a", "d/b"]));
  });

  it.each(directions)("%s ends with the exception of a callback, even with `skip`", async (_, from, __, run) => {
    make(from().files, TREE);
    const bug = new Error("bug");
    const throws = (): never => {
      throw bug;
    };
    expect(await failure(run({ recursive: true, onError: "skip", onProgress: throws }))).toBe(bug);
    expect(await failure(run({ recursive: true, onError: "skip", filter: throws }))).toBe(bug);
    await expectClosed();
  });

  it.each(directions)(
    "%s moves as many files at once as `concurrency` and the server allow, or 128",
    async (_, from, __, run) => {
      let most = 0;
      let expected = 3;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const held: (() => void)[] = [];
      const answerAll = (): void => {
        most = Math.max(most, held.length);
        for (const answer of held.splice(0)) answer();
        server.flush();
      };
      await open({
        answer({ token, request }, machine) {
          if (request.type !== "open") return false;
          const { path, flags } = request;
          held.push(() => {
            const node = server.files.open(new TextDecoder().decode(path), flags);
            machine.handle(token, { node, isAppend: false, unsent: [] });
          });
          clearTimeout(timer);
          // Waits for more than are expected, and long for the last ones, which are fewer.
          timer = setTimeout(answerAll, held.length >= expected ? 5 : 300);
          return true;
        },
      });
      make(from().files, { "/home/t/": "" });
      for (let i = 0; i < 200; i++) make(from().files, { [`/home/t/${i}`]: "x" });
      expect(await run({ recursive: true, concurrency: 3 })).toMatchObject({ files: 200 });
      expect(most).toBe(3);
      expected = 128;
      expect(await run({ recursive: true })).toMatchObject({ files: 200 });
      expect(most).toBe(128);
      await expectClosed();
    },
  );

  it.each(directions)("%s refuses a directory without `recursive`, and a missing source", async (_, from, to, run) => {
    make(from().files, TREE);
    expect(await failure(run({}))).toEqual(code("usage"));
    expect(to().tree("/home")).toEqual([]);
    from().files.find("/home").entries.clear();
    expect(await failure(run({ recursive: true }))).toBeInstanceOf(SshError);
  });

  it.each(directions)("%s with an aborted signal moves nothing", async (_, from, to, run) => {
    make(from().files, TREE);
    const reason = new Error("no");
    expect(await failure(run({ recursive: true, signal: AbortSignal.abort(reason) }))).toMatchObject({
      code: "aborted",
      cause: reason,
    });
    expect(to().tree("/home")).toEqual([]);
  });

  it.each(directions)("%s that is aborted does not wait for the filter", async (_, from, __, run) => {
    make(from().files, TREE);
    const abort = new AbortController();
    const filter = (): Promise<boolean> => {
      abort.abort();
      return new Promise(() => {});
    };
    expect(await failure(run({ recursive: true, filter, signal: abort.signal }))).toEqual(code("aborted"));
    await expectClosed();
  });

  it.each(directions)("%s that is aborted in the middle of a file leaves nothing of it", async (_, from, to, run) => {
    make(from().files, { "/home/t": "" });
    make(to().files, { "/home/copy": "old" });
    from().files.find("/home/t").data = pattern(8_000_000);
    const abort = new AbortController();
    const onProgress = ({ bytes }: TransferProgress): void => {
      if (bytes > 1_000_000) abort.abort();
    };
    expect(await failure(run({ signal: abort.signal, onProgress }))).toEqual(code("aborted"));
    expect(to().tree("/home")).toEqual(["copy: old"]);
    await expectClosed();
  });

  it.each([
    [{ recursiv: true }, "recursive"],
    [{ concurrency: 0 }, "concurrency"],
    [{ concurrency: 129 }, "concurrency"],
    [{ concurrency: 1.5 }, "concurrency"],
    [{ symlinks: "copy" }, "symlinks"],
    [{ onError: "ignore" }, "onError"],
    [{ filter: "*.js" }, "filter"],
    [{ onFile: "print" }, "onFile"],
    [{ maxFiles: -1 }, "maxFiles"],
    [{ maxGrowth: 0.5 }, "maxGrowth"],
    [{ signal: new AbortController() }, "signal"],
  ])("rejects the options %j", async (options, name) => {
    for (const [, , , run] of directions) {
      const error = await failure(run(options));
      expect(error).toEqual(code("usage"));
      expect((error as Error).message).toContain(name);
    }
  });
});

/** Refuses to open the file "b", also under its temporary name. */
const refusing = (): MemorySftpOptions => ({
  answer({ token, request }, machine) {
    if (request.type !== "open" || !/[/.]b(?:\.|$)/.test(new TextDecoder().decode(request.path))) return false;
    machine.status(token, SSH_FX.PERMISSION_DENIED);
    return true;
  },
});

describe("failures", () => {
  it("end the transfer with the first error by default", async () => {
    await open(refusing());
    make(local.files, TREE);
    expect(await failure(upload(sftp, here("/home/t"), "copy", { recursive: true }))).toMatchObject({
      code: "sftp-permission-denied",
    });
    expect(remote.tree("/home/copy").filter((path) => path.includes("nacre"))).toEqual([]);
    await expectClosed();
  });

  it("concern only their file with `skip`, and are in the result", async () => {
    await open(refusing());
    make(local.files, TREE);
    make(server.files, TREE);
    const options = { recursive: true, onError: "skip" } as const;
    const expected = { files: 1, failed: [{ path: "d/b", error: { code: "sftp-permission-denied" } }] };
    expect(await upload(sftp, here("/home/t"), "copy", options)).toMatchObject(expected);
    expect(await download(sftp, "t", here("/home/copy"), options)).toMatchObject(expected);
    expect(remote.tree("/home/copy")).toEqual(["a: one", "d/", "d/e/"]);
    expect(local.tree("/home/copy")).toEqual(["a: one", "d/", "d/e/"]);
    await expectClosed();
  });

  it("of a full disk leave the old file and no temporary one", async () => {
    await sftp.writeFile("f", pattern(2_000_000));
    make(local.files, { "/home/g": "old" });
    local.capacity = 1_000_000;
    expect(await failure(download(sftp, "f", here("/home/g")))).toEqual(code("file-unwritable"));
    expect(local.tree("/home")).toEqual(["g: old"]);
    await expectClosed();
  });

  it("of the connection end the transfer even with `skip`", async () => {
    make(server.files, TREE);
    const lost = new SshError("connection-lost", "lost");
    const onProgress = (): void => server.lose(lost);
    const options = { recursive: true, onError: "skip", onProgress } as const;
    expect(await failure(download(sftp, "t", here("/home/copy"), options))).toMatchObject({ code: "connection-lost" });
    expect(local.tree("/home/copy").filter((path) => path.includes("nacre"))).toEqual([]);
    await expect.poll(() => local.openCount, { timeout: 10_000 }).toBe(0);
  });

  it("include links in place of which there is a directory", async () => {
    make(server.files, TREE);
    server.files.symlink("a", "/home/t/l");
    make(local.files, { "/home/copy/": "", "/home/copy/l/": "", "/home/copy/l/mine": "kept" });
    const options = { recursive: true, symlinks: "keep", onError: "skip" } as const;
    expect(await download(sftp, "t", here("/home/copy"), options)).toMatchObject({
      links: 0,
      failed: [{ path: "l", error: code("file-unwritable") }],
    });
    expect(local.tree("/home/copy")).toEqual([...COPIED, "l/", "l/mine: kept"]);
  });

  it("do not wait for the removal of a temporary file on a server that does not answer", async () => {
    await open({ answer: ({ request }) => request.type === "write" || request.type === "remove" });
    make(local.files, { "/home/f": "new" });
    const abort = new AbortController();
    const uploading = upload(sftp, here("/home/f"), "g", { signal: abort.signal });
    await expect.poll(() => server.requests, { timeout: 10_000 }).toContain("write");
    abort.abort();
    expect(await failure(uploading)).toEqual(code("aborted"));
    expect(server.requests).toContain("remove");
  });
});

describe("after a transfer has failed", () => {
  it("nothing else is tried", async () => {
    const run = new TransferRun({ options: {}, name: "download", isOver: () => false, maxRemembered: 10 });
    const tried: string[] = [];
    const attempt = (path: string): Promise<void> => run.attempt(path, async () => void tried.push(path));
    await attempt("a");
    run.end(new SshError("aborted", "enough"));
    await attempt("b");
    expect(tried).toEqual(["a"]);
    expect(() => run.throwFailure()).toThrow("enough");
  });

  it("no progress is reported", async () => {
    make(local.files, { "/home/t/": "", "/home/t/a": "one", "/home/t/b": "two" });
    const abort = new AbortController();
    let reports = 0;
    let reported!: () => void;
    const moved = new Promise<void>((resolve) => {
      reported = resolve;
    });
    const onProgress = (): void => {
      reports++;
      reported();
    };
    const filter = async ({ path }: { readonly path: string }): Promise<boolean> => {
      if (path === "a") return true;
      await moved;
      await macrotask();
      reports = 0;
      abort.abort();
      return true;
    };
    const work = upload(sftp, here("/home/t"), "copy", { recursive: true, onProgress, filter, signal: abort.signal });
    expect(await failure(work)).toEqual(code("aborted"));
    expect(reports).toBe(0);
  });
});

/** Makes a directory with this number of others, each in the one before. */
function makeNested(side: MemoryLocalFiles, depth: number): void {
  for (let i = 0, path = "/home/t"; i <= depth; i++, path += "/d") make(side.files, { [`${path}/`]: "" });
}

describe("bounds", () => {
  it("of 0 allow no file, and no byte more than stated", async () => {
    make(local.files, { "/home/f": "one" });
    expect(await failure(upload(sftp, here("/home/f"), "f", { maxFiles: 0 }))).toEqual(code("output-limit"));
    expect(await upload(sftp, here("/home/f"), "f", { maxGrowth: 0 })).toMatchObject({ files: 1 });
  });

  it("allow 256 nested directories", async () => {
    makeNested(remote, 256);
    expect(await download(sftp, "t", here("/home/copy"), { recursive: true })).toMatchObject({ directories: 257 });
    await open();
    makeNested(remote, 257);
    expect(await failure(download(sftp, "t", here("/home/copy"), { recursive: true }))).toEqual(code("output-limit"));
  });
});

describe("the number of files moved at once", () => {
  it.each([
    [undefined, 2, 2],
    [3, 10, 3],
    [3, 2, 3],
    [3, 1, 1],
  ])("with concurrency %s and a default of %i is %i", (concurrency, most, expected) => {
    const slots = new Slots(concurrency, () => most);
    for (let i = 0; i < expected; i++) expect(slots.take(1)).toBeUndefined();
    expect(slots.take(1)).toBeInstanceOf(Promise);
  });
});

describe("long files", () => {
  it("share 64 MiB, and one alone may be longer", async () => {
    const slots = new Slots(undefined, () => 64);
    const MIB = 1024 * 1024;
    expect([slots.take(40 * MIB), slots.take(24 * MIB)]).toEqual([undefined, undefined]);
    let isTaken = false;
    const third = slots.take(1)?.then(() => {
      isTaken = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(isTaken).toBe(false);
    slots.release(24 * MIB);
    await third;
    expect(isTaken).toBe(true);
    for (const size of [40 * MIB, 1]) slots.release(size);
    expect(slots.take(1000 * MIB)).toBeUndefined();
    expect(slots.take(1)).toBeInstanceOf(Promise);
  });
});
