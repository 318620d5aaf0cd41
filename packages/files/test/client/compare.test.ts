import { copy, download, type Sftp, SSH_FX, type TransferOptions, upload } from "@nacre/files";
import { SSH_FXF } from "@nacre/sftp";
import { MemoryLocalFiles } from "@nacre/testing/nacre/memory-local-files";
import type { MemorySftp, MemorySftpOptions } from "@nacre/testing/nacre/memory-sftp";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { sha256sum } from "@nacre/testing/nacre/sha256sum";
import { SshError } from "@nacre/wire";
import { beforeEach, describe, expect, it } from "vitest";
import { make, openMemorySftp, tree } from "./support.ts";

let client: Sftp;
let server: MemorySftp;
let local: MemoryLocalFiles;

async function open(options: MemorySftpOptions = {}): Promise<void> {
  ({ sftp: client, server } = await openMemorySftp({ exec: sha256sum, ...options }));
  local = new MemoryLocalFiles();
}

beforeEach(() => open());

/** Moves what matches a pattern to `/home/copy`. */
const runPattern = (name: string, glob: string, options: TransferOptions = {}) =>
  name === "upload"
    ? upload(client, { files: local, glob }, "/home/copy", options)
    : download(client, { glob }, { files: local, path: "/home/copy" }, options);

const isNotD = ({ path }: { readonly path: string }): boolean => path !== "d";

/** A stream of text. */
async function* chunks(...texts: readonly string[]): AsyncGenerator<Uint8Array, void> {
  for (const text of texts) yield new TextEncoder().encode(text);
}

/** A stream of strings instead of bytes. */
async function* text(): AsyncGenerator<never, void> {
  yield "text" as never;
}

/** Reads one chunk. */
const stop = async (contents: AsyncIterable<Uint8Array>): Promise<void> => {
  for await (const _ of contents) return;
};

/** Opens SFTP to a second server. */
async function other(options: MemorySftpOptions = {}): Promise<{ to: Sftp; target: MemorySftp }> {
  const { sftp: to, server: target } = await openMemorySftp({ exec: sha256sum, ...options });
  return { to, target };
}

/** Counts the directories that are opened, and the most that are open at the same time. */
function countDirectories(): { opened: number; most: number } {
  const counts = { opened: 0, most: 0 };
  const hold = local.holdDirectory.bind(local);
  local.holdDirectory = async (path, follow) => {
    const held = await hold(path, follow);
    counts.opened++;
    counts.most = Math.max(counts.most, local.openCount);
    return held;
  };
  return counts;
}

const TREE = { "/home/t/": "", "/home/t/a": "one", "/home/t/d/": "", "/home/t/d/b": "two" };

const directions = [
  {
    name: "upload",
    from: () => local.files,
    to: () => server.files,
    run: (options: TransferOptions) => upload(client, { files: local, path: "/home/t" }, "/home/copy", options),
  },
  {
    name: "download",
    from: () => server.files,
    to: () => local.files,
    run: (options: TransferOptions) => download(client, "/home/t", { files: local, path: "/home/copy" }, options),
  },
] as const;

