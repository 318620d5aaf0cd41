import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Client } from "../src/index.ts";
import { sftpServer } from "../src/sftp-server.ts";
import { Cable, connectedBy, pass, started, virtualTime } from "./reconnect-support.ts";
import { codeOf, temporaryFolder } from "./support.ts";

const SIZE = 4 * 1024 * 1024;
/** Length of each file of a directory. */
const TREE_SIZE = SIZE / 4;

interface Setup {
  readonly ssh: Client;
  readonly cable: Cable;
  readonly here: string;
  readonly there: string;
  /** SFTP sessions that the server has begun. */
  readonly sessions: { count: number; onSession?: () => void };
}

/** A server with the files of a folder, and a client with `reconnect`. */
async function setUp(): Promise<Setup> {
  const folder = await temporaryFolder();
  const [here, there] = [join(folder, "here"), join(folder, "there")];
  await Promise.all([mkdir(here), mkdir(there)]);
  const sessions: Setup["sessions"] = { count: 0 };
  const serveFiles = sftpServer({ root: there });
  const { port } = await started({
    subsystems: {
      sftp: (session) => {
        sessions.count++;
        sessions.onSession?.();
        return serveFiles(session);
      },
    },
  });
  const cable = await Cable.plug(port);
  const ssh = await connectedBy(cable, { limits: { initialWindow: 65_536, maxWindow: 65_536 } });
  return { ssh, cable, here, there, sessions };
}

/** Contents without a repeated block, so that a part in the wrong place shows. */
function contents(size = SIZE): Buffer {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i + 4 <= size; i += 4) bytes.writeUInt32LE(i, i);
  return bytes;
}

/** Returns an `onProgress` that cuts the cable once, when this part has moved. */
function cutAt(
  cable: Cable,
  bytes: number,
): { onProgress(this: void, progress: { bytes: number }): void; readonly hasCut: boolean } {
  let hasCut = false;
  return {
    get hasCut() {
      return hasCut;
    },
    onProgress(progress) {
      if (hasCut || progress.bytes < bytes) return;
      hasCut = true;
      cable.cut();
    },
  };
}

/** Returns the size of the files in a folder. */
async function sizeIn(folder: string): Promise<number> {
  const names = await readdir(folder);
  const files = await Promise.all(names.map((name) => stat(join(folder, name))));
  return files.reduce((sum, { size }) => sum + size, 0);
}

describe.each([5, 30, 300])("the network taken away for %i s", (seconds) => {
  test("a download with `resume` goes on by itself", async () => {
    virtualTime();
    const { ssh, cable, here, there, sessions } = await setUp();
    await writeFile(join(there, "a"), contents());
    const cut = cutAt(cable, SIZE / 4);
    const downloading = ssh.download("a", join(here, "a"), { resume: true, onProgress: cut.onProgress });
    while (!cut.hasCut) await pass(0);
    await pass(seconds);
    cable.isCut = false;
    await pass(40);
    const { resumed, files } = await downloading;
    expect(files).toBe(1);
    expect(resumed[0]?.bytes).toBeGreaterThan(0);
    expect((await readFile(join(here, "a"))).equals(contents())).toBe(true);
    expect(sessions.count).toBe(2);
    await ssh.close();
  });

  test("an upload with `resume` goes on by itself", async () => {
    virtualTime();
    const { ssh, cable, here, there } = await setUp();
    await writeFile(join(here, "a"), contents());
    const uploading = ssh.upload(join(here, "a"), "a", { resume: true, limit: SIZE / 8 });
    while ((await sizeIn(there)) === 0) await pass(0.5);
    cable.cut();
    await pass(seconds);
    cable.isCut = false;
    // Time for the longest delay, and for the rest of the contents.
    await pass(90);
    expect((await uploading).resumed).toHaveLength(1);
    expect((await readFile(join(there, "a"))).equals(contents())).toBe(true);
    expect(await readdir(there)).toEqual(["a"]);
    await ssh.close();
  });

  test("a transfer without `resume` fails once", async () => {
    virtualTime();
    const { ssh, cable, here, there, sessions } = await setUp();
    await writeFile(join(there, "a"), contents());
    const cut = cutAt(cable, SIZE / 4);
    const downloading = codeOf(ssh.download("a", join(here, "a"), { onProgress: cut.onProgress }));
    while (!cut.hasCut) await pass(0);
    expect(await downloading).toBe("connection-lost");
    await pass(seconds);
    cable.isCut = false;
    await pass(40);
    expect(await readdir(here)).toEqual([]);
    expect(sessions.count).toBe(1);
    const sftp = await ssh.sftp();
    expect(await sftp.readdir(".")).toEqual(["a"]);
    await ssh.close();
  });
});

