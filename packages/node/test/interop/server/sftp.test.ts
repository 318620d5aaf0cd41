import { createHash, randomBytes } from "node:crypto";
import { chmod, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { memoryFileSystem, sftpServer } from "@nacre/files/server";
import { type KeyFile, makeKey, useFolder } from "@nacre/testing/interop/keys";
import { keysOf, type Ran, runPeer, useOurServer } from "@nacre/testing/interop/our-server";
import { beforeAll, describe, expect, it } from "vitest";

// Tests OpenSSH's sftp and scp, and curl, against our SFTP server on files in memory.

const folder = useFolder();
let key: KeyFile;
beforeAll(async () => {
  key = await makeKey(folder, "user", "ed25519");
});

const files = memoryFileSystem();
const server = useOurServer({
  authenticate: keysOf(() => key),
  subsystems: { sftp: sftpServer(files), readonly: sftpServer(files, { readOnly: true }) },
});

/** Options of OpenSSH's programs. */
function options(): string[] {
  const known = join(server.folder.path, "known_hosts");
  const files = ["-F", "/dev/null", "-o", `UserKnownHostsFile=${known}`, "-o", "GlobalKnownHostsFile=/dev/null"];
  return [...files, "-P", `${server.port}`, "-i", key.path, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"];
}

/** Runs sftp with commands, one a line. */
function sftp(commands: readonly string[], words: readonly string[] = []): Promise<Ran> {
  return runPeer(["sftp", "-q", ...options(), ...words, "-b", "-", "alice@127.0.0.1"], {
    input: `${commands.join("\n")}\n`,
  });
}

/** Runs sftp and returns its lines without the echoed commands. */
async function lines(...commands: readonly string[]): Promise<string[]> {
  const { stdout, stderr, status } = await sftp(commands);
  expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
  return stdout
    .toString()
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("sftp> "));
}

/** Returns the digest of each file below a directory, by path. */
async function digests(path: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) {
      const file = join(entry.parentPath, entry.name);
      found[file.slice(path.length)] = createHash("sha256")
        .update(await readFile(file))
        .digest("hex");
    }
  return found;
}

/** Makes a tree of 60 files in nested directories, with names that need quoting. */
async function makeTree(name: string): Promise<string> {
  const root = join(folder.path, name);
  for (let index = 0; index < 60; index++) {
    const directory = join(root, `dir ${index % 4}`, index % 3 === 0 ? "déjà" : "sub", `${index % 2}`);
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, `file '${index}'`), randomBytes((index * 5077) % 70_000));
  }
  await mkdir(join(root, "empty directory"));
  await writeFile(join(root, "large"), randomBytes(3_000_001));
  return root;
}

