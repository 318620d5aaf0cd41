import { decodePath, encodePath, type Sftp, type SftpError, SSH_FX } from "@nacre/files";
import { code, failure, text } from "@nacre/testing/nacre/outcomes";
import { describe, expect, it } from "vitest";
import { readAllEntries } from "../../src/remote/directory.ts";
import { partsOf } from "../../src/remote/sftp.ts";
import { isSame, make, openMemorySftp, pattern } from "./support.ts";

const denied = (call: string, path: string, name: string, status: number): unknown =>
  expect.objectContaining({ name: "SftpError", code: name, call, path, status });

async function* words(): AsyncGenerator<string | Uint8Array> {
  yield "one ";
  yield new Uint8Array([0x74, 0x77, 0x6f]);
}

describe("files", () => {
  it("writes and reads text and bytes of every length around a block", async () => {
    const { sftp } = await openMemorySftp();
    await sftp.writeFile("greeting", "grüß dich\n");
    expect(await sftp.readFile("greeting", "utf8")).toBe("grüß dich\n");
    const { maxReadLength } = sftp.serverLimits;
    for (const length of [0, 1, 32_768, maxReadLength - 1, maxReadLength, maxReadLength + 1, 3_000_000]) {
      const bytes = pattern(length);
      await sftp.writeFile("bytes", bytes);
      expect((await sftp.stat("bytes")).size).toBe(length);
      expect(isSame(await sftp.readFile("bytes"), bytes)).toBe(true);
    }
  });

  it("reads a small file in two round trips, without waiting for the close", async () => {
    const { sftp, server } = await openMemorySftp();
    await sftp.writeFile("small", "abc");
    server.requests.length = 0;
    await sftp.readFile("small");
    await expect.poll(() => server.requests, { timeout: 10_000 }).toEqual(["open", "fstat", "read", "close"]);
  });

  it("closes a file behind its last write, even if that write waits for the answers to earlier ones", async () => {
    // As many bytes as may be under way at first, and a rest too short to be sent on its own.
    const full = pattern(2 * 1024 * 1024);
    const { sftp, server } = await openMemorySftp({
      answer({ token, request }, machine) {
        if (request.type !== "write" || request.offset >= full.length) return false;
        // Everything else happens in microtasks, so the client has passed on all data before the first answer.
        setTimeout(() => {
          machine.status(token, SSH_FX.OK);
          server.flush();
        });
        return true;
      },
    });
    await sftp.writeFile("a", [full, pattern(5000)]);
    expect(server.requests.slice(-2)).toEqual(["write", "close"]);
    expect(isSame(server.files.find("a").data.subarray(full.length), pattern(5000))).toBe(true);
  });

  it("writes from iterables and from Web streams", async () => {
    const { sftp } = await openMemorySftp();
    await sftp.writeFile("words", words());
    expect(await sftp.readFile("words", "utf8")).toBe("one two");
    await sftp.writeFile("words", ["three ", "four"]);
    expect(await sftp.readFile("words", "utf8")).toBe("three four");
    const stream = new ReadableStream<string>({
      start(controller) {
        controller.enqueue("five");
        controller.close();
      },
    });
    await sftp.writeFile("words", stream);
    expect(await sftp.readFile("words", "utf8")).toBe("five");
  });

  it("fails with the error of an iterable, and stops an iterable when writing fails", async () => {
    const { sftp, server } = await openMemorySftp({
      answer({ token, request }, machine) {
        if (request.type !== "write" || request.offset === 0) return false;
        machine.status(token, SSH_FX.FAILURE, "disk full");
        return true;
      },
    });
    const broken = new Error("broken source");
    async function* breaking(): AsyncGenerator<string> {
      yield "a";
      throw broken;
    }
    expect(await failure(sftp.writeFile("x", breaking()))).toBe(broken);
    let stopped = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield new Uint8Array(40_000);
      } finally {
        stopped = true;
      }
    }
    const error = await failure(sftp.writeFile("x", endless()));
    expect(error).toEqual(denied("write", "x", "sftp-failure", SSH_FX.FAILURE));
    expect((error as SftpError).serverMessage).toBe("disk full");
    await expect.poll(() => [stopped, server.server.handleCount], { timeout: 10_000 }).toEqual([true, 0]);
  });

  const more = pattern(700_000);
  it.each<[string, (sftp: Sftp) => Promise<unknown>]>([
    ["appendFile", (sftp) => sftp.appendFile("log", more, { flush: true })],
    [
      "appendFile of an iterable",
      (sftp) => sftp.appendFile("log", [more.subarray(0, 100_000), more.subarray(100_000)]),
    ],
    [
      "an open file",
      async (sftp) => {
        await using file = await sftp.open("log", "a");
        await file.write(more);
      },
    ],
    [
      "a stream",
      async (sftp) => {
        const writer = sftp.createWriteStream("log", { flags: "a" }).getWriter();
        await writer.write(more);
        await writer.close();
      },
    ],
  ])("appends in order, one of many writes at a time: %s", async (_, append) => {
    // 22 blocks, any two of which a server might append in the wrong order.
    const { sftp, server } = await openMemorySftp({ limits: { maxPacketLength: 34_000 } });
    await sftp.writeFile("log", "first\n");
    server.mostRequests = 0;
    await append(sftp);
    expect(server.mostRequests).toBeLessThanOrEqual(3); // The last write, fsync and close.
    expect(server.requests.filter((type) => type === "write").length).toBeGreaterThan(20);
    expect(isSame((await sftp.readFile("log")).subarray(6), more)).toBe(true);
  });

  it("writes in one step only to a temporary file that it made itself", async () => {
    const { sftp, server } = await openMemorySftp({
      answer({ request }) {
        // Another user of the directory has guessed the name, and places a link there first.
        if (request.type === "open" && decodePath(request.path).startsWith(".nacre-"))
          server.files.symlink("precious", decodePath(request.path));
        return false;
      },
    });
    await sftp.writeFile("precious", "untouched");
    expect(await failure(sftp.writeFile("f", "new", { atomic: true }))).toMatchObject({ code: "sftp-failure" });
    expect(await sftp.readFile("precious", "utf8")).toBe("untouched");
    expect(await sftp.exists("f")).toBe(false);
  });

  it("rejects files longer than `maxLength`, whether or not the server states their length", async () => {
    for (const hidesSize of [false, true]) {
      const { sftp, server } = await openMemorySftp({
        answer({ token, request }, machine) {
          if (!hidesSize || request.type !== "fstat") return false;
          machine.attributes(token, {});
          return true;
        },
      });
      await sftp.writeFile("long", pattern(600_000));
      expect(await failure(sftp.readFile("long", { maxLength: 599_999 }))).toEqual(code("output-limit"));
      expect((await sftp.readFile("long", { maxLength: 600_000 })).length).toBe(600_000);
      await expect.poll(() => server.server.handleCount, { timeout: 10_000 }).toBe(0);
    }
  });

  it("names status, path and call in errors, and escapes neither in the fields", async () => {
    const { sftp } = await openMemorySftp();
    const error = await failure(sftp.readFile("no\u001bfile"));
    expect(error).toEqual(denied("readFile", "no\u001bfile", "sftp-no-such-file", SSH_FX.NO_SUCH_FILE));
    expect((error as SftpError).message).not.toContain("\u001b");
  });

  it("takes paths as bytes, and returns names that are not UTF-8 in a form that every call takes", async () => {
    const { sftp } = await openMemorySftp();
    const path = new Uint8Array([0x61, 0xff, 0x62]);
    await sftp.writeFile(path, "odd");
    const [name] = await sftp.readdir(".");
    expect(name).toBe("a\udcffb");
    expect(await sftp.readFile(name!, "utf8")).toBe("odd");
  });
});