describe.each(directions)("$name with `verify`", ({ name, from, run }) => {
  it("compares sizes, or digests by one command for all files", async () => {
    let commands = 0;
    await open({
      exec: (...args) => {
        commands++;
        return sha256sum(...args);
      },
    });
    make(from(), TREE);
    expect(await run({ recursive: true, verify: "size" })).toMatchObject({ files: 2, verified: 2, unverified: [] });
    expect(commands).toBe(0);
    expect(await run({ recursive: true, verify: "sha256" })).toMatchObject({ files: 2, verified: 2, unverified: [] });
    expect(commands).toBe(1);
  });

  it("digests names that a shell would take apart", async () => {
    const names = ["-z", "a b", "$(id)", "new\nline", "'q'", "\\", "\udcff"];
    make(from(), { "/home/t/": "" });
    for (const entry of names) make(from(), { [`/home/t/${entry}`]: entry });
    const result = await run({ recursive: true, verify: "sha256" });
    expect(result).toMatchObject({ files: names.length, verified: names.length, unverified: [] });
  });

  it("fails for a file that differs, or with `skip` notes it", async () => {
    await open({
      exec: (command, input, files) => {
        const { data } = files.find(name === "upload" ? "/home/copy/a" : "/home/t/a");
        data[0]! ^= 1;
        return sha256sum(command, input, files);
      },
    });
    make(from(), TREE);
    const differs = { code: "sftp-failure", message: expect.stringMatching(/SHA-256 [0-9a-f]{64} here/) };
    expect(await failure(run({ recursive: true, verify: "sha256" }))).toMatchObject(differs);
    const options = { recursive: true, verify: "sha256", onError: "skip" } as const;
    expect(await run(options)).toMatchObject({ verified: 1, failed: [{ path: "a", error: differs }] });
  });

  it("fails for a file that has another size afterwards", async () => {
    make(from(), TREE);
    const onProgress = ({ files }: { readonly files: number }): void => {
      if (files === 0) from().find("/home/t/a").data = new Uint8Array(10);
    };
    const outcome = await failure(run({ recursive: true, verify: "size", concurrency: 1, onProgress }));
    expect(outcome).toMatchObject({ code: "sftp-failure", message: expect.stringContaining("3 bytes here, 10 there") });
  });

  it.each([
    [
      "has no such command",
      () => ({ status: 127, stdout: new Uint8Array(0), stderr: new Uint8Array(0) }),
      "status 127",
    ],
    [
      "refuses commands",
      () => {
        throw new SshError("channel-request-failed", "exec was refused");
      },
      "exec was refused",
    ],
    [
      "prints a text that is no digest",
      (_: string, input: Uint8Array) => {
        const text = new TextDecoder().decode(input).replace(/[^\0]+/g, (name) => "no digest".padEnd(66) + name);
        return { status: 0, stdout: new TextEncoder().encode(text), stderr: new Uint8Array(0) };
      },
      "status 0",
    ],
  ])("reads the files again over SFTP if the server %s", async (_, exec, reason) => {
    let isReadable = true;
    await open({
      exec,
      answer({ token, request }, machine) {
        if (isReadable || request.type !== "open" || (request.flags & SSH_FXF.READ) === 0) return false;
        machine.status(token, SSH_FX.PERMISSION_DENIED);
        return true;
      },
    });
    make(from(), TREE);
    expect(await run({ recursive: true, verify: "sha256" })).toMatchObject({ files: 2, verified: 2, unverified: [] });
    // It is an error if the server refuses that, too.
    const onFile = ({ path }: { readonly path: string }): void => {
      if (path === "d/b") isReadable = false;
    };
    const options = { recursive: true, verify: "sha256", onFile, onError: "skip", concurrency: 1 } as const;
    const { verified, failed } = await run(options);
    expect(verified).toBe(0);
    expect(failed.map(({ path }) => path).toSorted()).toEqual(["a", "d/b"]);
    for (const { error } of failed) {
      expect(error.code).toBe("sftp-permission-denied");
      expect(error.message).toContain(reason);
    }
    await expect.poll(() => server.server.handleCount, { timeout: 10_000 }).toBe(0);
  });

  it("takes no digest that the server states for another file, and no second one", async () => {
    await open({
      exec: (command, input, files) => {
        const { stdout, ...rest } = sha256sum(command, input, files);
        const text = new TextDecoder().decode(stdout);
        const [first, second] = text.split("\0");
        const swapped = `${first!.slice(0, 66)}/home/else\0${"0".repeat(66)}${second!.slice(66)}\0${second}\0`;
        return { ...rest, stdout: new TextEncoder().encode(swapped) };
      },
    });
    make(from(), TREE);
    const result = await run({ recursive: true, verify: "sha256", onError: "skip" });
    // The first file has no digest, so it is read again.
    expect(result).toMatchObject({ verified: 1, failed: [{ error: { code: "sftp-failure" } }] });
  });
});