test("files of a directory that are complete are not moved again", async () => {
  const { ssh, cable, here, there } = await setUp();
  await mkdir(join(there, "tree"));
  const names = ["a", "b", "c", "d"];
  for (const name of names) await writeFile(join(there, "tree", name), contents(TREE_SIZE));
  const moved: string[] = [];
  let totals: unknown;
  const result = await ssh.download("tree", join(here, "tree"), {
    recursive: true,
    resume: true,
    concurrency: 1,
    onFile: ({ path }) => {
      moved.push(path);
      if (moved.length !== 2) return;
      cable.cut();
      cable.isCut = false;
    },
    onProgress: (progress) => {
      totals = progress;
    },
  });
  expect(moved.toSorted()).toEqual(names);
  expect(result).toMatchObject({ files: 4, skipped: [], failed: [] });
  expect(totals).toMatchObject({ bytes: 4 * TREE_SIZE, totalBytes: 4 * TREE_SIZE, files: 4, totalFiles: 4 });
  for (const name of names) expect((await readFile(join(here, "tree", name))).equals(contents(TREE_SIZE))).toBe(true);
});

test("the result includes files that were complete before a loss", async () => {
  const { ssh, cable, here, there } = await setUp();
  await mkdir(join(there, "tree"));
  for (const name of ["a", "b"]) await writeFile(join(there, "tree", name), contents(TREE_SIZE));
  let losses = 0;
  const lose = (): void => {
    losses++;
    cable.cut();
    cable.isCut = false;
  };
  const moved: string[] = [];
  const { resumed, unverified, ...result } = await ssh.download("tree", join(here, "tree"), {
    recursive: true,
    resume: true,
    concurrency: 1,
    onFile: ({ path }) => {
      moved.push(path);
      if (moved.length === 1) lose();
    },
    onProgress: ({ bytes }) => {
      if (losses === 0 && bytes > TREE_SIZE / 2) lose();
    },
  });
  expect(losses).toBe(2);
  expect(result).toMatchObject({ files: 2, failed: [] });
  // The server runs no commands that could digest the part.
  expect(unverified.map(({ path }) => path)).toContain(moved[0]);
  expect(resumed.map(({ path }) => path)).toEqual(unverified.map(({ path }) => path));
});

test("reconnect: a transfer without progress · client", async () => {
  virtualTime();
  const { ssh, cable, here, there, sessions } = await setUp();
  await writeFile(join(there, "a"), contents());
  const flicker = (): void => {
    cable.cut();
    cable.isCut = false;
  };
  // The first run makes progress. All later ones end when they begin.
  sessions.onSession = () => {
    if (sessions.count > 1) flicker();
  };
  const cut = cutAt(cable, SIZE / 4);
  const outcome = codeOf(ssh.download("a", join(here, "a"), { resume: true, onProgress: cut.onProgress }));
  while (!cut.hasCut) await pass(0);
  cable.isCut = false;
  await pass(60);
  expect(sessions.count).toBe(4);
  expect(await outcome).toBe("connection-lost");
  expect((await readdir(here)).join()).toMatch(/^\.a\.nacre-/);
  await ssh.close();
});
