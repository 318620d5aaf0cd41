import { download, type TransferProgress, upload } from "@nacre/files";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { directoryFiles } from "@nacre/web/files";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { isSame, openMemorySftp, pattern } from "../support/memory-sftp.ts";
import { make, testDirectory, tree } from "../support/test-directory.ts";

const TREE = { "t/": "", "t/a": "one", "t/d/": "", "t/d/e/": "", "t/d/b": "two" };
const COPIED = ["t/", "t/a: one", "t/d/", "t/d/b: two", "t/d/e/"];

describe("directoryFiles", () => {
  it("downloads a tree, with empty directories, into a directory that may have it already", async () => {
    const { sftp, make: makeRemote } = await openMemorySftp();
    makeRemote(TREE);
    const directory = await testDirectory();
    await make(directory, { "t/a": "old", "t/z": "kept" });
    const target = { files: directoryFiles(directory), path: "/t" };
    expect(await download(sftp, "t", target, { recursive: true })).toMatchObject({ files: 2, directories: 3 });
    expect(await tree(directory)).toEqual([...COPIED, "t/z: kept"]);
  });

  it("downloads into the directory itself", async () => {
    const { sftp, make: makeRemote } = await openMemorySftp();
    makeRemote(TREE);
    const directory = await testDirectory();
    await download(sftp, "t", { files: directoryFiles(directory), path: "/" }, { recursive: true });
    expect(await tree(directory)).toEqual(["a: one", "d/", "d/b: two", "d/e/"]);
  });

  it.each([0, 1, 262_144, 1_048_575, 1_048_576, 1_048_577, 3_000_001])(
    "downloads a file of %i bytes",
    async (length) => {
      const { sftp, make: makeRemote, server } = await openMemorySftp();
      makeRemote({ f: pattern(length) });
      const directory = await testDirectory();
      expect(await download(sftp, "f", { files: directoryFiles(directory), path: "/g" })).toMatchObject({
        bytes: length,
      });
      const file = await (await directory.getFileHandle("g")).getFile();
      expect(isSame(new Uint8Array(await file.arrayBuffer()), pattern(length))).toBe(true);
      expect(await tree(directory)).toHaveLength(1);
      await expect.poll(() => server.server.handleCount, { timeout: 10_000 }).toBe(0);
    },
  );

  it("uploads what it downloaded", async () => {
    const { sftp, make: makeRemote, tree: treeRemote } = await openMemorySftp();
    makeRemote(TREE);
    const target = { files: directoryFiles(await testDirectory()), path: "/t" };
    await download(sftp, "t", target, { recursive: true });
    await upload(sftp, target, "u", { recursive: true });
    expect(treeRemote("/home/u")).toEqual(treeRemote("/home/t"));
  });

  it("does not put a file in place of a directory, nor a directory in place of a file", async () => {
    const { sftp, make: makeRemote } = await openMemorySftp();
    makeRemote(TREE);
    const directory = await testDirectory();
    await make(directory, { "a/": "", t: "a file" });
    const files = directoryFiles(directory);
    expect(await failure(download(sftp, "t/a", { files, path: "/a" }))).toEqual(code("file-unwritable"));
    const tooDeep = download(sftp, "t", { files, path: "/t" }, { recursive: true });
    expect(await failure(tooDeep)).toEqual(code("file-unwritable"));
    expect(await tree(directory)).toEqual(["a/", "t: a file"]);
  });

  it("creates no file that exists, and makes no directory that exists", async () => {
    const directory = await testDirectory();
    await make(directory, { f: "old", "d/": "" });
    const files = directoryFiles(directory);
    for (const path of ["/f", "/d"])
      expect(await failure(files.create(path, undefined))).toEqual(code("file-unwritable"));
    expect(await Promise.all(["/", "/f", "/d", "/e"].map((path) => files.makeDirectory(path, undefined)))).toEqual([
      false,
      false,
      false,
      true,
    ]);
    await files.remove("/gone");
    // A directory that was removed and made again is the new one.
    await files.makeDirectory("/e/again", undefined);
    await files.removeDirectory?.("/e/again");
    expect(await failure(files.removeDirectory!("/f"))).toEqual(code("file-unwritable"));
    await files.removeDirectory?.("/e");
    expect(await files.makeDirectory("/e", undefined)).toBe(true);
    expect(await files.makeDirectory("/e/x", undefined)).toBe(true);
    expect(await tree(directory)).toEqual(["d/", "e/", "e/x/", "f: old"]);
  });

  it("removes the part of a file when the download is aborted", async () => {
    const { sftp, make: makeRemote, server } = await openMemorySftp();
    makeRemote({ "t/": "", "t/f": pattern(3_000_001) });
    const directory = await testDirectory();
    const abort = new AbortController();
    const target = { files: directoryFiles(directory), path: "/t" };
    const onProgress = (): void => abort.abort();
    const downloading = download(sftp, "t", target, { recursive: true, onProgress, signal: abort.signal });
    expect(await failure(downloading)).toEqual(code("aborted"));
    expect(await tree(directory)).toEqual(["t/"]);
    await expect.poll(() => server.server.handleCount, { timeout: 10_000 }).toBe(0);
  });

  it("continues the part of a file that an aborted download left", async () => {
    const { sftp, make: makeRemote, server } = await openMemorySftp();
    makeRemote({ f: pattern(3_000_001) });
    const directory = await testDirectory();
    const target = { files: directoryFiles(directory), path: "/f" };
    const abort = new AbortController();
    const onProgress = ({ bytes }: TransferProgress): void => {
      if (bytes > 1_000_000) abort.abort();
    };
    const first = download(sftp, "f", target, { resume: true, onProgress, signal: abort.signal });
    expect(await failure(first)).toEqual(code("aborted"));
    expect(await tree(directory)).toEqual([expect.stringMatching(/^\.f\.nacre-/)]);
    const { bytes, resumed } = await download(sftp, "f", target, { resume: true });
    expect(resumed).toHaveLength(1);
    expect(resumed[0]!.bytes).toBeGreaterThan(0);
    expect(resumed[0]!.bytes + bytes).toBe(3_000_001);
    const file = await (await directory.getFileHandle("f")).getFile();
    expect(isSame(new Uint8Array(await file.arrayBuffer()), pattern(3_000_001))).toBe(true);
    expect(await tree(directory)).toHaveLength(1);
    await expect.poll(() => server.server.handleCount, { timeout: 10_000 }).toBe(0);
  });

  it("keeps the bytes of a part, and moves only the rest", async () => {
    const { sftp, make: makeRemote } = await openMemorySftp();
    makeRemote({ f: pattern(1_500_000) });
    const directory = await testDirectory();
    // Size and time of the source in base 36.
    const name = `.f.nacre-${"0".repeat(24)}-${(1_500_000).toString(36)}-${(2000).toString(36)}`;
    const stream = await (await directory.getFileHandle(name, { create: true })).createWritable();
    await stream.write(pattern(1_000_000));
    await stream.close();
    const target = { files: directoryFiles(directory), path: "/f" };
    expect(await download(sftp, "f", target, { resume: true })).toMatchObject({
      bytes: 500_000,
      resumed: [{ path: "", bytes: 1_000_000 }],
    });
    const file = await (await directory.getFileHandle("f")).getFile();
    expect(isSame(new Uint8Array(await file.arrayBuffer()), pattern(1_500_000))).toBe(true);
  });

  it("removes what the server does not have, with `delete`", async () => {
    const { sftp, make: makeRemote } = await openMemorySftp();
    makeRemote(TREE);
    const directory = await testDirectory();
    await make(directory, { "t/old": "old", "t/gone/deep/x": "x", kept: "kept" });
    const options = { recursive: true, delete: true };
    await download(sftp, "t", { files: directoryFiles(directory), path: "/t" }, options);
    expect(await tree(directory)).toEqual(["kept: kept", ...COPIED]);
  });

  it("rejects with the browser's reason when no space is left, and removes the part", async () => {
    const { sftp, make: makeRemote } = await openMemorySftp();
    makeRemote({ f: pattern(3_000_001) });
    const directory = await testDirectory();
    fillAfterOneWrite(directory);
    const error = await failure(download(sftp, "f", { files: directoryFiles(directory), path: "/f" }));
    expect(error).toEqual(code("file-unwritable"));
    expect(error).toMatchObject({ message: expect.stringContaining("no space is left") });
    expect(await tree(directory)).toEqual([]);
  });

  it("commits nothing of a file whose write failed", async () => {
    const directory = await testDirectory();
    fillAfterOneWrite(directory);
    const file = await directoryFiles(directory).create("/f", undefined);
    const block = pattern(1024 * 1024);
    await file.write([block], 0);
    expect(await failure(file.write([block], block.length))).toEqual(code("file-unwritable"));
    await file.close();
    expect(await tree(directory)).toEqual(["f: "]);
  });

  it.each(["missing", "refused"])("copies a file where renaming is %s, in place of an old one too", async (how) => {
    const { sftp, make: makeRemote } = await openMemorySftp();
    makeRemote({ f: pattern(1_500_000) });
    const directory = await testDirectory();
    await make(directory, { old: "x".repeat(2_000_000) });
    onFile(directory, (handle) => {
      const move = how === "missing" ? undefined : () => Promise.reject(new DOMException("no", "NotAllowedError"));
      Object.defineProperty(handle, "move", { value: move, configurable: true });
    });
    for (const name of ["new", "old"]) {
      await download(sftp, "f", { files: directoryFiles(directory), path: `/${name}` });
      const file = await (await directory.getFileHandle(name)).getFile();
      expect(isSame(new Uint8Array(await file.arrayBuffer()), pattern(1_500_000))).toBe(true);
    }
    expect((await tree(directory)).map((line) => line.split(":")[0])).toEqual(["new", "old"]);
  });

  it.each([
    ["../escape", "malformed-message"],
    ["/etc/x", "malformed-message"],
    ["..\\escape", "file-unwritable"],
    ["C:x", "file-unwritable"],
    ["con.txt", "file-unwritable"],
    ["x.", "file-unwritable"],
  ])("refuses the name %j from a server on Windows", async (name, expected) => {
    const { sftp, server, make: makeRemote } = await openMemorySftp();
    makeRemote({ "t/": "", "t/good": "good" });
    const { entries } = server.files.find("/home/t");
    entries.set(name, entries.get("good")!);
    const directory = await testDirectory();
    const inner = await directory.getDirectoryHandle("inner", { create: true });
    onTestFinished(() => void vi.unstubAllGlobals());
    vi.stubGlobal("navigator", { platform: "Win32" });
    const target = { files: directoryFiles(inner), path: "/t" };
    const result = await download(sftp, "t", target, { recursive: true, onError: "skip" });
    expect(result.failed.map(({ error }) => error)).toEqual([code(expected)]);
    const escaped = (await tree(directory)).filter(
      (path) => !["inner/", "inner/t/", "inner/t/good: good"].includes(path),
    );
    expect(escaped).toEqual([]);
  });

  it.each([
    ["Win32", undefined, "windows"],
    ["", "Windows", "windows"],
    ["", undefined, "windows"],
    ["Linux x86_64", undefined, "posix"],
    ["MacIntel", "macOS", "posix"],
    ["", "Android", "posix"],
  ] as const)("has the name rules of the system: platform %j, client hint %j: %s", async (platform, hint, rules) => {
    onTestFinished(() => void vi.unstubAllGlobals());
    const directory = await testDirectory();
    vi.stubGlobal("navigator", { platform, ...(hint && { userAgentData: { platform: hint } }) });
    expect(directoryFiles(directory).nameRules).toBe(rules);
  });
});

/** Lets the disk be full after one write to each file of a directory. */
function fillAfterOneWrite(directory: FileSystemDirectoryHandle): void {
  onFile(directory, (handle) => {
    const createWritable = handle.createWritable.bind(handle);
    handle.createWritable = async () => {
      const stream = await createWritable();
      const write = stream.write.bind(stream);
      let writes = 0;
      stream.write = (data) =>
        ++writes > 1 ? Promise.reject(new DOMException("no", "QuotaExceededError")) : write(data);
      return stream;
    };
  });
}

/** Calls `change` with every file handle that a directory makes. */
function onFile(directory: FileSystemDirectoryHandle, change: (handle: FileSystemFileHandle) => void): void {
  const getFileHandle = directory.getFileHandle.bind(directory);
  directory.getFileHandle = async (name, options) => {
    const handle = await getFileHandle(name, options);
    change(handle);
    return handle;
  };
}