describe.each(directions)("$name with `update`", ({ from, to, run }) => {
  it("moves only what has another size or time, and sets times so that the next one moves nothing", async () => {
    make(from(), TREE);
    from().find("/home/t/a").mtime = 1_000_000;
    from().find("/home/t/d/b").mtime = 2_000_000;
    const options = { recursive: true, update: "size-mtime" } as const;
    expect(await run(options)).toMatchObject({ files: 2, unchanged: 0 });
    expect(to().find("/home/copy/a").mtime).toBe(1_000_000);
    expect(await run(options)).toMatchObject({ files: 0, bytes: 0, unchanged: 2 });
    make(from(), { "/home/t/a": "uno" });
    from().find("/home/t/a").mtime = 1_000_001;
    expect(await run(options)).toMatchObject({ files: 1, unchanged: 1 });
    make(from(), { "/home/t/d/b": "longer" });
    expect(await run(options)).toMatchObject({ files: 1, unchanged: 1 });
    expect(tree(to(), "/home/copy")).toEqual(["a: uno", "d/", "d/b: longer"]);
  });

  it("leaves out a single file that is the same, and replaces a link in its place", async () => {
    make(from(), { "/home/t": "one" });
    const options = { update: "size-mtime" } as const;
    expect(await run(options)).toMatchObject({ files: 1 });
    expect(await run(options)).toMatchObject({ files: 0, unchanged: 1 });
    to().rename("/home/copy", "/home/other", true);
    to().symlink("other", "/home/copy");
    expect(await run(options)).toMatchObject({ files: 1, unchanged: 0 });
    expect(tree(to(), "/home").filter((line) => line.startsWith("copy"))).toEqual(["copy: one"]);
  });
});

it("a download with `update` fails with an exception of the local side", async () => {
  make(server.files, { "/home/t": "one" });
  const bug = new Error("bug");
  local.lstat = async () => {
    throw bug;
  };
  const to = { files: local, path: "/home/copy" };
  expect(await failure(download(client, "/home/t", to, { update: "size-mtime" }))).toBe(bug);
});

