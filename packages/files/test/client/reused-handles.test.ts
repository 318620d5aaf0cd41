import { download, SSH_FX, type TransferProgress, upload } from "@nacre/files";
import { erlangHandles } from "@nacre/testing/nacre/handle-aliases";
import { MemoryLocalFiles } from "@nacre/testing/nacre/memory-local-files";
import type { MemorySftpOptions } from "@nacre/testing/nacre/memory-sftp";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import type { MemoryFiles } from "@nacre/testing/sftp/memory-files";
import { equalBytes } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import { openMemorySftp, pattern } from "./support.ts";

// Servers that give a handle while it is open. Erlang's (OTP 27) does so for every handle after the second; the other has one for all
// files.

const SERVERS: readonly (readonly [string, MemorySftpOptions])[] = [
  ["Erlang's", { handles: erlangHandles, extensions: [], serverVersion: "SSH-2.0-Erlang/5.2.11" }],
  ["Erlang's, in order", { handles: erlangHandles, extensions: [] }],
  ["one for all files", { handles: () => 7, extensions: [] }],
];

/** Flags of an open that writes and creates. */
const CREATE = 0x0a;

/** Contents of the files of a tree by their names, each another: short ones, and one of several blocks. */
const CONTENTS = new Map(
  ["a", "b", "c", "d", "e"].flatMap((directory, at) =>
    ["", "/1", "/2", "/3"].map((name, index) => [
      `${directory}${name || "0"}`,
      pattern(index === 2 ? 300_000 + at : 10 * at + index).fill(16 * at + index, 0, 5),
    ]),
  ),
);

function makeTree(files: MemoryFiles, root: string): void {
  files.makeDirectory(root, 0o755);
  for (const [name, bytes] of CONTENTS) {
    if (name.includes("/1")) files.makeDirectory(`${root}/${name.split("/")[0]}`, 0o755);
    files.open(`${root}/${name}`, CREATE, 0o644).data = bytes.slice();
  }
}

/** Contents of all files below a directory, by their names. */
function treeOf(files: MemoryFiles, root: string): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  const walk = (path: string): void => {
    for (const [name, node] of files.find(`${root}${path}`).entries)
      if (node.kind === "directory") walk(`${path}/${name}`);
      else found.set(`${path}/${name}`.slice(1), node.data);
  };
  walk("");
  return found;
}

/** Compares digests of lengths and sums first: a difference of megabytes is unreadable. */
function expectTree(files: MemoryFiles, root: string, expected = CONTENTS): void {
  const found = treeOf(files, root);
  expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, bytes] of expected) expect([name, equalBytes(found.get(name)!, bytes)]).toEqual([name, true]);
}

