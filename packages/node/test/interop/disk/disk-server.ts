import { mkdir, open, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { type KeyFile, makeKey } from "@nacre/testing/interop/keys";
import { keysOf, type OurServer, runInShell, useOurServer } from "@nacre/testing/interop/our-server";
import { beforeAll, expect, it } from "vitest";
import { type SftpServerOptions, sftpServer } from "../../../src/sftp-server.ts";

/** Time in milliseconds for a test with many files, and for its programs. Reached only on a machine under heavy load. */
export const SLOW = 600_000;

/** Nacre server whose SFTP subsystem serves a directory of the disk. */
export interface DiskServer {
  readonly server: OurServer;
  /** Directory that clients see as "/". */
  readonly root: string;
  /** Key with which alice logs in. */
  readonly key: KeyFile;
  /** Directory for files of the test, next to the root. */
  readonly local: string;
}

/** Starts the server. It runs commands only if `exec` is true. End the file or `describe` with `itEndsSessions`. */
export function useDiskServer({
  exec = false,
  settings = {},
}: {
  readonly exec?: boolean;
  readonly settings?: Partial<SftpServerOptions>;
} = {}): DiskServer {
  let key: KeyFile | undefined;
  const server = useOurServer({
    authenticate: keysOf(() => disk.key),
    session: (session) => {
      if (exec) return runInShell(session);
      session.stderr.end("commands are not allowed\n");
      return { status: 1 };
    },
    subsystems: { sftp: sftpServer(() => ({ root: disk.root, ...settings })) },
  });
  beforeAll(async () => {
    key = await makeKey(server.folder, "user", "ed25519");
    await mkdir(disk.root);
    await mkdir(disk.local);
  });
  const disk: DiskServer = {
    server,
    get root() {
      return join(server.folder.path, "root");
    },
    get local() {
      return join(server.folder.path, "local");
    },
    get key() {
      if (key === undefined) throw new Error("the server has not started");
      return key;
    },
  };
  return disk;
}

/** Adds a test, the last of its file or `describe`: sessions ended without an error, and nothing below the root is open. */
export function itEndsSessions(disk: DiskServer): void {
  it("leaves no session and no file open", async () => {
    const { server, root } = disk;
    const started = server.told("session-started").length;
    expect(started).toBeGreaterThan(0);
    await expect.poll(() => server.told("session-ended").length, { timeout: 20_000 }).toBe(started);
    expect(server.told("session-ended").flatMap(({ error }) => error ?? [])).toEqual([]);
    const control = await open(root);
    expect(await openBelow(root)).toContain(root);
    await control.close();
    // Directories stay open for a second after their last use.
    await expect.poll(() => openBelow(root), { timeout: 20_000 }).toEqual([]);
  });
}

/** Returns the paths of files and directories below a directory that this process has open. */
async function openBelow(path: string): Promise<string[]> {
  const targets = await Promise.all(
    (await readdir("/proc/self/fd")).map((descriptor) => readlink(`/proc/self/fd/${descriptor}`).catch(() => "")),
  );
  return targets.filter((target) => target === path || target.startsWith(`${path}/`));
}

/** Returns options of OpenSSH's programs: the key, the known host key, and no configuration of this machine. */
export function sshOptions({ server, key }: DiskServer): string[] {
  const known = `UserKnownHostsFile=${join(server.folder.path, "known_hosts")}`;
  const settings = [
    "IdentitiesOnly=yes",
    "BatchMode=yes",
    `Port=${server.port}`,
    known,
    "GlobalKnownHostsFile=/dev/null",
  ];
  return ["-F", "/dev/null", "-i", key.path, ...settings.flatMap((setting) => ["-o", setting])];
}