describe.each(directions)("$name with `delete`", ({ name, from, to, run }) => {
  const options = { recursive: true, delete: true } as const;

  function makeOld(): void {
    make(to(), {
      "/home/copy/": "",
      "/home/copy/old": "x",
      "/home/copy/d/": "",
      "/home/copy/d/old": "x",
      "/home/copy/gone/": "",
      "/home/copy/gone/deep/": "",
      "/home/copy/gone/deep/f": "x",
      "/home/victim/": "",
      "/home/victim/f": "kept",
    });
    to().symlink("../victim", "/home/copy/link");
    to().symlink("../../victim", "/home/copy/gone/link");
  }

  it("removes what the source has not, and follows no link", async () => {
    make(from(), TREE);
    makeOld();
    const { deleted } = await run(options);
    expect(deleted.toSorted()).toEqual(["d/old", "gone", "link", "old"]);
    expect(tree(to(), "/home/copy")).toEqual(["a: one", "d/", "d/b: two"]);
    expect(tree(to(), "/home/victim")).toEqual(["f: kept"]);
    expect(local.openCount).toBe(0);
  });

  it("keeps what the source has, even if it is left out", async () => {
    make(from(), TREE);
    make(to(), { "/home/copy/": "", "/home/copy/a": "kept", "/home/copy/old": "x" });
    const result = await run({ ...options, filter: ({ path }) => path !== "a" });
    expect(result.deleted).toEqual(["old"]);
    expect(tree(to(), "/home/copy")).toEqual(["a: kept", "d/", "d/b: two"]);
  });

  it("removes nothing if anything failed", async () => {
    await open({
      answer({ token, request }, machine) {
        if (request.type !== "open" || !/[/.]a(?:\.|$)/.test(new TextDecoder().decode(request.path))) return false;
        machine.status(token, 3);
        return true;
      },
    });
    make(from(), TREE);
    makeOld();
    const { deleted, failed } = await run({ ...options, onError: "skip" });
    expect(deleted).toEqual([]);
    expect(failed.map(({ path }) => path)).toEqual(["a"]);
    expect(tree(to(), "/home/copy")).toContain("old: x");
  });

  it("removes nothing if a file is not the same on both sides", async () => {
    await open({
      exec: (command, input, files) => {
        files.find(name === "upload" ? "/home/copy/a" : "/home/t/a").data[0]! ^= 1;
        return sha256sum(command, input, files);
      },
    });
    make(from(), TREE);
    makeOld();
    const { deleted, failed } = await run({ ...options, verify: "sha256", onError: "skip" });
    expect(deleted).toEqual([]);
    expect(failed.map(({ path }) => path)).toEqual(["a"]);
    expect(tree(to(), "/home/copy")).toContain("old: x");
  });

  it("keeps a name that differs in case where it is the same file", async () => {
    make(from(), { "/home/t/": "", "/home/t/README": "new" });
    make(to(), { "/home/copy/": "", "/home/copy/readme": "old" });
    // Both names are there, so they are two files.
    expect((await run(options)).deleted).toEqual(["readme"]);
    // On a file system that ignores case, the new file takes the place of the old one under its name.
    await open();
    make(from(), { "/home/t/": "", "/home/t/README": "new", "/home/t/z": "other" });
    make(to(), { "/home/copy/": "", "/home/copy/readme": "old" });
    const rename = to().rename.bind(to());
    Object.assign(to(), {
      rename: (source: string, target: string, replaces: boolean) =>
        rename(source, target.replace("README", "readme"), replaces),
    });
    expect((await run(options)).deleted).toEqual([]);
    expect(tree(to(), "/home/copy")).toEqual(["readme: new", "z: other"]);
  });

  it.each([
    ["STRASSE", "straße"],
    ["straße", "STRAẞE"],
    ["ΟΔΟΣ", "οδοσ"],
    ["k", "\u212a"],
    ["\u00e9", "E\u0301"],
  ])("keeps %s where it is the same file as %s", async (existing, written) => {
    make(from(), { "/home/t/": "", [`/home/t/${written}`]: "new", "/home/t/z": "other" });
    make(to(), { "/home/copy/": "", [`/home/copy/${existing}`]: "old" });
    const rename = to().rename.bind(to());
    Object.assign(to(), {
      rename: (source: string, target: string, replaces: boolean) =>
        rename(source, target.replace(written, existing), replaces),
    });
    expect((await run(options)).deleted).toEqual([]);
    expect(tree(to(), "/home/copy").toSorted()).toEqual([`${existing}: new`, "z: other"].toSorted());
  });

  it("is refused without `recursive`, for a file, and for a pattern", async () => {
    make(from(), { "/home/t": "one" });
    make(to(), { "/home/copy": "kept" });
    expect(await failure(run({ delete: true }))).toEqual(code("usage"));
    expect(await failure(run(options))).toEqual(code("usage"));
    const pattern =
      name === "upload"
        ? upload(client, { files: local, glob: "/home/*" }, "/home/copy", options)
        : download(client, { glob: "/home/*" }, { files: local, path: "/home/copy" }, options);
    expect(await failure(pattern)).toEqual(code("usage"));
    expect(tree(to(), "/home")).toContain("copy: kept");
  });
});

it("refuses `delete` on a local side that removes no directories", async () => {
  make(server.files, TREE);
  Object.assign(local, { removeDirectory: undefined });
  const to = { files: local, path: "/home/copy" };
  expect(await failure(download(client, "/home/t", to, { recursive: true, delete: true }))).toEqual(code("usage"));
});