describe.each(SERVERS)("handles of a server: %s", (_, options) => {
  it("uploads a directory with the right contents", async () => {
    const { sftp, server } = await openMemorySftp(options);
    const local = new MemoryLocalFiles();
    makeTree(local.files, "/home/tree");
    const result = await upload(sftp, { files: local, path: "/home/tree" }, "tree", { recursive: true });
    expect(result).toMatchObject({ files: CONTENTS.size, failed: [] });
    expectTree(server.files, "/home/tree");
  });

  it("downloads a directory with the right contents, and reports progress up to its size", async () => {
    const { sftp, server } = await openMemorySftp(options);
    const local = new MemoryLocalFiles();
    makeTree(server.files, "/home/tree");
    let last: TransferProgress | undefined;
    const onProgress = (progress: TransferProgress): void => void (last = progress);
    const target = { files: local, path: "/home/tree" };
    const result = await download(sftp, "tree", target, { recursive: true, onProgress });
    expect(result).toMatchObject({ files: CONTENTS.size, failed: [] });
    expectTree(local.files, "/home/tree");
    expect(last).toMatchObject({ bytes: last!.totalBytes, files: CONTENTS.size });
    expect(local.openCount).toBe(0);
  });

  it("does both with as many files at once as the application asks for", async () => {
    const { sftp, server } = await openMemorySftp(options);
    const local = new MemoryLocalFiles();
    makeTree(local.files, "/home/tree");
    const both = { recursive: true, concurrency: 16 };
    await upload(sftp, { files: local, path: "/home/tree" }, "tree", both);
    expectTree(server.files, "/home/tree");
    await download(sftp, "tree", { files: local, path: "/home/back" }, both);
    expectTree(local.files, "/home/back");
  });

  it("downloads what a pattern matches, and updates a directory that exists", async () => {
    const { sftp, server } = await openMemorySftp(options);
    const local = new MemoryLocalFiles();
    makeTree(server.files, "/home/tree");
    local.files.makeDirectory("/home/tree", 0o755);
    await download(sftp, { glob: "tree/**" }, { files: local, path: "/home/tree" }, { recursive: true });
    expectTree(local.files, "/home/tree");
    const { sftp: other, server: empty } = await openMemorySftp(options);
    for (const directory of ["tree", "tree/a", "tree/b", "tree/c"])
      empty.files.makeDirectory(`/home/${directory}`, 0o755);
    const source = { files: local, path: "/home/tree" };
    await upload(other, source, "tree", { recursive: true, update: "size-mtime", delete: true });
    expectTree(empty.files, "/home/tree");
  });

  it("reads an upload back to verify it", async () => {
    const { sftp, server } = await openMemorySftp(options);
    const local = new MemoryLocalFiles();
    makeTree(local.files, "/home/tree");
    const source = { files: local, path: "/home/tree" };
    const result = await upload(sftp, source, "tree", { recursive: true, verify: "sha256" });
    expect(result).toMatchObject({ verified: CONTENTS.size, failed: [] });
    expectTree(server.files, "/home/tree");
  });

  it("downloads directories whose listings take many replies", async () => {
    for (const length of [10, 40_000]) {
      const { sftp, server } = await openMemorySftp(options);
      const local = new MemoryLocalFiles();
      for (const directory of ["tree", "tree/a", "tree/b"]) server.files.makeDirectory(`/home/${directory}`, 0o755);
      for (const directory of ["tree", "tree/a", "tree/b"])
        for (let i = 0; i < 500; i++)
          server.files.open(`/home/${directory}/${i}`, CREATE, 0o644).data = new Uint8Array(length);
      const target = { files: local, path: "/home/tree" };
      const result = await download(sftp, "tree", target, { recursive: true, onError: "skip" });
      expect(result).toMatchObject({ files: 1500, failed: [] });
      expect(local.openCount).toBe(0);
    }
  });

  it("reads an upload back to verify it, also if its files were moved one by one", async () => {
    const { sftp } = await openMemorySftp(options);
    const local = new MemoryLocalFiles();
    makeTree(local.files, "/home/tree");
    const oneByOne = { recursive: true, verify: "sha256", concurrency: 1 } as const;
    const result = await upload(sftp, { files: local, path: "/home/tree" }, "tree", oneByOne);
    expect(result).toMatchObject({ verified: CONTENTS.size, failed: [] });
  });

  it("resumes an upload, and keeps no part of a file whose handle was given again", async () => {
    const { sftp, server } = await openMemorySftp(options);
    const local = new MemoryLocalFiles();
    makeTree(local.files, "/home/tree");
    const resuming = { recursive: true, resume: true };
    await upload(sftp, { files: local, path: "/home/tree" }, "tree", resuming);
    expectTree(server.files, "/home/tree");
  });
});

describe.each(SERVERS)("calls at a server whose handles repeat: %s", (_, options) => {
  it("lists a tree, and finds names by a pattern", async () => {
    const { sftp, server } = await openMemorySftp(options);
    makeTree(server.files, "/home/tree");
    const names = [...new Set([...CONTENTS.keys()].flatMap((name) => [name, name.split("/")[0]!]))].sort();
    expect((await sftp.readdir("tree", { recursive: true })).sort()).toEqual(names);
    const found: string[] = [];
    for await (const path of sftp.glob("tree/**/3")) found.push(path);
    expect(found.sort()).toEqual(["a", "b", "c", "d", "e"].map((name) => `tree/${name}/3`));
  });

  it("copies a tree, and keeps what exists if told to", async () => {
    const { sftp, server } = await openMemorySftp(options);
    makeTree(server.files, "/home/tree");
    await sftp.cp("tree", "copy", { recursive: true });
    expectTree(server.files, "/home/copy");
    server.files.find("/home/copy/a/2").data = pattern(3);
    server.files.remove("/home/copy/b/2", "file");
    await sftp.cp("tree", "copy", { recursive: true, force: false });
    expectTree(server.files, "/home/copy", new Map([...CONTENTS, ["a/2", pattern(3)]]));
  });

  it("removes a tree", async () => {
    const { sftp, server } = await openMemorySftp(options);
    makeTree(server.files, "/home/tree");
    await sftp.rm("tree", { recursive: true });
    expect([...server.files.find("/home").entries.keys()]).toEqual([]);
  });

  it("does all of it at once", async () => {
    const { sftp, server } = await openMemorySftp(options);
    for (const root of ["a", "b", "c"]) makeTree(server.files, `/home/${root}`);
    const all = [
      sftp.rm("a", { recursive: true }),
      sftp.cp("b", "d", { recursive: true }),
      sftp.readdir("c", { recursive: true }),
      sftp.readFile("c/a/2"),
      sftp.readFile("c/b/2"),
    ];
    await Promise.all(all);
    expectTree(server.files, "/home/d");
    await Promise.all([sftp.writeFile("e", "5"), sftp.writeFile("f", "6"), sftp.writeFile("g", "7")]);
    expect(await Promise.all(["e", "f", "g"].map((name) => sftp.readFile(name, "utf8")))).toEqual(["5", "6", "7"]);
  });
});

