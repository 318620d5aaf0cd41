import { memoryFileSystem, sftpServer } from "@nacre/files/server";
import { userKey } from "@nacre/testing/protocol/pair";
import { base64Encode } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import { isSame, pattern } from "../client/support.ts";
import { expectRefused, openServed, withMethods } from "./support.ts";

describe("sftpServer, called by the client", () => {
  it("writes, reads, appends, truncates and copies files", async () => {
    const { sftp } = await openServed();
    const bytes = pattern(3_000_000);
    await sftp.writeFile("data", bytes);
    expect(isSame(await sftp.readFile("/data"), bytes)).toBe(true);
    await sftp.appendFile("data", "end", { flush: true });
    expect((await sftp.stat("data")).size).toBe(3_000_003);
    await sftp.copyFile("data", "copy");
    await sftp.truncate("data", 10);
    expect(isSame(await sftp.readFile("data"), bytes.subarray(0, 10))).toBe(true);
    expect((await sftp.readFile("copy")).length).toBe(3_000_003);
    await sftp.truncate("data", 12);
    expect([...(await sftp.readFile("data")).subarray(9)]).toEqual([bytes[9], 0, 0]);
    await sftp.writeFile("empty", "");
    expect((await sftp.readFile("empty")).length).toBe(0);
  });

  it("uses the files of the login: of its user and key", async () => {
    const [memory, hers] = [memoryFileSystem(), memoryFileSystem()];
    const logins: string[] = [];
    const { sftp } = await openServed(
      withMethods(memory, {
        forLogin: (login) => {
          logins.push(login);
          return hers;
        },
      }),
    );
    await sftp.mkdir("d");
    await expect(memory.stat("d")).rejects.toThrow("ENOENT");
    expect((await hers.stat("d")).permissions! & 0o170_000).toBe(0o040_000);
    expect(logins).toEqual([JSON.stringify(["alice", base64Encode(userKey.publicKey.blob)])]);
  });

  it("replaces a file in one step, and refuses what must not exist", async () => {
    const { sftp } = await openServed();
    await sftp.writeFile("f", "one", { mode: 0o600 });
    await sftp.writeFile("f", "two", { atomic: true });
    expect(await sftp.readFile("f", "utf8")).toBe("two");
    expect(await sftp.readdir(".")).toEqual(["f"]);
    await expectRefused(sftp.writeFile("f", "x", { flag: "wx" }), "sftp-failure", "File exists");
  });

  it("makes, lists and removes directories", async () => {
    const { sftp } = await openServed();
    await sftp.mkdir("a/b/c", { recursive: true });
    await sftp.writeFile("a/file", "12345", { mode: 0o640 });
    await sftp.symlink("file", "a/link");
    const entries = await sftp.readdir("a", { withFileTypes: true });
    expect(entries.map((entry) => [entry.name, entry.isDirectory(), entry.isSymbolicLink()])).toEqual([
      ["b", true, false],
      ["file", false, false],
      ["link", false, true],
    ]);
    expect(entries[1]!.stats).toMatchObject({ size: 5, mode: 0o100640 });
    await expectRefused(sftp.rmdir("a"), "sftp-failure", "Directory not empty");
    await expectRefused(sftp.mkdir("a"), "sftp-failure", "File exists");
    await expectRefused(sftp.rmdir("a/file"), "sftp-no-such-file", "Not a directory");
    await expectRefused(sftp.unlink("a/b"), "sftp-failure", "Is a directory");
    await sftp.rm("a", { recursive: true });
    expect(await sftp.exists("a")).toBe(false);
  });

  it("lists a directory of many entries in batches, in order", async () => {
    const memory = memoryFileSystem();
    const names = Array.from({ length: 1500 }, (_, index) => `${index}-${"n".repeat(200)}`);
    for (const name of names) await memory.mkdir(name, {});
    const { sftp } = await openServed(memory);
    expect(await sftp.readdir("/")).toEqual(names);
  });

  it("sets modes, owners and times, of links themselves too", async () => {
    const { sftp } = await openServed();
    await sftp.writeFile("f", "x");
    await sftp.symlink("f", "l");
    await sftp.chmod("l", 0o4711);
    await sftp.chown("f", 7, 8);
    await sftp.utimes("f", 1000, 2000);
    await sftp.lutimes("l", 3000, 4000);
    await sftp.lchown("l", 9, 10);
    expect(await sftp.stat("l")).toMatchObject({
      mode: 0o104711,
      uid: 7,
      gid: 8,
      atimeMs: 1_000_000,
      mtimeMs: 2_000_000,
    });
    expect(await sftp.lstat("l")).toMatchObject({ mode: 0o120777, uid: 9, gid: 10, mtimeMs: 4_000_000 });
  });

  it("makes and follows links", async () => {
    const { sftp } = await openServed();
    await sftp.mkdir("dir/sub", { recursive: true });
    await sftp.writeFile("dir/sub/f", "deep");
    await sftp.symlink("dir/sub", "short");
    expect(await sftp.readlink("short")).toBe("dir/sub");
    expect(await sftp.readFile("short/f", "utf8")).toBe("deep");
    expect(await sftp.realpath("short/../sub/./f")).toBe("/dir/sub/f");
    await sftp.link("short/f", "hard");
    await sftp.unlink("dir/sub/f");
    expect(await sftp.readFile("hard", "utf8")).toBe("deep");
    await sftp.symlink("loop", "loop");
    await expectRefused(sftp.stat("loop"), "sftp-no-such-file", "Too many symbolic links");
    await expectRefused(sftp.readlink("hard"), "sftp-bad-message", "Invalid argument");
  });

  it("renames over a file, and keeps an open file that lost its name", async () => {
    const { sftp } = await openServed();
    await sftp.writeFile("old", "old");
    await sftp.writeFile("new", "new");
    await using handle = await sftp.open("old");
    await sftp.rename("new", "old");
    expect(await sftp.readFile("old", "utf8")).toBe("new");
    expect(await handle.readFile("utf8")).toBe("old");
    await expectRefused(sftp.rename("missing", "x"), "sftp-no-such-file", "No such file or directory");
  });

  it("states its free space, and says when it is used up", async () => {
    const { sftp } = await openServed(memoryFileSystem({ capacity: 64 * 1024 }));
    await sftp.writeFile("f", pattern(32 * 1024));
    expect(await sftp.statfs("/")).toMatchObject({ bsize: 4096, blocks: 16, bfree: 8, namemax: 255 });
    await expectRefused(sftp.writeFile("g", pattern(40 * 1024)), "sftp-failure", "No space left on device");
    await sftp.rm("g");
    await sftp.rm("f");
    expect(await sftp.statfs("/")).toMatchObject({ bfree: 16 });
  });

  it("carries names that are not UTF-8", async () => {
    const { sftp } = await openServed();
    const path = new Uint8Array([0x61, 0xff, 0x62]);
    await sftp.writeFile(path, "odd");
    expect(await sftp.readdir(".")).toEqual(["a\udcffb"]);
    expect(await sftp.readFile("a\udcffb", "utf8")).toBe("odd");
  });

  it("streams both ways", async () => {
    const { sftp } = await openServed();
    const bytes = pattern(1_000_000);
    const writer = sftp.createWriteStream("f").getWriter();
    for (let at = 0; at < bytes.length; at += 100_000) await writer.write(bytes.subarray(at, at + 100_000));
    await writer.close();
    const chunks: Uint8Array[] = [];
    const reader = sftp.createReadStream("f").getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) chunks.push(next.value);
    expect(isSame(new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer()), bytes)).toBe(true);
  });
});