describe("directories of a download", () => {
  it("are opened once in a deep tree", async () => {
    const counts = countDirectories();
    let path = "/home/t";
    server.files.makeDirectory(path);
    for (let depth = 0; depth < 100; depth++) {
      path += "/d";
      server.files.makeDirectory(path);
    }
    await download(client, "/home/t", { files: local, path: "/home/copy" }, { recursive: true });
    expect(counts.opened).toBe(101);
    expect(local.openCount).toBe(0);
  });

  it("include the root from the beginning to the end, so that its path is resolved once", async () => {
    const held: string[] = [];
    const hold = local.holdDirectory.bind(local);
    local.holdDirectory = (path, follow) => {
      held.push(path);
      return hold(path, follow);
    };
    make(server.files, { "/home/t/": "", "/home/t/d/": "" });
    for (let i = 0; i < 40; i++) make(server.files, { [`/home/t/d/${i}/`]: "" });
    const options = { recursive: true, preserve: true } as const;
    await download(client, "/home/t", { files: local, path: "/home/copy" }, options);
    expect(held.filter((path) => path === "/home/copy")).toHaveLength(1);
    expect(local.openCount).toBe(0);
  });

  it("are held in a small number in a wide tree", async () => {
    const counts = countDirectories();
    make(server.files, { "/home/t/": "" });
    for (let i = 0; i < 200; i++) make(server.files, { [`/home/t/${i}/`]: "", [`/home/t/${i}/f`]: "x" });
    const options = { recursive: true, concurrency: 1 } as const;
    expect(await download(client, "/home/t", { files: local, path: "/home/copy" }, options)).toMatchObject({
      files: 200,
    });
    // The root, 8 that are listed, one file, and 32 without a user.
    expect(counts.most).toBeLessThanOrEqual(50);
    expect(local.openCount).toBe(0);
  });
});

