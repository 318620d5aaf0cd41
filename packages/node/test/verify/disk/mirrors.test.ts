import { mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { expectQuiet, type Ran, runPeer } from "@nacre/testing/interop/our-server";
import { beforeAll, describe, expect, it } from "vitest";
import { type DiskServer, itEndsSessions, SLOW, sshOptions, useDiskServer } from "../../interop/disk/disk-server.ts";
import { listTree, makeFiles, makeNames, makeShapes, NAME_BYTES } from "../../interop/disk/trees.ts";

// Tests lftp and rclone, which copy trees with several connections at once, against our SFTP server on files of the disk.

describe("lftp", { timeout: SLOW }, () => {
  const disk = useDiskServer();

  /** Runs commands of lftp and returns its lines. */
  async function lftp(...commands: readonly string[]): Promise<string[]> {
    const { local, server } = disk;
    const connect = ["ssh", "-a", "-x", ...sshOptions(disk)].join(" ");
    const settings = [
      "set cmd:fail-exit yes",
      "set net:max-retries 1",
      `set sftp:connect-program "${connect}"`,
      `open -u alice, sftp://127.0.0.1:${server.port}`,
    ];
    const env = { HOME: local, LFTP_HOME: `${local}/.lftp`, LC_ALL: "C.UTF-8" };
    const ran = await runPeer(["lftp", "-c", [...settings, ...commands].join("; ")], { env, timeout: SLOW });
    expectQuiet(ran);
    return ran.stdout
      .toString("latin1")
      .split("\n")
      .filter((line) => line !== "");
  }

  it("mirrors 1,000 files both ways with four connections, then only what changed", async () => {
    const { local, root } = disk;
    makeFiles(`${local}/many`, 1000);
    const up = await lftp(`mirror -v -R -P 4 ${local}/many /many`);
    expect(up.filter((line) => line.startsWith("Transferring file")).length).toBe(1000);
    expect(listTree(`${root}/many`)).toEqual(listTree(`${local}/many`));
    const down = await lftp(`mirror -v -P 4 /many ${local}/back`);
    expect(down.filter((line) => line.startsWith("Transferring file")).length).toBe(1000);
    expect(listTree(`${local}/back`)).toEqual(listTree(`${local}/many`));

    expect(await lftp(`mirror -v -R -P 4 ${local}/many /many`)).toEqual([]);
    rmSync(`${local}/many/d1/file 1`);
    writeFileSync(`${local}/many/d0/file 0`, "changed");
    const changes = await lftp(`mirror -v -R -P 4 --delete ${local}/many /many`);
    expect(changes.sort()).toEqual([
      "Removing old file `d0/file 0'",
      "Removing old file `d1/file 1'",
      "Transferring file `d0/file 0'",
    ]);
    expect(listTree(`${root}/many`)).toEqual(listTree(`${local}/many`));
  });

  it("mirrors names of every byte, empty directories, a deep path and links both ways", async () => {
    const { local, root } = disk;
    mkdirSync(`${local}/tree`);
    makeNames(`${local}/tree/names`);
    makeShapes(`${local}/tree/shapes`);
    await lftp(`mirror -R -P 4 ${local}/tree /tree`, `mirror -P 4 /tree ${local}/tree-back`);
    expect(listTree(`${root}/tree`)).toEqual(listTree(`${local}/tree`));
    expect(listTree(`${local}/tree-back`)).toEqual(listTree(`${local}/tree`));
  });

  it("manages files", async () => {
    const { root, server } = disk;
    writeFileSync(`${root}/a`, "of lftp\n");
    expect(
      await lftp("mkdir -p /x/y", "mv /a /x/y/b", "ln -s y/b /x/l", "chmod 600 /x/y/b", "cat /x/l", "cls -1 /x", "pwd"),
    ).toEqual(["of lftp", "/x/l@", "/x/y/", `sftp://alice:@127.0.0.1:${server.port}/`]);
    expect(statSync(`${root}/x/y/b`).mode & 0o777).toBe(0o600);
    await lftp("rm -r /x");
    expect(readdirSync(root)).not.toContain("x");
  });

  itEndsSessions(disk);
});

/** Returns a function that runs rclone, with the server as the remote "n". */
function rcloneOf(disk: DiskServer): (...words: readonly string[]) => Promise<Ran> {
  return (...words) => {
    const { local, server, key } = disk;
    const remote = {
      TYPE: "sftp",
      HOST: "127.0.0.1",
      PORT: `${server.port}`,
      USER: "alice",
      KEY_FILE: key.path,
      KNOWN_HOSTS_FILE: `${server.folder.path}/known_hosts`,
    };
    const settings = Object.entries(remote).map(([name, value]) => [`RCLONE_CONFIG_N_${name}`, value]);
    const env = {
      ...(Object.fromEntries(settings) as Record<string, string>),
      HOME: local,
      RCLONE_CONFIG: "/dev/null",
    };
    return runPeer(["rclone", ...words], { env, timeout: SLOW });
  };
}

/** Returns the lines of `rclone check --combined -` for files that are not equal: "*" differs, "+" is missing on the server. */
function unequal({ stdout }: Ran): string[] {
  const lines = stdout.toString().trimEnd().split("\n");
  return lines.filter((line) => !line.startsWith("= ")).sort();
}

describe("rclone", { timeout: SLOW }, () => {
  const disk = useDiskServer();
  const rclone = rcloneOf(disk);
  // rclone keeps neither links, nor empty directories, nor modes.
  const listed = { modes: false, links: false };

  it("syncs and checks both ways without commands on the server", async () => {
    const { local, root } = disk;
    makeFiles(`${local}/many`, 1000);
    expect(await rclone("sync", "-q", `${local}/many`, "n:/many")).toMatchObject({ status: 0, stderr: "" });
    expect(listTree(`${root}/many`, listed)).toEqual(listTree(`${local}/many`, listed));
    expect(await rclone("sync", "-q", "n:/many", `${local}/back`)).toMatchObject({ status: 0, stderr: "" });
    expect(listTree(`${local}/back`, listed)).toEqual(listTree(`${local}/many`, listed));

    // Without md5sum on the server, it compares sizes, or downloads.
    const checked = await rclone("check", `${local}/many`, "n:/many");
    expect(checked.stderr).toMatch(/ 0 differences found[^]* 1000 hashes could not be checked[^]* 1000 matching files/);
    writeFileSync(`${root}/many/d5/file 5`, Buffer.alloc(statSync(`${local}/many/d5/file 5`).size, "?"));
    rmSync(`${root}/many/d6/file 6`);
    const differs = await rclone("check", "--download", "--combined", "-", `${local}/many`, "n:/many");
    expect(differs.status).toBe(1);
    expect(unequal(differs)).toEqual(["* d5/file 5", "+ d6/file 6"]);
    expect(differs.stderr).toMatch(/ 2 differences found[^]* 998 matching files/);
  });

  it("syncs names with every byte but those of control characters, a deep path and a large file both ways", async () => {
    const { local, root } = disk;
    // rclone writes control characters as U+2401 and so on, which has three bytes in place of one.
    const bytes = NAME_BYTES.filter((byte) => byte >= 0x20 && byte !== 0x7f);
    mkdirSync(`${local}/tree`);
    makeNames(`${local}/tree/names`, bytes);
    makeShapes(`${local}/tree/shapes`, { links: false });
    // rclone downloads to a temporary name, which is longer.
    renameSync(`${local}/tree/shapes/${"n".repeat(255)}`, `${local}/tree/shapes/${"n".repeat(200)}`);
    const withEmpty = "--create-empty-src-dirs";
    expect((await rclone("sync", withEmpty, `${local}/tree`, "n:/tree")).status).toBe(0);
    expect(listTree(`${root}/tree`, listed)).toEqual(listTree(`${local}/tree`, listed));
    expect((await rclone("sync", withEmpty, "n:/tree", `${local}/tree-back`)).status).toBe(0);
    expect(listTree(`${local}/tree-back`, listed)).toEqual(listTree(`${local}/tree`, listed));
  });

  itEndsSessions(disk);
});

describe("rclone with md5sum on the server", { timeout: SLOW }, () => {
  // Paths of SFTP and of commands are the same.
  const disk = useDiskServer({ exec: true, settings: { root: "/" } });
  const rclone = rcloneOf(disk);
  beforeAll(() => {
    makeFiles(`${disk.local}/files`, 30);
    makeFiles(`${disk.local}/copy`, 30);
  });

  it("checks the digests of files", async () => {
    const { local, root } = disk;
    expect(await rclone("sync", "-q", `${local}/files`, `n:${root}/files`)).toMatchObject({ status: 0, stderr: "" });
    const same = await rclone("check", `${local}/files`, `n:${root}/files`);
    expect(same.stderr).toMatch(/ 0 differences found[^]* 30 matching files/);
    expect(same.stderr).not.toContain("could not be checked");
    const { size, mtime } = statSync(`${root}/files/d5/file 5`);
    writeFileSync(`${root}/files/d5/file 5`, Buffer.alloc(size, "?"));
    utimesSync(`${root}/files/d5/file 5`, mtime, mtime);
    const differs = await rclone("check", "--combined", "-", `${local}/files`, `n:${root}/files`);
    expect(differs.status).toBe(1);
    expect(unequal(differs)).toEqual(["* d5/file 5"]);
    expect(differs.stderr).toMatch(/ 1 differences found[^]* 29 matching files/);
    const commands = disk.server.told("session-started").flatMap(({ command }) => command ?? []);
    expect(commands.filter((command) => command.startsWith("md5sum ")).length).toBeGreaterThanOrEqual(60);
  });

  itEndsSessions(disk);
});