describe("the extensions of a server", () => {
  it("are those that the file system has methods for", async () => {
    const memory = memoryFileSystem();
    const { sftp: full } = await openServed(memory);
    expect([...full.extensions.keys()].sort()).toEqual([
      "copy-data",
      "fstatvfs@openssh.com",
      "fsync@openssh.com",
      "hardlink@openssh.com",
      "limits@openssh.com",
      "lsetstat@openssh.com",
      "posix-rename@openssh.com",
      "statvfs@openssh.com",
    ]);
    const less = withMethods(memory, {
      posixRename: undefined,
      link: undefined,
      fsync: undefined,
      lsetstat: undefined,
      statfs: undefined,
      fstatfs: undefined,
      mkdir: undefined,
      homeDirectory: async (user) => `/home/${user}`,
      usersGroups: async (users, groups) => ({ users: users.map(String), groups: groups.map(String) }),
    });
    const { sftp } = await openServed(less);
    expect([...sftp.extensions.keys()].sort()).toEqual([
      "copy-data",
      "expand-path@openssh.com",
      "home-directory",
      "limits@openssh.com",
      "users-groups-by-id@openssh.com",
    ]);
    await expectRefused(sftp.mkdir("d"), "sftp-unsupported", "Operation unsupported");
    const { sftp: readOnly } = await openServed(memory, { readOnly: true });
    expect([...readOnly.extensions.keys()].sort()).toEqual([
      "fstatvfs@openssh.com",
      "limits@openssh.com",
      "statvfs@openssh.com",
    ]);
  });
});

describe("the options of a server", () => {
  it("are checked when the handler is made", () => {
    const memory = memoryFileSystem();
    expect(() => sftpServer(memory, { readonly: true } as object)).toThrow("readonly");
    expect(() => sftpServer(memory, { readOnly: "yes" as unknown as boolean })).toThrow("`readOnly`");
    expect(() => sftpServer(memory, { log: 1 as unknown as () => void })).toThrow("`log`");
    expect(() => sftpServer(memory, { limits: { maxHandles: 0 } })).toThrow("maxHandles");
    expect(() => sftpServer("/srv" as never)).toThrow("`open`");
    expect(() => memoryFileSystem({ capacity: -1 })).toThrow("`capacity`");
  });
});