describe("patterns", () => {
  const FILES = {
    "/home/t/": "",
    "/home/t/a.js": "1",
    "/home/t/b.css": "2",
    "/home/t/d/": "",
    "/home/t/d/c.js": "3",
    "/home/t/d/e/": "",
    "/home/t/d/e/f.js": "4",
  };

  it.each(directions)(
    "$name: what matches is put below the names before the first wildcard",
    async ({ name, from, to }) => {
      make(from(), FILES);
      expect(await runPattern(name, "/home/t/*.{js,css}")).toMatchObject({ files: 2 });
      expect(tree(to(), "/home/copy")).toEqual(["a.js: 1", "b.css: 2"]);
      await runPattern(name, "/home/t/d/c.js");
      expect(tree(to(), "/home/copy")).toEqual(["a.js: 1", "b.css: 2", "c.js: 3"]);
      to().find("/home").entries.delete("copy");
      expect(await runPattern(name, "/home/t/*/./c.js")).toMatchObject({ files: 1, directories: 2, failed: [] });
      expect(tree(to(), "/home/copy")).toEqual(["d/", "d/c.js: 3"]);
      to().find("/home").entries.delete("copy");
      expect(await runPattern(name, "/home/t/**/*.js")).toMatchObject({ files: 3, directories: 3 });
      expect(tree(to(), "/home/copy")).toEqual(["a.js: 1", "d/", "d/c.js: 3", "d/e/", "d/e/f.js: 4"]);
      expect(local.openCount).toBe(0);
    },
  );

  it.each(directions)("$name: a directory that matches needs `recursive`", async ({ name, from, to }) => {
    make(from(), FILES);
    expect(await failure(runPattern(name, "/home/t/*"))).toEqual(code("usage"));
    expect(await runPattern(name, "/home/t/*", { recursive: true })).toMatchObject({ files: 4 });
    expect(tree(to(), "/home/copy")).toEqual(["a.js: 1", "b.css: 2", "d/", "d/c.js: 3", "d/e/", "d/e/f.js: 4"]);
  });

  it.each(directions)(
    "$name: moves each file once if a pattern matches its directories, too",
    async ({ name, from, to }) => {
      make(from(), FILES);
      for (const pattern of ["**", "{d/e/f.js,d/*,*}"]) {
        const moved: string[] = [];
        const onFile = ({ path }: { readonly path: string }): void => void moved.push(path);
        const result = await runPattern(name, `/home/t/${pattern}`, { recursive: true, onFile });
        expect(moved.sort()).toEqual(["a.js", "b.css", "d/c.js", "d/e/f.js"]);
        expect(result).toMatchObject({ files: 4, directories: 3 });
        expect(tree(to(), "/home/copy")).toEqual(["a.js: 1", "b.css: 2", "d/", "d/c.js: 3", "d/e/", "d/e/f.js: 4"]);
        to().find("/home").entries.delete("copy");
      }
      // What matches in a directory that the filter refuses does not depend on it.
      expect(await runPattern(name, "/home/t/**", { recursive: true, filter: isNotD })).toMatchObject({ files: 4 });
    },
  );

  it.each(directions)("$name: the directories above a match get their attributes, too", async ({ name, from, to }) => {
    make(from(), FILES);
    Object.assign(from().find("/home/t/d/e"), { mode: 0o500, mtime: 1000 });
    await runPattern(name, "/home/t/*/e/*.js", { preserve: true });
    expect(to().find("/home/copy/d/e")).toMatchObject({ mode: 0o500, mtime: 1000 });
  });

  it.each(directions)(
    "$name: no link in place of a directory above a match is followed",
    async ({ name, from, to }) => {
      make(from(), FILES);
      make(to(), { "/home/copy/": "", "/home/other/": "" });
      to().symlink("../other", "/home/copy/d");
      expect(await failure(runPattern(name, "/home/t/*/*.js"))).toBeInstanceOf(SshError);
      expect(tree(to(), "/home/other")).toEqual([]);
    },
  );

  it.each(directions)(
    "$name: what matches below a link is moved, also if the link matches",
    async ({ name, from, to }) => {
      make(from(), FILES);
      from().symlink("d", "/home/t/l");
      // The entry below makes a directory in the place of the link.
      expect(
        await runPattern(name, "/home/t/{l,l/c.js}", { recursive: true, symlinks: "keep", onError: "skip" }),
      ).toMatchObject({ files: 1, links: 0, failed: [{ path: "l" }] });
      expect(tree(to(), "/home/copy")).toEqual(["l/", "l/c.js: 3"]);
    },
  );

  it.each(directions)("$name: a pattern that matches nothing, or leads out, fails", async ({ name, from }) => {
    make(from(), FILES);
    expect(await failure(runPattern(name, "/home/t/*.ts"))).toEqual(code("usage"));
    expect(await failure(runPattern(name, "/home/t/*/../a.js"))).toEqual(code("usage"));
    expect(await failure(runPattern(name, ""))).toEqual(code("usage"));
  });

  it.each(directions)("$name: a relative pattern begins in the user's directory", async ({ name, from, to }) => {
    make(from(), { "/home/x.txt": "1" });
    await runPattern(name, "*.txt");
    expect(tree(to(), "/home/copy")).toEqual(["x.txt: 1"]);
  });
});

