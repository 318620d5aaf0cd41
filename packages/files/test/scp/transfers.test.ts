import type { TransferProgress, TransferResult, TransferredFile } from "@nacre/files";
import { downloadScp, type ScpOptions, uploadScp } from "@nacre/files/scp";
import { type FileSystem, FileSystemError, memoryFileSystem } from "@nacre/files/server";
import { MemoryLocalFiles } from "@nacre/testing/nacre/memory-local-files";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { describe, expect, it } from "vitest";
import { isSame, pattern } from "../client/support.ts";
import { counted, withMethods } from "../server/support.ts";
import { get, openScp, openScript, put, tree } from "./support.ts";

const CREATE = 0x0a;

/** A local side with a tree in `/home/t`. */
function localTree(): MemoryLocalFiles {
  const local = new MemoryLocalFiles();
  for (const directory of ["t", "t/sub", "t/sub/deep", "t/empty"]) local.files.makeDirectory(`/home/${directory}`);
  for (const [path, content] of Object.entries({
    "t/a": "A",
    "t/sub/b b": "B",
    "t/sub/deep/é'\"$(x)": "",
    "t/zero": "",
  }))
    local.files.open(`/home/${path}`, CREATE).data = new TextEncoder().encode(content);
  return local;
}

const TREE = ["a: A", "empty/", "sub/", "sub/b b: B", "sub/deep/", "sub/deep/é'\"$(x): ", "zero: "];

/** Result of a transfer that moved nothing. */
const NOTHING: TransferResult = {
  files: 0,
  directories: 0,
  links: 0,
  bytes: 0,
  unchanged: 0,
  resumed: [],
  verified: 0,
  unverified: [],
  unset: [],
  deleted: [],
  skipped: [],
  failed: [],
};