describe("an atomic write", () => {
  it("replaces the file by renaming a new one, with the old permission bits", async () => {
    const { sftp, server } = await openMemorySftp();
    await sftp.writeFile("config", "old", { mode: 0o600 });
    server.requests.length = 0;
    await sftp.writeFile("config", "new", { atomic: true });
    expect(server.requests).toEqual(["stat", "open", "write", "fsetstat", "fsync", "close", "posix-rename"]);
    expect(await sftp.readFile("config", "utf8")).toBe("new");
    expect((await sftp.stat("config")).mode & 0o777).toBe(0o600);
    expect(await sftp.readdir(".")).toEqual(["config"]);
  });

  it("leaves the old contents and no other file after a failure", async () => {
    let fails = "write";
    const { sftp } = await openMemorySftp({
      answer({ token, request }, machine) {
        if (request.type !== fails) return false;
        machine.status(token, SSH_FX.FAILURE);
        return true;
      },
    });
    fails = "";
    await sftp.writeFile("config", "old");
    for (fails of ["write", "fsetstat", "fsync", "posix-rename"]) {
      expect(await failure(sftp.writeFile("config", "new", { atomic: true }))).toMatchObject({ code: "sftp-failure" });
      expect(await sftp.readdir(".")).toEqual(["config"]);
      expect(await sftp.readFile("config", "utf8")).toBe("old");
    }
  });

  it("makes a new file without posix-rename@openssh.com, but replaces none", async () => {
    const { sftp } = await openMemorySftp({ extensions: [] });
    await sftp.writeFile("config", "first", { atomic: true });
    expect(await failure(sftp.writeFile("config", "second", { atomic: true }))).toEqual(code("sftp-unsupported"));
    expect(await sftp.readdir(".")).toEqual(["config"]);
    expect(await sftp.readFile("config", "utf8")).toBe("first");
  });
});

