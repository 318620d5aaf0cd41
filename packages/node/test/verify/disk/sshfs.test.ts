import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { MIB, randomData, sha256 } from "@nacre/testing/interop/data";
import { expectQuiet, runPeer } from "@nacre/testing/interop/our-server";
import { within } from "@nacre/testing/interop/server";
import { describe, expect, it, onTestFinished } from "vitest";
import { type DiskServer, itEndsSessions, SLOW, sshOptions, useDiskServer } from "../../interop/disk/disk-server.ts";
import { listTree, makeNames, makeShapes } from "../../interop/disk/trees.ts";

// Mounts the files of our SFTP server with sshfs. Other processes read and write them: a call of this process would block the server, which
// runs here.

/** A directory with the server's files. */
interface Mount {
  readonly path: string;
  /** Resolves with the exit status of sshfs. It ends when the mount is removed. */
  readonly ended: Promise<number | null>;
  /** Removes the mount. Does nothing if it is removed. */
  unmount(): Promise<void>;
}

/** Mounts the server's root. It is unmounted after the test, also if the test fails. */
async function mount(disk: DiskServer): Promise<Mount> {
  const path = `${disk.local}/mount`;
  mkdirSync(path);
  const connect = ["ssh", "-a", "-x", ...sshOptions(disk)].join(" ");
  const words = ["-f", "-o", `ssh_command=${connect}`, "-p", `${disk.server.port}`, "alice@127.0.0.1:/", path];
  const child = spawn("sshfs", words, { stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const ended = once(child, "close").then(([status]) => status as number | null);
  const unmount = async (): Promise<void> => {
    if (await isMounted(path)) expectQuiet(await runPeer(["fusermount3", "-u", path]));
  };
  onTestFinished(async () => {
    // If a program still uses the mount, it is detached now, and removed when the program ends.
    if (await isMounted(path)) await runPeer(["fusermount3", "-u", "-z", path]);
    child.kill("SIGKILL");
    await ended;
    await expect.poll(() => isMounted(path), { timeout: 20_000 }).toBe(false);
  });
  let status: number | null | undefined;
  void ended.then((how) => {
    status = how;
  });
  await expect
    .poll(async () => [status, errors, await isMounted(path)], { timeout: 60_000 })
    .toEqual([undefined, "", true]);
  return { path, ended, unmount };
}

async function isMounted(path: string): Promise<boolean> {
  return (await readFile("/proc/self/mountinfo", "utf8")).split("\n").some((line) => line.split(" ")[4] === path);
}

describe("sshfs", { timeout: SLOW }, () => {
  const disk = useDiskServer();

  it("reads, writes, renames, truncates and lists through a mount", async () => {
    const { local, root } = disk;
    const bytes = randomData(8 * MIB + 1);
    writeFileSync(`${local}/large`, bytes);
    writeFileSync(`${local}/new`, "new");
    mkdirSync(`${local}/tree`);
    // sshfs changes what a link leads to in place of the link, so `cp -a` would change other files.
    makeShapes(`${local}/tree/shapes`, { links: false });
    makeNames(`${local}/tree/names`);
    mkdirSync(`${root}/many`);
    const many = Array.from({ length: 1000 }, (_, i) => [`file ${String(i).padStart(4, "0")}`, i] as const);
    for (const [name, size] of many) writeFileSync(`${root}/many/${name}`, new Uint8Array(size));
    const mounted = await mount(disk);
    const script = fileURLToPath(new URL("sshfs-files.py", import.meta.url));
    const task = JSON.stringify({ local, root, mount: mounted.path });
    const ran = await runPeer(["/usr/bin/python3", script, task], { timeout: SLOW });
    expectQuiet(ran);
    expect(JSON.parse(ran.stdout.toString())).toEqual({
      listed: many,
      large: sha256(bytes),
      read: "89changed7",
      shorter: 6000,
      file: [7015, "89changed7", "000000", "after the rename appended"],
      sparse: [5 * 2 ** 30, "0066617200"],
      stat: ["0o100600", 1_000_000_000, 1_100_000_000],
      links: ["g", "nowhere", 7015, 7015],
      // SFTP version 3 has no status for a name that is too long. OpenSSH's server answers SSH_FX_BAD_MESSAGE, too.
      errors: ["ENOENT", "EEXIST", "ENOTEMPTY", "ENOENT", "EEXIST", "EINVAL", "EBADMSG"],
      space: statfsSync(root).bsize * statfsSync(root).blocks,
      old: sha256(bytes),
    });
    expect(listTree(`${root}/tree`)).toEqual(listTree(`${local}/tree`));
    expect(statSync(`${root}/old`)).toMatchObject({ nlink: 2, size: 7015, ino: statSync(`${root}/g`).ino });
    expect(statSync(`${root}/sparse`).blocks * 512).toBeLessThan(MIB);
    expect(readFileSync(`${root}/large`, "utf8")).toBe("new");
    await mounted.unmount();
    expect(await within(20_000, mounted.ended)).toBe(0);
    expect(await isMounted(mounted.path)).toBe(false);
  });

  itEndsSessions(disk);
});

describe("sshfs whose server goes away", { timeout: SLOW }, () => {
  const disk = useDiskServer();

  it("removes its mount", async () => {
    const mounted = await mount(disk);
    await disk.server.server.close();
    await within(30_000, mounted.ended);
    await expect.poll(() => isMounted(mounted.path), { timeout: 20_000 }).toBe(false);
  });
});
