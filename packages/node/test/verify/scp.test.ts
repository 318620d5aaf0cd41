import { mkdir, mkdtemp, readdir, readFile, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { downloadScp, uploadScp } from "@nacre/files/scp";
import { randomData, sha256 } from "@nacre/testing/interop/data";
import { type BothDirectories, makeRemoteDirectory, withDirectories } from "@nacre/testing/interop/directories";
import { type KeyFile, makeKey, readKey, useFolder } from "@nacre/testing/interop/keys";
import { failure, useServer } from "@nacre/testing/interop/server";
import { beforeAll, describe, expect, it } from "vitest";
import { nodeFiles } from "../../src/disk/local-files.ts";
import { connect } from "../../src/index.ts";
import { useDropbears } from "./support/dropbear.ts";

// Transfers with scp to and from OpenSSH's scp, behind OpenSSH's sshd and behind dropbear.

const server = useServer();
const folder = useFolder();
const dropbear = useDropbears();

async function openssh(): Promise<BothDirectories> {
  const ssh = await server.connect();
  return withDirectories(ssh, makeRemoteDirectory(ssh), folder);
}

let key: KeyFile;
beforeAll(async () => {
  key = await makeKey(folder, "dropbear", "ed25519");
  await dropbear.authorize([key.publicKeyLine]);
});

async function behindDropbear(): Promise<BothDirectories> {
  const { port, fingerprint: hostKey } = dropbear.servers.get("ssh-ed25519")!;
  const identities = [await readKey(key)];
  const ssh = await connect({ host: "127.0.0.1", port, user: dropbear.user, agent: false, identities, hostKey });
  return withDirectories(ssh, mkdtemp(join(folder.path, "remote-")), folder);
}

/** Names that a shell would change if they were not quoted. */
const NAMES = ["-rf", " ", "a b", "#x", "'q'", '"q"', "$(id)", "`id`", "*", "?", "\\", "a\\'b", "é", "~", "&", "!x"];

/** Makes a tree of 48 files in nested directories, with empty ones. */
async function makeTree(local: string, names: readonly string[]): Promise<string> {
  const root = join(local, "t");
  for (let d = 0; d < 4; d++) {
    await mkdir(join(root, `d${d}`, "empty"), { recursive: true });
    await mkdir(join(root, `d${d}`, "sub"));
    for (let i = 0; i < 12; i++)
      await writeFile(join(root, `d${d}`, i % 2 ? "sub" : "", `f${i}`), randomData((i * 997) % 40_000));
  }
  for (const name of names) await writeFile(join(root, name), name);
  await utimes(join(root, "d1"), 1_500_000_001, 1_500_000_000);
  return root;
}

const LIST = `export LC_ALL=C && find . -type f -print0 | sort -z | xargs -0 sha256sum -z | tr '\\0' '\\n' | sha256sum`;

describe.each([
  ["OpenSSH's sshd", openssh, NAMES],
  // Each transfer starts a shell of this machine, which takes half a second on a busy one.
  ["dropbear", behindDropbear, ["a b", "'q'", "$(id)"]],
])("scp behind %s", (_, open, names) => {
  it("takes and returns files whose names have every meaning in a shell", async () => {
    const { ssh, remote, local, run } = await open();
    const files = nodeFiles;
    for (const name of names) {
      const path = join(local, "up");
      await writeFile(path, name);
      expect(await uploadScp(ssh, { files, path }, `${remote}/${name}`)).toMatchObject({
        files: 1,
        bytes: name.length + (name === "é" ? 1 : 0),
      });
      await downloadScp(ssh, `${remote}/${name}`, { files, path: join(local, "down") });
      expect(await readFile(join(local, "down"), "utf8")).toBe(name);
    }
    expect((await run("ls -A | wc -l")).trim()).toBe(String(names.length));
  });

  it("takes a large file, and returns it, with mode and times", async () => {
    const { ssh, remote, local, run } = await open();
    const path = join(local, "f");
    const data = randomData(8_000_003);
    await writeFile(path, data, { mode: 0o640 });
    await utimes(path, 1_500_000_001, 1_500_000_000);
    await uploadScp(ssh, { files: nodeFiles, path }, `${remote}/f`, { preserve: true });
    expect(await run("stat -c '%a %X %Y' f; sha256sum <f | cut -c1-64")).toBe(
      `640 1500000001 1500000000\n${sha256(data)}`,
    );
    await downloadScp(ssh, `${remote}/f`, { files: nodeFiles, path: join(local, "back") }, { preserve: true });
    expect(sha256(await readFile(join(local, "back")))).toBe(sha256(data));
    expect(await stat(join(local, "back"))).toMatchObject({ mode: 0o100_640, mtimeMs: 1_500_000_000_000 });
  });

  it("takes and returns a tree", async () => {
    const { ssh, remote, local, run } = await open();
    const root = await makeTree(local, NAMES);
    const options = { recursive: true, preserve: true } as const;
    const sent = await uploadScp(ssh, { files: nodeFiles, path: root }, `${remote}/copy`, options);
    expect(sent).toMatchObject({ files: 48 + NAMES.length, directories: 13, failed: [] });
    const list = await run(`cd copy && ${LIST}`);
    expect(await run("stat -c %Y copy/d1")).toBe("1500000000");
    const back = join(local, "back");
    const got = await downloadScp(
      ssh,
      `${remote}/copy`,
      { files: nodeFiles, path: back },
      { ...options, onError: "skip" },
    );
    // A backslash in a name is not taken from a server.
    const refused = NAMES.filter((name) => name.includes("\\"));
    expect(got.failed.map(({ path }) => path).toSorted()).toEqual(refused.toSorted());
    expect(got).toMatchObject({ files: 48 + NAMES.length - refused.length, directories: 13 });
    for (const name of refused) await run(`rm copy/${name.replaceAll(/[\\']/g, "\\$&")}`);
    await downloadScp(ssh, `${remote}/copy`, { files: nodeFiles, path: join(local, "again") }, options);
    expect((await stat(join(local, "again", "d1"))).mtimeMs).toBe(1_500_000_000_000);
    await uploadScp(ssh, { files: nodeFiles, path: join(local, "again") }, `${remote}/twice`, options);
    expect(await run(`cd twice && ${LIST}`)).toBe(await run(`cd copy && ${LIST}`));
    expect(list).not.toBe(await run(`cd copy && ${LIST}`));
  });

  it("reports what the server cannot read or write", async () => {
    const { ssh, remote, local, run } = await open();
    const path = join(local, "f");
    await writeFile(path, "x");
    const files = nodeFiles;
    const missing = await failure(downloadScp(ssh, `${remote}/none`, { files, path: join(local, "g") }));
    expect(missing.code).toBe("scp-failure");
    expect(missing.message).toMatch(/^the server reports a problem: "scp: .*none: No such file or directory"$/);
    await run("mkdir d");
    expect((await failure(uploadScp(ssh, { files, path }, `${remote}/d`))).message).toMatch(/: Is a directory"$/);
    expect((await failure(uploadScp(ssh, { files, path }, `${remote}/none/f`))).code).toBe("scp-failure");
    expect((await failure(downloadScp(ssh, `${remote}/d`, { files, path: join(local, "g") }))).code).toBe(
      "scp-failure",
    );
    expect(await readdir(local)).toEqual(["f"]);
  });

  it("follows the server's links, and leaves out its own", async () => {
    const { ssh, remote, local, run } = await open();
    await run("mkdir d && echo x >d/f && ln -s f d/link");
    const to = { files: nodeFiles, path: join(local, "d") };
    expect(await downloadScp(ssh, `${remote}/d`, to, { recursive: true })).toMatchObject({ files: 2 });
    await symlink("f", join(local, "d", "own"));
    expect(await uploadScp(ssh, to, `${remote}/e`, { recursive: true })).toMatchObject({
      files: 2,
      skipped: [{ path: "own", reason: "link" }],
    });
    // The directory in which commands start.
    await uploadScp(ssh, { files: nodeFiles, path: join(local, "d") }, `${remote}/d/..`, { recursive: true });
    expect(await run("ls")).toBe("d\ne\nf\nlink");
  });
});

describe("ssh.upload and ssh.download", () => {
  it('use scp with `protocol: "scp"`, and refuse what only SFTP can do', async () => {
    const { ssh, remote, local, run } = await openssh();
    const path = join(local, "f");
    await writeFile(path, "contents");
    const protocol = "scp";
    expect(await ssh.upload(path, `${remote}/g`, { protocol, preserve: true })).toMatchObject({ files: 1, bytes: 8 });
    expect(await ssh.download(`${remote}/g`, join(local, "h"), { protocol })).toMatchObject({ files: 1, bytes: 8 });
    expect([await run("cat g"), await readFile(join(local, "h"), "utf8")]).toEqual(["contents", "contents"]);
    const usage = { code: "usage", message: expect.stringContaining("scp") as unknown };
    for (const refused of [
      ssh.upload(path, `${remote}/g`, { protocol, resume: true }),
      ssh.download(`${remote}/g`, path, { protocol, verify: "size" }),
      ssh.upload({ glob: "*" }, remote, { protocol }),
      ssh.download({ glob: "*" }, local, { protocol }),
      ssh.download(`${remote}/g`, async () => {}, { protocol }),
      ssh.upload(path, `${remote}/g`, { protocol: "ftp" as "scp" }),
    ])
      expect(await failure(refused)).toMatchObject(usage);
  });
});