describe("attributes", () => {
  it("returns those of Node's Stats, and bigints if asked", async () => {
    const { sftp } = await openMemorySftp();
    await sftp.writeFile("a", "12345");
    await sftp.chmod("a", 0o640);
    await sftp.chown("a", 7, 8);
    await sftp.utimes("a", 1000, new Date("2024-01-02T03:04:05.678Z"));
    await sftp.symlink("a", "link");
    const stats = await sftp.stat("link");
    expect(stats).toMatchObject({ size: 5, mode: 0o100_640, uid: 7, gid: 8, atimeMs: 1_000_000 });
    expect(stats.mtime).toEqual(new Date("2024-01-02T03:04:05Z"));
    expect([stats.isFile(), stats.isDirectory(), stats.isSymbolicLink()]).toEqual([true, false, false]);
    expect((await sftp.lstat("link")).isSymbolicLink()).toBe(true);
    expect(await sftp.stat("a", { bigint: true })).toMatchObject({ size: 5n, mode: 0o100_640n, uid: 7n });
  });

  it("changes those of a link itself with lchmod, lchown and lutimes", async () => {
    const { sftp } = await openMemorySftp();
    await sftp.writeFile("a", "");
    await sftp.symlink("a", "link");
    await sftp.lchmod("link", 0o500);
    await sftp.lchown("link", 3, 4);
    await sftp.lutimes("link", 5, 6);
    expect(await sftp.lstat("link")).toMatchObject({ mode: 0o120_500, uid: 3, gid: 4, atimeMs: 5000, mtimeMs: 6000 });
    expect(await sftp.stat("link")).toMatchObject({ mode: 0o100_644, uid: 1000, gid: 1000 });
  });

  it("leaves out what the server does not state", async () => {
    const { sftp } = await openMemorySftp({
      answer({ token, request }, machine) {
        if (request.type === "stat") machine.attributes(token, {});
        return request.type === "stat";
      },
    });
    const stats = await sftp.stat("a");
    expect(stats).toMatchObject({ size: 0, mode: 0, uid: undefined, gid: undefined, mtimeMs: undefined });
    expect([stats.isFile(), stats.mtime]).toEqual([false, undefined]);
  });

  it("truncates, and returns whether a file exists", async () => {
    const { sftp } = await openMemorySftp();
    await sftp.writeFile("a", "12345");
    await sftp.truncate("a", 2);
    expect(await sftp.readFile("a", "utf8")).toBe("12");
    await sftp.truncate("a", 4n);
    expect(await sftp.readFile("a")).toEqual(new Uint8Array([0x31, 0x32, 0, 0]));
    expect([await sftp.exists("a"), await sftp.exists("b")]).toEqual([true, false]);
    expect(await failure(sftp.access("b"))).toEqual(denied("access", "b", "sftp-no-such-file", 2));
  });

  it("returns facts about the file system", async () => {
    const { sftp } = await openMemorySftp();
    expect(await sftp.statfs(".")).toMatchObject({ bsize: 4096, blocks: 1000, bavail: 400, readOnly: false });
    expect((await sftp.statfs(".", { bigint: true })).bfree).toBe(500n);
  });

  it.each([
    ["a mode", (sftp) => sftp.chmod("a", 0o10_000)],
    ["an id", (sftp) => sftp.chown("a", -1, 0)],
    ["a time", (sftp) => sftp.utimes("a", Number.NaN, 0)],
    ["a length", (sftp) => sftp.truncate("a", 1.5)],
    ["a position", async (sftp) => sftp.createReadStream("a", { start: -1 })],
    ["flags", (sftp) => sftp.open("a", "rw" as "r")],
    ["an option", (sftp) => sftp.readFile("a", { encodng: "utf8" } as object)],
    ["a path", (sftp) => sftp.stat(7 as unknown as string)],
    ["a path with NUL", (sftp) => sftp.stat("a\0b")],
    ["a signal", (sftp) => sftp.stat("a", { signal: new AbortController() as unknown as AbortSignal })],
    ["data", (sftp) => sftp.writeFile("a", 7 as unknown as string)],
  ] satisfies [string, (sftp: Awaited<ReturnType<typeof openMemorySftp>>["sftp"]) => Promise<unknown>][])(
    "rejects %s that is invalid",
    async (_, use) => {
      const { sftp } = await openMemorySftp();
      expect(await failure(use(sftp))).toEqual(code("usage"));
    },
  );
});