describe("an upload with scp", () => {
  it("names a local file of Windows as it is typed", async () => {
    const { ssh } = await openScp(memoryFileSystem());
    const local = new MemoryLocalFiles("windows");
    local.files.makeDirectory("/home/C:\\a\\b");
    const uploading = uploadScp(ssh, { files: local, path: "/home/C:\\a\\b" }, "f");
    await expect(uploading).rejects.toThrow('upload "/home/C:\\a\\b": it is a directory');
  });

  it("uses the files of the login", async () => {
    const [memory, hers] = [memoryFileSystem(), memoryFileSystem()];
    const forLogin = (login: string): FileSystem => (login.startsWith('["alice",') ? hers : memory);
    const { ssh } = await openScp(withMethods(memory, { forLogin }));
    await uploadScp(ssh, { files: localTree(), path: "/home/t/a" }, "f");
    expect(await tree(hers, "/")).toEqual(["f: A"]);
    await expect(memory.stat("f")).rejects.toThrow("ENOENT");
  });

  it("copies a file to exactly the given path, in pieces of any size", async () => {
    const files = counted();
    const { ssh } = await openScp(files.fileSystem);
    const local = new MemoryLocalFiles();
    const data = pattern(3_000_017);
    local.files.open("/home/f", CREATE).data = data;
    const result = await uploadScp(ssh, { files: local, path: "/home/f" }, "/copy of 'f'");
    expect(result).toEqual({ ...NOTHING, files: 1, bytes: data.length });
    expect(isSame(await get(files.fileSystem, "/copy of 'f'"), data)).toBe(true);
    expect(await tree(files.fileSystem, "/")).toHaveLength(1);
    expect([local.openCount, files.open()]).toEqual([0, 0]);
  });

  it("copies a tree, and merges it with an existing one", async () => {
    const files = memoryFileSystem();
    const { ssh } = await openScp(files);
    const local = localTree();
    const options = { recursive: true } as const;
    const result = await uploadScp(ssh, { files: local, path: "/home/t" }, "copy", options);
    expect(result).toMatchObject({ files: 4, directories: 4, bytes: 2, skipped: [], failed: [] });
    expect(await tree(files, "/copy")).toEqual(TREE.toSorted());
    await put(files, "/copy/own", "server");
    local.files.find("/home/t/a").data = new TextEncoder().encode("changed");
    await uploadScp(ssh, { files: local, path: "/home/t" }, "copy", options);
    expect(await tree(files, "/copy")).toEqual(["a: changed", ...TREE.slice(1), "own: server"].toSorted());
    // The entries of a directory go into an existing one, if the path has no name.
    await uploadScp(ssh, { files: local, path: "/home/t/sub" }, ".", options);
    expect(await get(files, "/b b")).toHaveLength(1);
  });

  it("keeps the old file of a file system that renames to new names only and refuses the new file", async () => {
    for (const refuses of [true, false]) {
      const files = memoryFileSystem();
      let renames = 0;
      const rename: FileSystem["rename"] = async (from, to) => {
        if (refuses && ++renames === 3) throw new FileSystemError("EIO");
        await files.rename(from, to);
      };
      const { ssh } = await openScp(withMethods(files, { posixRename: undefined, rename }));
      await put(files, "/f", "old");
      const work = uploadScp(ssh, { files: localTree(), path: "/home/t/a" }, "f");
      if (refuses) expect(await failure(work)).toEqual(code("scp-failure"));
      else await work;
      expect(await tree(files, "/")).toEqual([refuses ? "f: old" : "f: A"]);
    }
  });

  it("keeps times and modes with `preserve`, without set-user-ID", async () => {
    const files = memoryFileSystem();
    const { ssh } = await openScp(files);
    const local = localTree();
    Object.assign(local.files.find("/home/t/a"), { mode: 0o6751, mtime: 1_500_000_000.7, atime: 1_500_000_001 });
    Object.assign(local.files.find("/home/t/sub"), { mode: 0o500, mtime: 1_400_000_000, atime: 1_400_000_001 });
    await uploadScp(ssh, { files: local, path: "/home/t" }, "copy", { recursive: true, preserve: true });
    expect(await files.stat("/copy/a")).toMatchObject({
      permissions: 0o100_751,
      times: { mtime: 1_500_000_000, atime: 1_500_000_001 },
    });
    expect(await files.stat("/copy/sub")).toMatchObject({ permissions: 0o040_500, times: { mtime: 1_400_000_000 } });
  });

  it("leaves out links, or follows them, and finds a loop", async () => {
    const files = memoryFileSystem();
    const { ssh } = await openScp(files);
    const local = localTree();
    local.files.symlink("../a", "/home/t/sub/link");
    const from = { files: local, path: "/home/t" };
    const skipped = await uploadScp(ssh, from, "skipped", { recursive: true });
    expect(skipped.skipped).toEqual([{ path: "sub/link", reason: "link" }]);
    const options = { recursive: true, symlinks: "follow", onError: "skip" } as const;
    await uploadScp(ssh, from, "followed", options);
    expect(String(await get(files, "/followed/sub/link"))).toBe(String(new TextEncoder().encode("A")));
    local.files.symlink("..", "/home/t/sub/up");
    const looped = await uploadScp(ssh, from, "looped", options);
    expect(looped.failed).toEqual([{ path: "sub/up", error: code("usage") }]);
    expect(looped.files).toBe(5);
  });

  it('goes on after a refusal with `onError: "skip"`, and reports it with the server\'s reason', async () => {
    const inner = memoryFileSystem();
    const files = withMethods(inner, {
      open: async (path, ...rest) => {
        if (path.includes(".b b.")) throw Object.assign(new Error("secret"), { code: "ENOSPC" });
        return inner.open(path, ...rest);
      },
    });
    const { ssh } = await openScp(files);
    const from = { files: localTree(), path: "/home/t" };
    const { failed, files: count } = await uploadScp(ssh, from, "copy", { recursive: true, onError: "skip" });
    expect(failed).toEqual([{ path: "sub/b b", error: code("scp-failure") }]);
    expect(failed[0]!.error.message).toBe('the server refused the file: "scp: b b: No space left on device"');
    expect(count).toBe(3);
    expect(await failure(uploadScp(ssh, from, "copy2", { recursive: true }))).toEqual(code("scp-failure"));
    expect(from.files.openCount).toBe(0);
  });

  it("reports a file that became shorter to the server, which discards it", async () => {
    const files = memoryFileSystem();
    const { ssh } = await openScp(files);
    const local = localTree();
    const shrinking = {
      files: new Proxy(local, {
        get(target, name) {
          if (name === "list")
            return async function* (path: string) {
              for await (const entry of target.list(path))
                yield entry.name === "a" ? { ...entry, size: 700_000 } : entry;
            };
          const value = target[name as keyof MemoryLocalFiles] as unknown;
          return typeof value === "function" ? value.bind(target) : value;
        },
      }),
      path: "/home/t",
    };
    const { failed } = await uploadScp(ssh, shrinking, "copy", { recursive: true, onError: "skip" });
    expect(failed).toEqual([{ path: "a", error: code("file-unreadable") }]);
    expect(await tree(files, "/copy")).toEqual(TREE.slice(1).toSorted());
    expect(await failure(uploadScp(ssh, shrinking, "again", { recursive: true }))).toEqual(code("file-unreadable"));
    await expect
      .poll(() => tree(files, "/again"), { timeout: 10_000 })
      .not.toContainEqual(expect.stringContaining("nacre-"));
  });

  it("names a device's file system whole, and everything else as directory and name", async () => {
    const local = localTree();
    const commands = async (remote: string, path: string, options: ScpOptions = {}): Promise<string | undefined> => {
      const { ssh, commands } = await openScript("");
      await failure(uploadScp(ssh, { files: local, path }, remote, options));
      return commands[0];
    };
    expect(await commands("flash:config.txt", "/home/t/a")).toBe("scp -t flash:config.txt");
    expect(await commands("config.txt", "/home/t/a", { preserve: true })).toBe("scp -p -d -t .");
    expect(await commands("/a b/c/", "/home/t", { recursive: true })).toBe("scp -r -d -t '/a b'");
    expect(await commands("-x/y", "/home/t/a")).toBe("scp -d -t ./-x");
    expect(await commands("dir/..", "/home/t", { recursive: true })).toBe("scp -r -d -t dir/..");
  });
});