describe("our SFTP server", () => {
  it("runs the commands of sftp", async () => {
    const local = join(folder.path, "local");
    await writeFile(local, "hello sftp\n");
    await chmod(local, 0o640);
    await utimes(local, 1_500_000_000, 1_500_000_000);
    const back = join(folder.path, "back");
    const listed = await lines(
      "mkdir commands",
      "cd commands",
      `put -p ${local} file`,
      "ln -s file link",
      "ln file hard",
      "rename hard renamed",
      "chmod 600 renamed",
      `get link ${back}`,
      "pwd",
      "ls -l",
      "rm renamed",
      "rm link",
      "ls -1",
    );
    expect(listed).toEqual([
      "Remote working directory: /commands",
      expect.stringMatching(/^-rw-------\s+2 0 {8}0 +11 Jul 14 {2}2017 file$/),
      expect.stringMatching(/^lrwxrwxrwx\s+1 0 {8}0 +4 \w{3} [ \d]\d \d\d:\d\d link$/),
      expect.stringMatching(/^-rw-------\s+2 0 {8}0 +11 Jul 14 {2}2017 renamed$/),
      "file",
    ]);
    expect(await readFile(back, "utf8")).toBe("hello sftp\n");
    expect(await lines("ls -1a commands")).toEqual(["commands/.", "commands/..", "commands/file"]);
    expect(await lines("rm commands/file", "rmdir commands", "ls")).not.toContain("commands");
  });

  it("reports its space to df, and errors with their reason", async () => {
    const [head, facts] = await lines("df");
    expect(head).toMatch(/Size\s+Used\s+Avail/);
    expect(facts).toMatch(/^\s*65536\s/);
    const failed = await sftp(["-mkdir /full", "-mkdir /full", "-get /missing", "-rmdir /", "rmdir /full"]);
    expect(failed.status).toBe(0);
    expect(failed.stderr).toMatch(/mkdir "\/full": Failure[^]*"\/missing" not found[^]*rmdir "\/": Failure/);
  });

  it("returns a tree as sftp sent it", async () => {
    const tree = await makeTree("sftp-tree");
    const back = join(folder.path, "sftp-back");
    await lines("mkdir sftp", `put -R ${tree} sftp/tree`, `get -R sftp/tree ${back}`);
    expect(await digests(back)).toEqual(await digests(tree));
    expect((await stat(join(back, "empty directory"))).isDirectory()).toBe(true);
  });

  it("returns a tree as scp sent it", async () => {
    const tree = await makeTree("scp-tree");
    await symlink("large", join(tree, "link"));
    const remote = "alice@127.0.0.1:scp-tree";
    const up = await runPeer(["scp", "-q", "-r", "-p", ...options(), tree, remote]);
    expect({ stderr: up.stderr, status: up.status }).toEqual({ stderr: "", status: 0 });
    const back = join(folder.path, "scp-back");
    const down = await runPeer(["scp", "-q", "-r", "-p", ...options(), remote, back]);
    expect({ stderr: down.stderr, status: down.status }).toEqual({ stderr: "", status: 0 });
    expect(await digests(back)).toEqual({ ...(await digests(tree)), "/link": (await digests(tree))["/large"] });
  });

  it("takes and returns a file of curl", async () => {
    const path = join(folder.path, "for-curl");
    await writeFile(path, randomBytes(1_000_000));
    const keys = ["--key", key.path, "--pubkey", `${key.path}.pub`, "--user", "alice:", "--insecure", "-sS"];
    const url = `sftp://127.0.0.1:${server.port}/curl/made/file`;
    const up = await runPeer(["curl", ...keys, "--ftp-create-dirs", "-T", path, url]);
    expect({ stderr: up.stderr, status: up.status }).toEqual({ stderr: "", status: 0 });
    const down = await runPeer(["curl", ...keys, url]);
    expect({ stderr: down.stderr, status: down.status }).toEqual({ stderr: "", status: 0 });
    expect(Buffer.compare(down.stdout, await readFile(path))).toBe(0);
    const list = await runPeer(["curl", ...keys, `sftp://127.0.0.1:${server.port}/curl/made/`]);
    expect(list.stdout.toString()).toMatch(/^drwx.* \.\ndrwx.* \.\.\n-rw-r--r--\s+1 0 {8}0 +1000000 .* file\n$/);
  });

  it("refuses changes when it is read-only", async () => {
    await lines("mkdir shown");
    const { stderr, status } = await sftp(["-mkdir denied", "-rmdir shown", "ls -1 shown"], ["-s", "readonly"]);
    expect(status).toBe(0);
    expect(stderr).toMatch(/mkdir "\/denied": Permission denied[^]*rmdir "\/shown": Permission denied/);
    expect(await lines("ls -1")).toContain("shown");
  });

  it("leaves no session open", async () => {
    await expect
      .poll(() => server.told("session-started").length - server.told("session-ended").length, { timeout: 10_000 })
      .toBe(0);
    expect(server.told("session-ended").flatMap(({ error }) => error ?? [])).toEqual([]);
    expect(server.told("session-started").length).toBeGreaterThan(5);
  });
});
