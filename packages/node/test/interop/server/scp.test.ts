import { createHash, randomBytes } from "node:crypto";
import { chmod, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { scpServer } from "@nacre/files/scp-server";
import { memoryFileSystem, sftpServer } from "@nacre/files/server";
import { type KeyFile, makeKey, useFolder } from "@nacre/testing/interop/keys";
import { keysOf, type Ran, runPeer, useOurServer } from "@nacre/testing/interop/our-server";
import { beforeAll, describe, expect, it } from "vitest";

// Tests OpenSSH's scp with the old protocol (-O) against our server on files in memory.

const folder = useFolder();
let key: KeyFile;
beforeAll(async () => {
  key = await makeKey(folder, "user", "ed25519");
});

const files = memoryFileSystem();
const scp = scpServer(files);
const readOnly = scpServer(files, { readOnly: true });
const others: string[] = [];
const server = useOurServer({
  authenticate: keysOf(() => key),
  acceptEnv: (name) => name === "LC_READONLY",
  session: (session) => {
    const answered = (session.env.LC_READONLY === undefined ? scp : readOnly)(session);
    if (answered === undefined) others.push(session.command ?? "");
    return answered ?? 9;
  },
  // The tests look at the files with sftp.
  subsystems: { sftp: sftpServer(files) },
});

/** Runs `scp -O` with some words. Paths of the server begin with ":". */
function run(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const known = join(server.folder.path, "known_hosts");
  const files = ["-F", "/dev/null", "-o", `UserKnownHostsFile=${known}`, "-o", "GlobalKnownHostsFile=/dev/null"];
  const login = ["-P", `${server.port}`, "-i", key.path, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"];
  const send = ["-o", "SendEnv=LC_READONLY"];
  const places = words.map((word) => (word.startsWith(":") ? `alice@127.0.0.1${word}` : word));
  return runPeer(["scp", "-O", "-q", ...files, ...login, ...send, ...places], { env });
}

async function quietly(...words: readonly string[]): Promise<void> {
  const { stdout, stderr, status } = await run(words);
  expect({ stdout: stdout.toString(), stderr, status }).toEqual({ stdout: "", stderr: "", status: 0 });
}

/** Returns the digest of each file below a directory, by path. */
async function digests(path: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) {
      const file = join(entry.parentPath, entry.name);
      const data = await readFile(file);
      found[file.slice(path.length)] = createHash("sha256").update(data).digest("hex");
    }
  return found;
}

describe("our scp server", () => {
  it("takes and returns a file of scp -O, with its mode and times", async () => {
    const path = join(folder.path, "file");
    await writeFile(path, randomBytes(3_000_001));
    await chmod(path, 0o640);
    await utimes(path, 1_500_000_001, 1_500_000_000);
    await quietly("-p", path, ":copy");
    expect(await files.stat("/copy")).toMatchObject({
      permissions: 0o100_640,
      times: { atime: 1_500_000_001, mtime: 1_500_000_000 },
    });
    const back = join(folder.path, "back");
    await quietly("-p", ":copy", back);
    expect(Buffer.compare(await readFile(back), await readFile(path))).toBe(0);
    expect(await stat(back)).toMatchObject({ mode: 0o100_640, mtimeMs: 1_500_000_000_000 });
  });

  it("puts files into a directory, with a name of the client", async () => {
    await files.mkdir("/into", {});
    const names = ["one", "two words", "$(three)"];
    for (const name of names) await writeFile(join(folder.path, name), name);
    await quietly(...names.map((name) => join(folder.path, name)), ":into");
    for (const name of names) expect((await files.stat(`/into/${name}`)).size).toBe(BigInt(name.length));
    const to = join(folder.path, "from");
    await mkdir(to);
    // OpenSSH quotes nothing, so its user does.
    await quietly(":into/one", ":~/into/two\\ words", ":into/\\$\\(three\\)", to);
    expect((await readdir(to)).toSorted()).toEqual(names.toSorted());
  });

  it("returns a tree as scp -O sent it", async () => {
    const root = join(folder.path, "tree");
    for (let index = 0; index < 60; index++) {
      const directory = join(root, `dir ${index % 4}`, index % 3 === 0 ? "déjà" : "sub", `${index % 2}`);
      await mkdir(directory, { recursive: true });
      await writeFile(join(directory, `file '${index}'`), randomBytes((index * 5077) % 70_000));
    }
    await mkdir(join(root, "empty directory"));
    await writeFile(join(root, "large"), randomBytes(3_000_001));
    await symlink("large", join(root, "link"));
    await quietly("-r", "-p", root, ":");
    const back = join(folder.path, "tree-back");
    await quietly("-r", "-p", ":tree", back);
    expect(await digests(back)).toEqual({ ...(await digests(root)), "/link": (await digests(root))["/large"] });
    expect((await stat(join(back, "empty directory"))).isDirectory()).toBe(true);
  });

  it("reports what it refuses, and goes on", async () => {
    const path = join(folder.path, "file");
    await mkdir(join(folder.path, "some"), { recursive: true });
    const missing = await run([":none", join(folder.path, "some")]);
    expect([missing.status, missing.stderr]).toEqual([1, "scp: none: No such file or directory\n"]);
    const directory = await run([":into", join(folder.path, "some")]);
    expect([directory.status, directory.stderr]).toEqual([1, "scp: into: not a regular file\n"]);
    const nowhere = await run([path, ":none/file"]);
    expect([nowhere.status, nowhere.stderr]).toEqual([1, "scp: file: No such file or directory\n"]);
    const many = await run([path, path, ":copy"]);
    expect([many.status, many.stderr]).toEqual([1, "scp: copy: Not a directory\n"]);
    const inPlace = await run(["-r", join(folder.path, "tree"), ":copy"]);
    expect([inPlace.status, inPlace.stderr]).toEqual([1, expect.stringContaining("Not a directory")]);
  });

  it("refuses uploads when it is read-only", async () => {
    const env = { LC_READONLY: "1" };
    const { status, stderr } = await run([join(folder.path, "file"), ":denied"], env);
    expect([status, stderr]).toEqual([1, "scp: denied: Permission denied\n"]);
    const back = join(folder.path, "read-only");
    expect((await run([":copy", back], env)).status).toBe(0);
    expect((await stat(back)).size).toBe(3_000_001);
  });

  it("refuses paths that a shell would expand, with a text", async () => {
    for (const path of ["*.txt", "$(id)", "a;b", "a b"]) {
      const { status, stderr } = await run([`:${path}`, join(folder.path, "some")]);
      expect([status, stderr]).toEqual([1, "scp: this server takes one path without wildcards, and no terminal\n"]);
    }
    expect(others).toEqual([]);
  });

  it("leaves no session open, and no partial file", async () => {
    await expect
      .poll(() => server.told("session-started").length - server.told("session-ended").length, { timeout: 10_000 })
      .toBe(0);
    expect(server.told("session-ended").flatMap(({ error }) => error ?? [])).toEqual([]);
    const root = await files.opendir("/");
    expect((await root.read()).map(({ name }) => name).toSorted()).toEqual(["copy", "into", "tree"]);
  });
});