describe("streams", () => {
  it("are uploaded as one file, which is verified", async () => {
    const progress: unknown[] = [];
    const onProgress = ({
      bytes,
      totalBytes,
      totalFiles,
    }: Parameters<NonNullable<TransferOptions["onProgress"]>>[0]): void =>
      void progress.push([bytes, totalBytes, totalFiles]);
    const result = await upload(client, chunks("one ", "two"), "f", { verify: "sha256", limit: 1024, onProgress });
    expect(result).toMatchObject({ files: 1, bytes: 7, verified: 1, unverified: [], failed: [] });
    expect(tree(server.files, "/home")).toEqual(["f: one two"]);
    expect(progress.at(-1)).toEqual([7, undefined, 1]);
    expect(await upload(client, chunks("x"), "f", { verify: "size" })).toMatchObject({ verified: 1 });
  });

  it("that fail leave the old file", async () => {
    await upload(client, chunks("old"), "f");
    const bug = new Error("the source broke");
    async function* broken(): AsyncGenerator<Uint8Array, void> {
      yield* chunks("new");
      throw bug;
    }
    expect(await failure(upload(client, broken(), "f"))).toBe(bug);
    expect(await failure(upload(client, text(), "f"))).toEqual(code("usage"));
    expect(tree(server.files, "/home")).toEqual(["f: old"]);
    await expect.poll(() => server.server.handleCount, { timeout: 10_000 }).toBe(0);
  });

  it("get the contents of a download", async () => {
    await client.writeFile("f", "one two");
    let got = "";
    const sink = async (contents: AsyncIterable<Uint8Array>): Promise<void> => {
      for await (const chunk of contents) got += new TextDecoder().decode(chunk);
    };
    expect(await download(client, "f", sink, { verify: "sha256" })).toMatchObject({ files: 1, bytes: 7, verified: 1 });
    expect(got).toBe("one two");
    await expect.poll(() => server.server.handleCount, { timeout: 10_000 }).toBe(0);
  });

  it("that stop early fail the download, and release the file", async () => {
    await client.writeFile("f", new Uint8Array(3_000_000));
    expect(await failure(download(client, "f", stop))).toEqual(code("usage"));
    const bug = new Error("the disk is full");
    const fail = async (): Promise<void> => {
      throw bug;
    };
    expect(await failure(download(client, "f", fail))).toBe(bug);
    expect(await failure(download(client, ".", fail))).toEqual(code("usage"));
    await expect.poll(() => server.server.handleCount, { timeout: 10_000 }).toBe(0);
  });

  it("are refused with options that need files", async () => {
    for (const options of [
      { recursive: true },
      { preserve: true },
      { resume: true },
      { update: "size-mtime" },
      { delete: true },
    ] as const) {
      expect(await failure(upload(client, chunks("x"), "f", options))).toEqual(code("usage"));
      expect(await failure(download(client, "f", async () => {}, options))).toEqual(code("usage"));
    }
    expect(await failure(download(client, { glob: "*" }, async () => {}))).toEqual(code("usage"));
    expect(await failure(upload(client, 5 as never, "f"))).toEqual(code("usage"));
    expect(await failure(download(client, "f", "local" as never))).toEqual(code("usage"));
    for (const remote of [null, { glob: 5 }])
      expect(await failure(download(client, remote as never, { files: local, path: "/home/copy" }))).toEqual(
        code("usage"),
      );
  });
});

describe("a copy between servers", () => {
  it("moves a tree, verifies it, and leaves out links by default", async () => {
    const { to, target } = await other();
    make(server.files, TREE);
    server.files.symlink("d", "/home/t/l");
    const result = await copy(client, "t", to, "copy", { recursive: true, verify: "sha256" });
    expect(result).toMatchObject({ files: 2, verified: 2, skipped: [{ path: "l", reason: "link" }] });
    expect(tree(target.files, "/home/copy")).toEqual(["a: one", "d/", "d/b: two"]);
    await copy(client, "t", to, "copy", { recursive: true, symlinks: "keep", update: "size-mtime", delete: true });
    expect(tree(target.files, "/home/copy")).toEqual(["a: one", "d/", "d/b: two", "l -> d"]);
    await copy(client, { glob: "t/d/*" }, to, "flat");
    expect(tree(target.files, "/home/flat")).toEqual(["b: two"]);
    await expect
      .poll(() => [server.server.handleCount, target.server.handleCount], { timeout: 10_000 })
      .toEqual([0, 0]);
  });

  it("ends when either connection ends, even with `skip`", async () => {
    for (const side of ["from", "to"]) {
      await open();
      const { to, target } = await other();
      make(server.files, TREE);
      const lost = new SshError("connection-lost", "lost");
      const onProgress = (): void => (side === "from" ? server : target).lose(lost);
      const options = { recursive: true, onError: "skip", onProgress } as const;
      expect(await failure(copy(client, "t", to, "copy", options))).toMatchObject({ code: "connection-lost" });
    }
  });
});