describe("directories", () => {
  it("lists names and entries with their attributes", async () => {
    const { sftp } = await openMemorySftp();
    await sftp.mkdir("d", 0o700);
    await sftp.writeFile("d/file", "abc");
    await sftp.mkdir("d/sub");
    expect(await sftp.readdir("d")).toEqual(["file", "sub"]);
    const [file, sub] = await sftp.readdir("d", { withFileTypes: true });
    expect(file).toMatchObject({ name: "file", parentPath: "d", stats: { size: 3 } });
    expect([file!.isFile(), sub!.isDirectory()]).toEqual([true, true]);
  });

  it("lists 1,000 names with several requests under way", async () => {
    const { sftp, server } = await openMemorySftp();
    for (let i = 0; i < 1000; i++) server.files.open(`n${i}`, 0x8);
    server.mostRequests = 0;
    expect((await sftp.readdir(".")).length).toBe(1000);
    expect(server.mostRequests).toBeGreaterThan(4);
    await expect.poll(() => server.server.handleCount, { timeout: 10_000 }).toBe(0);
  });

  it("iterates over a directory, and closes it when the loop ends early", async () => {
    const { sftp, server } = await openMemorySftp();
    for (let i = 0; i < 250; i++) server.files.open(`n${i}`, 0x8);
    const names: string[] = [];
    for await (const { name } of await sftp.opendir(".")) names.push(name);
    expect(names.length).toBe(250);
    expect(names.slice(0, 3)).toEqual(["n0", "n1", "n2"]);
    for await (const entry of await sftp.opendir(".")) if (entry.name === "n5") break;
    await expect.poll(() => server.server.handleCount, { timeout: 10_000 }).toBe(0);
    expect(await failure(sftp.opendir("missing"))).toMatchObject({ code: "sftp-no-such-file", call: "opendir" });
  });

  it("is closed once its end is seen, and asks for no names behind its CLOSE", async () => {
    const { sftp, server } = await openMemorySftp();
    for (let i = 0; i < 300; i++) await sftp.writeFile(`n${i}`, "");
    server.requests.length = 0;
    const directory = await sftp.opendir(".");
    const first = await directory.read();
    // The entries wait, and the handle does not.
    await expect.poll(() => server.server.handleCount, { timeout: 10_000 }).toBe(0);
    const names = [first!.name];
    for await (const { name } of directory) names.push(name);
    expect(new Set(names).size).toBe(300);
    await sftp.stat(".");
    expect(server.requests.filter((type) => type === "close")).toHaveLength(1);
    expect(server.requests.lastIndexOf("readdir")).toBeLessThan(server.requests.indexOf("close"));
  });

  it("closes a directory that was opened and never read", async () => {
    const { sftp, server } = await openMemorySftp();
    const directory = await sftp.opendir(".");
    expect(server.server.handleCount).toBe(1);
    await directory.close();
    await expect.poll(() => server.server.handleCount, { timeout: 10_000 }).toBe(0);
    expect(await directory.read()).toBeNull();
  });

  it("stops listing a directory without an end", async () => {
    const names = Array.from({ length: 100 }, (_, i) => {
      const filename = new TextEncoder().encode(`n${i}`);
      return { filename, longname: new Uint8Array(0), attributes: {} };
    });
    const { sftp, server } = await openMemorySftp({
      answer({ token, request }, machine) {
        if (request.type === "readdir") machine.names(token, names);
        return request.type === "readdir";
      },
    });
    const listing = readAllEntries(partsOf(sftp).channel, ".", { call: "readdir" }, 1000);
    expect(await failure(listing)).toEqual(code("output-limit"));
    await expect.poll(() => server.server.handleCount, { timeout: 10_000 }).toBe(0);
  });

  it("makes missing parents, returns the first one made, and accepts an existing directory", async () => {
    const { sftp } = await openMemorySftp();
    expect(await sftp.mkdir("a/b/c", { recursive: true })).toBe("a");
    expect(await sftp.mkdir("a/b/c", { recursive: true })).toBeUndefined();
    expect(await sftp.mkdir("a/b/d/e", { recursive: true })).toBe("a/b/d");
    await sftp.writeFile("a/file", "");
    expect(await failure(sftp.mkdir("a/file", { recursive: true }))).toMatchObject({ code: "sftp-failure" });
    expect(await sftp.readdir("a", { recursive: true })).toEqual(["b", "b/c", "b/d", "b/d/e", "file"]);
  });

  it("removes a link to a directory, and nothing in that directory", async () => {
    const { sftp } = await openMemorySftp();
    await sftp.mkdir("keep");
    await sftp.writeFile("keep/precious", "x");
    await sftp.symlink("keep", "link");
    await sftp.rm("link", { recursive: true });
    expect(await sftp.readdir(".")).toEqual(["keep"]);
    expect(await sftp.readdir("keep")).toEqual(["precious"]);
  });

  it("removes trees, never through a link", async () => {
    const { sftp } = await openMemorySftp();
    await sftp.mkdir("keep");
    await sftp.writeFile("keep/precious", "1");
    await sftp.mkdir("tree/deep/er", { recursive: true });
    for (let i = 0; i < 150; i++) await sftp.writeFile(`tree/deep/f${i}`, "");
    await sftp.symlink("../keep", "tree/link");
    expect(await failure(sftp.rm("tree"))).toEqual(code("usage"));
    await sftp.rm("tree", { recursive: true });
    expect(await sftp.readdir(".")).toEqual(["keep"]);
    expect(await sftp.readdir("keep")).toEqual(["precious"]);
    expect(await failure(sftp.rm("tree"))).toMatchObject({ code: "sftp-no-such-file" });
    await sftp.rm("tree", { force: true });
  });

  it("copies and removes the files of a directory before it has listed all others", async () => {
    const { sftp, server } = await openMemorySftp();
    server.files.makeDirectory("/home/tree");
    for (let i = 0; i < 200; i++) make(server.files, { [`/home/tree/${i}/`]: "", [`/home/tree/${i}/f`]: "" });
    await sftp.cp("tree", "copy", { recursive: true });
    expect(server.requests.indexOf("copy-data")).toBeLessThan(server.requests.lastIndexOf("opendir"));
    server.requests.length = 0;
    await sftp.rm("tree", { recursive: true });
    expect(server.requests.indexOf("remove")).toBeLessThan(server.requests.lastIndexOf("opendir"));
    expect(await sftp.readdir(".")).toEqual(["copy"]);
  });

  it("reports the first error of a tree, after everything under way has ended", async () => {
    const { sftp, server } = await openMemorySftp({
      answer({ token, request }, machine) {
        if (request.type !== "remove") return false;
        machine.status(token, SSH_FX.PERMISSION_DENIED);
        return true;
      },
    });
    await sftp.mkdir("tree");
    for (let i = 0; i < 200; i++) await sftp.writeFile(`tree/f${i}`, "");
    server.requests.length = 0;
    expect(await failure(sftp.rm("tree", { recursive: true }))).toMatchObject({ code: "sftp-permission-denied" });
    expect(server.requests.filter((type) => type === "remove").length).toBe(64);
    expect(server.server.requestCount).toBe(0);
  });

  it("renames over a file in one step where the server can", async () => {
    for (const extensions of [["posixRename"], []] as const) {
      const { sftp } = await openMemorySftp({ extensions });
      await sftp.writeFile("a", "a");
      await sftp.writeFile("b", "b");
      if (extensions.length > 0) await sftp.rename("a", "b");
      else expect(await failure(sftp.rename("a", "b"))).toMatchObject({ code: "sftp-failure", call: "rename" });
      expect(await sftp.readdir(".")).toEqual(extensions.length > 0 ? ["b"] : ["a", "b"]);
    }
  });

  it("makes and reads links, and removes files and empty directories", async () => {
    const { sftp } = await openMemorySftp();
    await sftp.writeFile("a", "1");
    await sftp.link("a", "hard");
    await sftp.symlink("a", "soft");
    expect(await sftp.readlink("soft")).toBe("a");
    expect(await sftp.realpath("./soft")).toBe("/home/a");
    await sftp.unlink("a");
    expect(await sftp.readFile("hard", "utf8")).toBe("1");
    await sftp.mkdir("d");
    await sftp.rmdir("d");
    expect(await sftp.readdir(".")).toEqual(["hard", "soft"]);
  });

  it("expands a path, and returns names of users and groups in the order of their ids", async () => {
    const names = new Map([
      [0, "root"],
      [1000, "alice"],
    ]);
    const { sftp } = await openMemorySftp({
      extensions: ["expandPath", "usersGroupsById"],
      answer({ token, request }, machine) {
        if (request.type === "expand-path")
          machine.name(token, encodePath(decodePath(request.path).replace("~bob", "/home/bob")));
        else if (request.type === "users-groups-by-id")
          machine.usersGroups(token, {
            users: request.uids.map((id) => names.get(id) ?? ""),
            groups: request.gids.map((id) => `g${id}`),
          });
        else return false;
        return true;
      },
    });
    expect(await sftp.expandPath("~bob/x")).toBe("/home/bob/x");
    expect(await sftp.usersGroups([1000, 7, 0], [5])).toEqual({ users: ["alice", "", "root"], groups: ["g5"] });
    expect(await failure(sftp.usersGroups([], [], { signal: AbortSignal.abort() }))).toEqual(code("aborted"));
  });

  it("says which extension is missing", async () => {
    const { sftp } = await openMemorySftp({ extensions: [] });
    await sftp.writeFile("a", "");
    const uses = [
      sftp.link("a", "b"),
      sftp.statfs("."),
      sftp.lutimes("a", 1, 1),
      sftp.expandPath("~"),
      sftp.usersGroups([0], [0]),
    ];
    for (const use of uses) expect(await failure(use)).toEqual(code("sftp-unsupported"));
  });
});

