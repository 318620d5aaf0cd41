import { closeSync, mkdirSync, openSync, readSync, statSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { MIB, randomData, sha256 } from "@nacre/testing/interop/data";
import { expectQuiet, runPeer } from "@nacre/testing/interop/our-server";
import { describe, expect, it } from "vitest";
import { itEndsSessions, SLOW, sshOptions, useDiskServer } from "./disk-server.ts";
import { listTree, makeFiles, makeNames, makeShapes } from "./trees.ts";

// Tests OpenSSH's sftp and scp against our SFTP server on files of the disk: names, shapes of trees, many files and large ones.

const GIB = 2 ** 30;

const disk = useDiskServer();

/** Runs sftp with commands, one a line, and expects that all succeed. Returns its lines without the echoed commands. */
async function sftp(commands: readonly string[], words: readonly string[] = []): Promise<string[]> {
  const ran = await runPeer(["sftp", "-q", ...sshOptions(disk), ...words, "-b", "-", "alice@127.0.0.1"], {
    input: `${commands.join("\n")}\n`,
    timeout: SLOW,
  });
  expectQuiet(ran);
  return ran.stdout
    .toString("latin1")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("sftp> "));
}

/** Returns the last bytes of a file. */
function tailOf(path: string, length: number): Uint8Array {
  const file = openSync(path, "r");
  try {
    const bytes = new Uint8Array(length);
    expect(readSync(file, bytes, 0, length, statSync(path).size - length)).toBe(length);
    return bytes;
  } finally {
    closeSync(file);
  }
}

describe("OpenSSH's sftp", { timeout: SLOW }, () => {
  it("returns a tree with names of every byte, empty directories and a deep path as it sent it", async () => {
    const { local, root } = disk;
    mkdirSync(`${local}/tree`);
    makeNames(`${local}/tree/names`);
    makeShapes(`${local}/tree/shapes`, { links: false });
    const expected = listTree(`${local}/tree`);
    expect(expected.length).toBeGreaterThan(320);
    await sftp([`put -pR ${local}/tree /tree`, `get -pR /tree ${local}/back`]);
    expect(listTree(`${root}/tree`)).toEqual(expected);
    expect(listTree(`${local}/back`)).toEqual(expected);
  });

  it("puts 100 files and gets 1,000", async () => {
    const { local, root } = disk;
    makeFiles(`${local}/some`, 100);
    await sftp([`put -pR ${local}/some /some`]);
    expect(listTree(`${root}/some`)).toEqual(listTree(`${local}/some`));
    makeFiles(`${root}/many`, 1000);
    await sftp([`get -pR /many ${local}/many`]);
    const files = listTree(`${local}/many`);
    expect(files.length).toBe(1010);
    expect(files).toEqual(listTree(`${root}/many`));
  });

  it.each([
    ["its usual requests", []],
    ["256 short requests under way", ["-R", "256", "-B", "1000"]],
  ])("continues a put and a get beyond 4 GiB with %s", async (_, words) => {
    const { local, root } = disk;
    const tail = randomData(3 * MIB + 1);
    writeFileSync(`${local}/sparse`, "head");
    truncateSync(`${local}/sparse`, 4 * GIB);
    const file = openSync(`${local}/sparse`, "a");
    writeSync(file, tail);
    closeSync(file);
    // The side that receives has the first 4 GiB, as a hole.
    for (const partial of [`${root}/sparse`, `${local}/sparse-back`]) {
      writeFileSync(partial, "");
      truncateSync(partial, 4 * GIB);
    }
    await sftp([`put -a ${local}/sparse /sparse`, `get -a /sparse ${local}/sparse-back`], words);
    for (const copy of [`${root}/sparse`, `${local}/sparse-back`]) {
      const { size, blocks } = statSync(copy);
      expect(size).toBe(4 * GIB + tail.length);
      expect(sha256(tailOf(copy, tail.length))).toBe(sha256(tail));
      expect(blocks * 512).toBeLessThan(64 * MIB);
    }
    expect(await sftp(["ls -l /sparse"])).toEqual([expect.stringContaining(` ${4 * GIB + tail.length} `) as string]);
  });
});

describe("OpenSSH's scp", { timeout: SLOW }, () => {
  it("returns a tree as it sent it", async () => {
    const { local, root } = disk;
    mkdirSync(`${local}/scp`);
    makeShapes(`${local}/scp/shapes`, { links: false });
    makeNames(`${local}/scp/names`);
    const remote = "alice@127.0.0.1:/scp";
    expectQuiet(await runPeer(["scp", "-q", "-rp", ...sshOptions(disk), `${local}/scp`, remote], { timeout: SLOW }));
    expect(listTree(`${root}/scp`)).toEqual(listTree(`${local}/scp`));
    expectQuiet(
      await runPeer(["scp", "-q", "-rp", ...sshOptions(disk), remote, `${local}/scp-back`], { timeout: SLOW }),
    );
    expect(listTree(`${local}/scp-back`)).toEqual(listTree(`${local}/scp`));
  });
});

itEndsSessions(disk);