it("a call that waits for the only open file can be aborted, and the next one gets its turn", async () => {
  let isSilent = false;
  const held: (() => void)[] = [];
  const { sftp, server } = await openMemorySftp({
    handles: () => 7,
    answer({ token, request }, machine) {
      if (!isSilent || request.type !== "read") return false;
      held.push(() => machine.status(token, SSH_FX.EOF));
      return true;
    },
  });
  for (const name of ["a", "b"]) server.files.open(name, CREATE).data = pattern(10);
  await Promise.allSettled([sftp.writeFile("c", "1"), sftp.writeFile("d", "2")]);
  isSilent = true;
  const first = sftp.readFile("a");
  await expect.poll(() => held.length, { timeout: 10_000 }).toBeGreaterThan(0);
  const controller = new AbortController();
  const second = failure(sftp.readFile("b", { signal: controller.signal }));
  const third = sftp.readdir(".");
  controller.abort();
  expect(await second).toEqual(code("aborted"));
  isSilent = false;
  for (const answer of held) answer();
  server.flush();
  expect(await first).toHaveLength(0);
  expect((await third).sort()).toEqual(["a", "b", "c", "d"]);
});

it("copies a file of several parts with one file open at a time", async () => {
  const { sftp, server } = await openMemorySftp({ handles: () => 7, extensions: [] });
  const bytes = pattern(16 * 2 ** 20 + 1000);
  server.files.open("/home/long", CREATE, 0o640).data = bytes;
  server.files.open("/home/long.copy", CREATE, 0o644).data = new Uint8Array(bytes.length + 1);
  await sftp.copyFile("long", "long.copy");
  expect(equalBytes(server.files.find("/home/long.copy").data, bytes)).toBe(true);
  expect((await sftp.stat("long.copy")).mode & 0o777).toBe(0o640);
});

describe("a file whose handle is given again", () => {
  it("fails, and so does the other: a call starts nothing again", async () => {
    const { sftp, server } = await openMemorySftp({ handles: () => 7 });
    const outcomes = await Promise.allSettled([sftp.writeFile("a", "1"), sftp.writeFile("b", "2")]);
    expect(outcomes.map((outcome) => outcome.status === "rejected" && (outcome.reason as unknown))).toEqual([
      code("sftp-handle-reused"),
      code("sftp-handle-reused"),
    ]);
    expect(server.closes).toBe(1);
    await sftp.writeFile("c", "3");
    expect(await sftp.readFile("c", "utf8")).toBe("3");
  });

  it("fails for good if the application holds the other one open", async () => {
    const { sftp, server } = await openMemorySftp({ handles: () => 7 });
    const local = new MemoryLocalFiles();
    local.files.open("/home/f", CREATE, 0o644).data = pattern(100);
    const held = await sftp.open("held", "w");
    expect(await failure(upload(sftp, { files: local, path: "/home/f" }, "g"))).toEqual(code("sftp-handle-reused"));
    expect([...server.files.find("/home").entries.keys()]).toEqual(["held"]);
    expect(await failure(held.write("x"))).toEqual(code("sftp-handle-reused"));
    expect(await failure(held.close())).toEqual(code("sftp-handle-reused"));
    expect(server.closes).toBe(1);
  });

  it("fails for good if it is a directory", async () => {
    const { sftp, server } = await openMemorySftp({ handles: () => 7 });
    server.files.makeDirectory("/home/t", 0o755);
    const held = await sftp.open("held", "w");
    const to = { files: new MemoryLocalFiles(), path: "/home/copy" };
    const downloading = download(sftp, "t", to, { recursive: true });
    expect(await failure(downloading)).toEqual(code("sftp-handle-reused"));
    // Once while several files may be open, and ten times alone.
    expect(server.requests.filter((type) => type === "opendir")).toHaveLength(11);
    await failure(held.close());
  });

  it("is not uploaded again from a stream, which cannot be read twice", async () => {
    const { sftp, server } = await openMemorySftp({ handles: () => 7 });
    const held = await sftp.open("held", "w");
    let reads = 0;
    async function* chunks(): AsyncGenerator<Uint8Array> {
      reads++;
      yield pattern(10);
    }
    expect(await failure(upload(sftp, chunks(), "g"))).toEqual(code("sftp-handle-reused"));
    expect(reads).toBeLessThanOrEqual(1);
    expect(server.files.find("/home").entries.has("g")).toBe(false);
    await held.close().catch(() => {});
  });
});