describe("copies on the server", () => {
  for (const extensions of [["copyData", "posixRename"], []] as const) {
    const how = extensions.length > 0 ? "with copy-data" : "through the client";

    it(`copies contents and permission bits ${how}`, async () => {
      const { sftp, server } = await openMemorySftp({ extensions });
      const bytes = pattern(1_500_000);
      await sftp.writeFile("a", bytes, { mode: 0o750 });
      await sftp.copyFile("a", "b");
      expect(isSame(await sftp.readFile("b"), bytes)).toBe(true);
      expect((await sftp.stat("b")).mode & 0o777).toBe(0o750);
      expect(server.requests.includes("copy-data")).toBe(extensions.length > 0);
      await expect.poll(() => server.server.handleCount, { timeout: 10_000 }).toBe(0);
    });
  }

  it("copies trees with links and times", async () => {
    const { sftp } = await openMemorySftp();
    await sftp.mkdir("from/sub", { recursive: true });
    await sftp.writeFile("from/sub/file", "1");
    await sftp.symlink("sub/file", "from/link");
    await sftp.utimes("from/sub/file", 100, 200);
    expect(await failure(sftp.cp("from", "to"))).toEqual(code("usage"));
    await sftp.cp("from", "to", { recursive: true, preserveTimestamps: true });
    expect(await sftp.readdir("to", { recursive: true })).toEqual(["sub", "sub/file", "link"]);
    expect(await sftp.readlink("to/link")).toBe("sub/file");
    expect((await sftp.stat("to/sub/file")).mtimeMs).toBe(200_000);
    // Again, over what exists.
    await sftp.writeFile("from/sub/file", "2");
    await sftp.cp("from", "to", { recursive: true });
    expect(await sftp.readFile("to/sub/file", "utf8")).toBe("2");
  });

  it("leaves existing files alone, or fails, as the options say", async () => {
    const { sftp } = await openMemorySftp();
    await sftp.writeFile("a", "new");
    await sftp.writeFile("b", "old");
    await sftp.cp("a", "b", { force: false });
    expect(await sftp.readFile("b", "utf8")).toBe("old");
    expect(await failure(sftp.cp("a", "b", { force: false, errorOnExist: true }))).toMatchObject({
      code: "sftp-failure",
    });
    expect(await failure(sftp.copyFile("a", "b", { force: false }))).toMatchObject({ code: "sftp-failure" });
    await sftp.cp("a", "b");
    expect(await sftp.readFile("b", "utf8")).toBe("new");
  });

  it("refuses to copy a file onto itself, or a directory into itself", async () => {
    const { sftp } = await openMemorySftp();
    await sftp.writeFile("a", "precious");
    await sftp.symlink("a", "same");
    await sftp.mkdir("d");
    for (const target of ["a", "./a", "same"]) expect(await failure(sftp.copyFile("a", target))).toEqual(code("usage"));
    expect(await failure(sftp.cp("d", "d/below", { recursive: true }))).toEqual(code("usage"));
    expect(await sftp.readFile("a", "utf8")).toBe("precious");
  });
});