describe("a download with scp", () => {
  it("copies a file to exactly the given path", async () => {
    const files = counted();
    const { ssh } = await openScp(files.fileSystem);
    const data = pattern(3_000_017);
    await put(files.fileSystem, "/it's", data, 0o640);
    const local = new MemoryLocalFiles();
    const result = await downloadScp(ssh, "/it's", { files: local, path: "/home/copy" });
    expect(result).toEqual({ ...NOTHING, files: 1, bytes: data.length });
    expect(isSame(local.files.find("/home/copy").data, data)).toBe(true);
    expect(local.files.find("/home/copy").mode).toBe(0o640);
    expect(local.tree("/home")).toHaveLength(1);
    expect([local.openCount, files.open()]).toEqual([0, 0]);
  });

  it("refuses a target that is a device, pipe or socket", async () => {
    const fileSystem = memoryFileSystem();
    await put(fileSystem, "/f", "contents");
    const { ssh } = await openScp(fileSystem);
    const local = new MemoryLocalFiles();
    local.stat = async () => ({ type: "special", size: 0 });
    await expect(downloadScp(ssh, "/f", { files: local, path: "/home/null" })).rejects.toMatchObject({
      code: "usage",
      message: expect.stringContaining('"/home/null" is a device, pipe or socket') as string,
    });
    expect(local.tree("/home")).toEqual([]);
  });

  it("copies a tree with times and modes, and follows the server's links", async () => {
    const files = memoryFileSystem();
    const { ssh } = await openScp(files);
    await uploadScp(ssh, { files: localTree(), path: "/home/t" }, "t", { recursive: true });
    await files.symlink("a", "/t/link");
    await files.setstat("/t/a", { permissions: 0o6751, times: { atime: 7, mtime: 8 } });
    await files.setstat("/t/sub", { permissions: 0o500, times: { atime: 9, mtime: 10 } });
    const local = new MemoryLocalFiles();
    const to = { files: local, path: "/home/copy" };
    const result = await downloadScp(ssh, "t/", to, { recursive: true, preserve: true });
    expect(result).toMatchObject({ files: 5, directories: 4, bytes: 3, failed: [] });
    expect(local.tree("/home/copy")).toEqual([...TREE, "link: A"].toSorted());
    expect(local.files.find("/home/copy/a")).toMatchObject({ mode: 0o751, atime: 7, mtime: 8 });
    expect(local.files.find("/home/copy/sub")).toMatchObject({ mode: 0o500, atime: 9, mtime: 10 });
    // Merged with the existing copy.
    expect(await downloadScp(ssh, "t", to, { recursive: true })).toMatchObject({ files: 5 });
  });

  it("follows a link as its target, unless `followTarget` is false", async () => {
    const files = memoryFileSystem();
    const { ssh } = await openScp(files);
    await uploadScp(ssh, { files: localTree(), path: "/home/t" }, "t", { recursive: true });
    const local = new MemoryLocalFiles();
    local.files.makeDirectory("/home/other");
    local.files.symlink("other", "/home/copy");
    const to = { files: local, path: "/home/copy" };
    const error = await failure(downloadScp(ssh, "t", to, { recursive: true, followTarget: false }));
    expect(error).toMatchObject({ code: "file-unwritable", message: expect.stringContaining("is a symbolic link") });
    expect(local.tree("/home/other")).toEqual([]);
    const found: TransferredFile[] = [];
    await downloadScp(ssh, "t", to, { recursive: true, onFile: (file) => found.push(file) });
    expect(local.tree("/home/other")).toEqual(TREE);
    expect(found).toContainEqual({ path: "a", size: 1 });
  });

  it("skips what `filter` refuses, and reports progress", async () => {
    const files = memoryFileSystem();
    const { ssh } = await openScp(files);
    await uploadScp(ssh, { files: localTree(), path: "/home/t" }, "t", { recursive: true });
    const local = new MemoryLocalFiles();
    const asked: unknown[] = [];
    const reports: TransferProgress[] = [];
    const { skipped, files: count } = await downloadScp(
      ssh,
      "t",
      { files: local, path: "/home/copy" },
      {
        recursive: true,
        filter: (entry) => {
          asked.push(entry);
          return entry.path !== "sub" && entry.path !== "zero";
        },
        onProgress: (progress) => reports.push(progress),
      },
    );
    expect(skipped.toSorted((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
      { path: "sub", reason: "filter" },
      { path: "zero", reason: "filter" },
    ]);
    expect(asked).toContainEqual({ path: "a", type: "file", size: 1 });
    expect(asked).toContainEqual({ path: "sub", type: "directory", size: 0 });
    expect([count, local.tree("/home/copy")]).toEqual([1, ["a: A", "empty/"]]);
    expect(reports.at(-1)).toMatchObject({ bytes: 1, files: 1, path: "a" });
  });

  it('goes on after a failure of either side with `onError: "skip"`', async () => {
    const inner = memoryFileSystem();
    const files = withMethods(inner, {
      open: async (path, ...rest) => {
        if (path === "t/unreadable") throw Object.assign(new Error(), { code: "EACCES" });
        return inner.open(path, ...rest);
      },
    });
    const { ssh } = await openScp(files);
    await inner.mkdir("/t", {});
    for (const name of ["a", "large", "unreadable", "z"])
      await put(inner, `/t/${name}`, name === "large" ? pattern(900_000) : name);
    const local = new MemoryLocalFiles();
    local.capacity = 500_000;
    const to = { files: local, path: "/home/copy" };
    const { failed, files: count } = await downloadScp(ssh, "t", to, { recursive: true, onError: "skip" });
    // The disk stays full.
    expect(failed.map(({ path, error }) => [path, error.code])).toEqual([
      ["large", "file-unwritable"],
      ["", "scp-failure"],
      ["z", "file-unwritable"],
    ]);
    expect(failed.find(({ path }) => path === "")!.error.message).toBe(
      'the server reports a problem: "scp: unreadable: Permission denied"',
    );
    expect([count, local.openCount]).toEqual([1, 0]);
    expect(local.tree("/home/copy")).toEqual(["a: a"]);
    local.capacity = 5_000_000;
    expect(await failure(downloadScp(ssh, "t", to, { recursive: true }))).toEqual(code("scp-failure"));
  });

  it("rejects with the server's reason for a missing file, and for a directory without `recursive`", async () => {
    const { ssh } = await openScp();
    const to = { files: new MemoryLocalFiles(), path: "/home/copy" };
    expect(await failure(downloadScp(ssh, "none", to))).toMatchObject({
      code: "scp-failure",
      message: 'the server reports a problem: "scp: none: No such file or directory"',
    });
    expect(await failure(downloadScp(ssh, "/", to))).toMatchObject({ code: "scp-failure" });
  });
});

describe("a transfer with scp", () => {
  it("ends when it is aborted, and leaves no partial file", async () => {
    const files = counted();
    const { ssh } = await openScp(files.fileSystem);
    await put(files.fileSystem, "/large", pattern(9_000_000));
    const local = new MemoryLocalFiles();
    local.files.open("/home/f", CREATE).data = pattern(9_000_000);
    for (const run of [
      (options: ScpOptions) => downloadScp(ssh, "large", { files: local, path: "/home/copy" }, options),
      (options: ScpOptions) => uploadScp(ssh, { files: local, path: "/home/f" }, "copy", options),
    ]) {
      const abort = new AbortController();
      const stop = new Error("enough");
      const onProgress = ({ bytes }: TransferProgress): void => {
        if (bytes > 1_000_000) abort.abort(stop);
      };
      const error = await failure(run({ signal: abort.signal, onProgress }));
      expect(error).toMatchObject({ code: "aborted", cause: stop });
      expect(await failure(run({ signal: abort.signal }))).toEqual(code("aborted"));
    }
    expect(local.tree("/home").map((line) => line[0])).toEqual(["f"]);
    await expect
      .poll(() => tree(files.fileSystem, "/").then((lines) => lines.map((line) => line.slice(0, 5))), {
        timeout: 10_000,
      })
      .toEqual(["large"]);
    await expect.poll(() => [local.openCount, files.open()], { timeout: 10_000 }).toEqual([0, 0]);
  });

  it("ends with an exception of the application, regardless of `onError`", async () => {
    const files = memoryFileSystem();
    const { ssh } = await openScp(files);
    const local = localTree();
    await uploadScp(ssh, { files: local, path: "/home/t" }, "t", { recursive: true });
    const thrown = new Error("of the application");
    const raise = (): never => {
      throw thrown;
    };
    for (const options of [{ filter: raise }, { onProgress: raise }] as const) {
      const all = { recursive: true, onError: "skip", ...options } as const;
      expect(await failure(downloadScp(ssh, "t", { files: local, path: "/home/copy" }, all))).toBe(thrown);
      expect(await failure(uploadScp(ssh, { files: local, path: "/home/t" }, "copy", all))).toBe(thrown);
    }
    expect(local.openCount).toBe(0);
  });

  it("ends with the connection", async () => {
    const files = memoryFileSystem();
    const { ssh } = await openScp(files);
    await put(files, "/large", pattern(9_000_000));
    const local = new MemoryLocalFiles();
    const work = downloadScp(
      ssh,
      "large",
      { files: local, path: "/home/copy" },
      {
        onError: "skip",
        onProgress: () => void ssh.close(),
      },
    );
    expect(await failure(work)).toEqual(code("closed"));
    expect([local.tree("/home"), local.openCount]).toEqual([[], 0]);
  });

  it("says why the server's scp did not start, with its error output escaped", async () => {
    const { ssh } = await openScript("", { stderr: "sh: 1: scp: \x1b[31mnot found\n", status: 127 });
    const local = localTree();
    for (const work of [
      downloadScp(ssh, "f", { files: local, path: "/home/copy" }),
      uploadScp(ssh, { files: local, path: "/home/t/a" }, "f"),
    ])
      expect(await failure(work)).toMatchObject({
        code: "scp-failure",
        message:
          'scp on the server ended with exit status 127 before it began: "sh: 1: scp: \\x1b[31mnot found"; install it there, or transfer with SFTP',
      });
  });

  it("throws usage for options that scp cannot honour", async () => {
    const { ssh, commands } = await openScript("");
    const local = { files: localTree(), path: "/home/t/a" };
    const unavailable = {
      resume: true,
      verify: "size",
      update: "size-mtime",
      delete: true,
      flush: true,
      limit: 1,
      concurrency: 2,
      maxGrowth: 1,
      parents: true,
    };
    for (const [name, value] of Object.entries(unavailable)) {
      const options = { [name]: value } as ScpOptions;
      for (const work of [downloadScp(ssh, "f", local, options), uploadScp(ssh, local, "f", options)])
        expect(await failure(work)).toMatchObject({
          code: "usage",
          message: expect.stringMatching(`scp has no \`${name}\`; leave it out, or transfer with SFTP`),
        });
    }
    for (const options of [
      { symlinks: "keep" },
      { onError: "no" },
      { filter: 1 },
      { onProgress: {} },
      { onFile: {} },
      { maxFiles: -1 },
      { followTarget: false },
      { recursiv: true },
      { signal: {} },
    ] as unknown as ScpOptions[])
      expect(await failure(uploadScp(ssh, local, "f", options))).toEqual(code("usage"));
    expect(await failure(downloadScp(ssh, "f", local, { symlinks: "skip" }))).toEqual(code("usage"));
    const falsy = { followTarget: 0 } as unknown as ScpOptions;
    expect(await failure(downloadScp(ssh, "f", local, falsy))).toEqual(code("usage"));
    expect(await failure(downloadScp(ssh, "a\0b", local))).toEqual(code("usage"));
    expect(await failure(uploadScp(ssh, local, "dir/.."))).toEqual(code("usage"));
    expect(await failure(uploadScp(ssh, { ...local, path: "/home/t" }, "dir"))).toEqual(code("usage"));
    expect(commands).toEqual([]);
  });
});
