import { execFileSync } from "node:child_process";
import { chmodSync, lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { scpServer } from "@nacre/files/scp-server";
import { type FileSystem, FileSystemError, memoryFileSystem, sftpServer } from "@nacre/files/server";
import type { Client, Sftp } from "@nacre/node";
import { isWindows } from "@nacre/node/extend";
import { expectMode } from "@nacre/testing/windows";
import { SshError } from "@nacre/wire";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { unsetLines, unverifiedLines } from "../../src/cp/result-lines.ts";
import { connectTo, connectToMemory } from "../sftp/support.ts";
import { temporaryFolder } from "../support.ts";
import { collectComplaints, complaints, copy } from "./support.ts";

let client: Client;
let sftp: Sftp;
let folder: string;

beforeEach(async () => {
  ({ client } = await connectToMemory());
  sftp = await client.sftp();
  await sftp.writeFile("/file", "new contents");
  folder = await temporaryFolder();
  collectComplaints();
  // The first login loads the code of a client and a server.
}, 60_000);

/** Runs `nacre cp` with the server as `host`. Resolves with the status. */
const cp = (...line: string[]): Promise<number> => copy(client, line);

describe("a pipe or device as the target", () => {
  test("gets the contents here, and stays, also behind a link", async () => {
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    symlinkSync("pipe", join(folder, "link"));
    for (const name of ["pipe", "link"]) {
      const read = readFile(pipe, "utf8");
      expect([await cp("host:/file", join(folder, name)), complaints()]).toEqual([0, ""]);
      expect(await read).toBe("new contents");
    }
    expect([statSync(pipe).isFIFO(), lstatSync(join(folder, "link")).isSymbolicLink()]).toEqual([true, true]);
  });

  test("takes no directory", async () => {
    await sftp.mkdir("/directory");
    expect(await cp("-r", "host:/directory", "/dev/null")).toBe(1);
    expect(complaints()).toBe('nacre: the target "/dev/null" is not a directory [usage]\n');
  });

  test("may be standard output, whether that is a pipe or a file", async () => {
    const written: string[] = [];
    vi.spyOn(process.stdout, "write").mockImplementation(((bytes: Uint8Array, done: () => void) => {
      written.push(Buffer.from(bytes).toString());
      done();
      return true;
    }) as typeof process.stdout.write);
    for (const path of ["/dev/stdout", "/dev/fd/1"]) expect(await cp("host:/file", path)).toBe(0);
    expect(written).toEqual(["new contents", "new contents"]);
  });

  test("may be standard output that takes nothing, as on a full disk: status 1, with the reason", async () => {
    vi.spyOn(process.stdout, "write").mockImplementation(((_: unknown, done: (error: Error) => void) => {
      done(new Error("ENOSPC: no space left on device, write"));
      return true;
    }) as typeof process.stdout.write);
    expect(await cp("host:/file", "/dev/stdout")).toBe(1);
    expect(complaints()).toMatch(/^nacre: [^\n]*ENOSPC[^\n]* \[file-unwritable\]\n$/);
  });
});

describe("a link as the target", () => {
  test("stays, and the file that it leads to gets the copy", async () => {
    writeFileSync(join(folder, "real"), "old");
    symlinkSync("real", join(folder, "link"));
    expect(await cp("host:/file", join(folder, "link"))).toBe(0);
    expect(lstatSync(join(folder, "link")).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(folder, "real"), "utf8")).toBe("new contents");

    await sftp.writeFile("/real", "old");
    await sftp.symlink("real", "/link");
    expect(await cp(join(folder, "real"), "host:/link")).toBe(0);
    expect(await sftp.readlink("/link")).toBe("real");
    expect(await sftp.readFile("/real", "utf8")).toBe("new contents");
    expect(complaints()).toBe("");
  });
});

describe("status 1 and one line", () => {
  test.each([
    ["a target that cannot be looked at", (local: string) => [`${local}/file`, "host:/file/below"]],
    ["a target below a file of this machine", (local: string) => ["host:/file", `${local}/file/below`]],
    ["a copy onto itself", () => ["host:/file", "host:/file"]],
    ["a copy into itself", () => ["-r", "host:/directory", "host:/directory/below"]],
    ["another user's directory that the server does not know", () => ["host:~nobody/file", "host:/file", "/nowhere"]],
  ])("for %s", async (_, line) => {
    writeFileSync(join(folder, "file"), "");
    await sftp.mkdir("/directory");
    expect(await cp(...line(folder))).toBe(1);
    expect(complaints()).toMatch(/^(?:nacre: [^\n]+\n)+$/);
  });
});