describe("a file handle", () => {
  it("reads and writes at positions, and from where it stands", async () => {
    const { sftp } = await openMemorySftp();
    await using file = await sftp.open("f", "w+", 0o600);
    expect(await file.write("hello world")).toMatchObject({ bytesWritten: 11 });
    await file.write(new Uint8Array([0x57]), 0, 1, 6);
    const buffer = new Uint8Array(5);
    expect(await file.read(buffer, { position: 6 })).toEqual({ bytesRead: 5, buffer });
    expect(new TextDecoder().decode(buffer)).toBe("World");
    expect((await file.read(buffer, 1, 2, 0)).bytesRead).toBe(2);
    expect(new TextDecoder().decode(buffer)).toBe("Wheld");
    expect((await file.read(buffer)).bytesRead).toBe(0); // Behind the last write without a position.
    expect((await file.readv([new Uint8Array(3), new Uint8Array(20)], 4)).bytesRead).toBe(7);
    await file.writev([new Uint8Array([1, 2]), new Uint8Array([3])], 9);
    expect(await file.stat()).toMatchObject({ size: 12 });
    await file.truncate(4);
    await file.chmod(0o644);
    await file.utimes(1, 2);
    await file.chown(5, 6);
    await file.sync();
    await file.datasync();
    expect(await file.stat()).toMatchObject({ size: 4, uid: 5, mtimeMs: 2000, mode: 0o100_644 });
  });

  it("fills a buffer longer than a block with several requests, copied once", async () => {
    const { sftp } = await openMemorySftp();
    const bytes = pattern(1_000_000);
    await sftp.writeFile("f", bytes);
    const file = await sftp.open("f");
    const parts = [new Uint8Array(300_000), new Uint8Array(1), new Uint8Array(800_000)];
    expect((await file.readv(parts)).bytesRead).toBe(1_000_000);
    expect(isSame(parts[0]!, bytes.subarray(0, 300_000))).toBe(true);
    expect(parts[1]![0]).toBe(bytes[300_000]);
    expect(isSame(parts[2]!.subarray(0, 699_999), bytes.subarray(300_001))).toBe(true);
    await file.close();
  });

  it("reads lines of any ends, across blocks, and closes the file", async () => {
    const { sftp, server } = await openMemorySftp();
    const long = "ü".repeat(200_000);
    await sftp.writeFile("f", `one\r\n\n${long}\nlast`);
    const lines: string[] = [];
    for await (const line of (await sftp.open("f")).readLines()) lines.push(line);
    expect(lines).toEqual(["one", "", long, "last"]);
    expect(server.server.handleCount).toBe(0);
  });

  it("reads and writes the rest of the file, and appends", async () => {
    const { sftp } = await openMemorySftp();
    await sftp.writeFile("f", "0123456789");
    const file = await sftp.open("f", "r+");
    await file.read(new Uint8Array(4));
    expect(await file.readFile("utf8")).toBe("456789");
    await file.writeFile("ab");
    expect(await sftp.readFile("f", "utf8")).toBe("0123456789ab");
    await file.close();
    const log = await sftp.open("f", "a");
    await log.appendFile("cd", { flush: true });
    await log.close();
    expect(await sftp.readFile("f", "utf8")).toBe("0123456789abcd");
  });

  it("closes once, and refuses calls afterwards", async () => {
    const { sftp, server } = await openMemorySftp();
    await sftp.writeFile("f", "1");
    const file = await sftp.open("f");
    await Promise.all([file.close(), file.close()]);
    expect(server.requests.filter((type) => type === "close").length).toBe(2); // One is that of writeFile.
    expect(await failure(file.stat())).toEqual(code("usage"));
    expect(await failure(text(file.createReadStream()))).toEqual(code("usage"));
  });

  it.each([
    ["offset", { offset: 5 }],
    ["length", { offset: 1, length: 4 }],
    ["position", { position: -1 }],
  ])("rejects an invalid %s", async (_, options) => {
    const { sftp } = await openMemorySftp();
    await using file = await sftp.open("f", "w+");
    expect(await failure(file.read(new Uint8Array(4), options))).toEqual(code("usage"));
    expect(await failure(file.write(new Uint8Array(4), options))).toEqual(code("usage"));
  });
});

it("answers any number of calls at once, with a bounded number under way", async () => {
  const { sftp, server } = await openMemorySftp();
  await sftp.writeFile("f", "1");
  const stats = await Promise.all(Array.from({ length: 3000 }, () => sftp.stat("f")));
  expect(stats.every(({ size }) => size === 1)).toBe(true);
  expect(server.mostRequests).toBeLessThanOrEqual(1024);
});