test("a missing directory of the target is named, with what a person can do", async () => {
  const file = join(folder, "a");
  writeFileSync(file, "contents");
  expect(await cp(file, "host:/none/a")).toBe(1);
  expect(complaints()).toMatch(
    /^nacre: upload "\/none\/a": no such file .*; make its directory "\/none" first \[sftp-no-such-file\]\n$/,
  );
});

describe("-O", () => {
  beforeEach(async () => {
    const fileSystem = memoryFileSystem();
    const scp = scpServer(fileSystem);
    client = await connectTo({ session: async (session) => (await scp(session)) ?? 127 });
    await fileSystem.mkdir("/directory", {});
  }, 60_000);

  test("copies files and directories both ways without SFTP", async () => {
    const tree = join(folder, "tree");
    mkdirSync(tree);
    writeFileSync(join(tree, "a"), "contents");
    chmodSync(join(tree, "a"), 0o640);
    expect([await cp("-O", join(tree, "a"), "host:/b"), complaints()]).toEqual([0, ""]);
    expect([await cp("-O", join(tree, "a"), join(tree, "a"), "host:/directory/"), complaints()]).toEqual([0, ""]);
    expect([await cp("-Orp", tree, "host:/copy"), complaints()]).toEqual([0, ""]);
    for (const [from, to] of [
      ["/b", "b"],
      ["/directory/a", "c"],
    ] as const) {
      expect([await cp("-O", `host:${from}`, join(folder, to)), complaints()]).toEqual([0, ""]);
      expect(readFileSync(join(folder, to), "utf8")).toBe("contents");
    }
    expect([await cp("-Orp", "host:/copy", folder), complaints()]).toEqual([0, ""]);
    await expectMode(join(folder, "copy", "a"), 0o640);
  });

  test("gives status 1 and the server's text for a missing file", async () => {
    expect(await cp("-O", "host:/none", folder)).toBe(1);
    expect(complaints()).toMatch(/^nacre: .*No such file.* \[scp-failure\]\n$/);
  });
});

test("files that cannot be compared for the same reason give one line", () => {
  const reason = "no sha256sum";
  const unverified = ["a\x1b", "b", "c"].map((path) => ({ path, reason }));
  expect(unverifiedLines("d", [...unverified, { path: "", reason: "gone" }])).toEqual([
    'nacre: "d/a\\x1b" and 2 more files were resumed without comparing what was there: no sha256sum',
    'nacre: "d" was resumed without comparing what was there: gone',
  ]);
});

test("-p to a server that sets no attributes: the file is whole, status 1, with their names", async () => {
  const memory: FileSystem = memoryFileSystem();
  const fileSystem = new Proxy(memory, {
    get: (target, name: keyof FileSystem) => {
      if (name === "setstat") return undefined;
      if (name !== "open") return (target[name] as (() => unknown) | undefined)?.bind(target);
      return async (...args: Parameters<FileSystem["open"]>) =>
        Object.assign(await target.open(...args), {
          setstat: () => Promise.reject(new FileSystemError("ENOSYS")),
        });
    },
  });
  client = await connectTo({ subsystems: { sftp: sftpServer(fileSystem) } });
  writeFileSync(join(folder, "f"), "contents");
  expect(await cp("-p", join(folder, "f"), "host:/f")).toBe(1);
  const lost = isWindows() ? "times" : "permission bits and times";
  expect(complaints()).toBe(
    `nacre: "${join(folder, "f")}" was copied without its ${lost}: the server refuses to set them (sftp-unsupported)\n`,
  );
  expect(await (await client.sftp()).readFile("/f", "utf8")).toBe("contents");
});

test("files without their attributes give one line for each kind", () => {
  const error = new SshError("sftp-unsupported", "no");
  const unset = ["a", "b"].map((path) => ({ path, attributes: ["mode", "times"] as const, error }));
  expect(unsetLines("d", [...unset, { path: "", attributes: ["times"], error }])).toEqual([
    'nacre: "d/a" and 1 more files were copied without their permission bits and times: the server refuses to set them (sftp-unsupported)',
    'nacre: "d" was copied without its times: the server refuses to set them (sftp-unsupported)',
  ]);
});

test("a source whose path fails does not keep the others from being copied", async () => {
  expect(await cp("host:~nobody/file", "host:/file", folder)).toBe(1);
  expect(complaints()).toMatch(/^nacre: [^\n]+\n$/);
  expect(readFileSync(join(folder, "file"), "utf8")).toBe("new contents");
});
