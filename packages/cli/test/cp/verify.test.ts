import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type FileSystem, memoryFileSystem, sftpServer } from "@nacre/files/server";
import type { Client, ListenOptions } from "@nacre/node";
import { beforeEach, describe, expect, test } from "vitest";
import { connectTo } from "../sftp/support.ts";
import { temporaryFolder } from "../support.ts";
import { collectComplaints, complaints, copy } from "./support.ts";

// The servers of these tests run no commands, so they give no digests.

let client: Client;
let opened: number;
let folder: string;

/** Connects to a server of files. Counts its SFTP sessions. */
async function serve(fileSystem: FileSystem): Promise<void> {
  opened = 0;
  const sftp = sftpServer(fileSystem);
  const counted: NonNullable<ListenOptions["subsystems"]>[string] = (session) => {
    opened++;
    return sftp(session);
  };
  client = await connectTo({ subsystems: { sftp: counted } });
}

beforeEach(async () => {
  folder = await temporaryFolder();
  collectComplaints();
});

/** Runs `nacre cp` with the server as `host`. Resolves with the status. */
const cp = (...line: string[]): Promise<number> => copy(client, line);

/** Files of which some calls are replaced. */
function changed(files: FileSystem, changes: Partial<FileSystem>): FileSystem {
  return new Proxy(files, {
    get(target, name: keyof FileSystem) {
      const value: unknown = changes[name] ?? target[name];
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

describe("nacre cp --verify", () => {
  test("reads the copies back, and looks, copies and compares over one SFTP session", async () => {
    await serve(memoryFileSystem());
    const tree = join(folder, "tree");
    mkdirSync(tree);
    for (const [name, length] of [
      ["a", 5],
      ["b", 100_000],
    ] as const)
      writeFileSync(join(tree, name), Buffer.alloc(length, name));
    expect([await cp("-r", "--verify", tree, join(tree, "a"), "host:/"), complaints()]).toEqual([0, ""]);
    expect(opened).toBe(1);
    expect([await cp("-r", "--verify", "host:/tree", "host:/a*", folder), complaints()]).toEqual([0, ""]);
    expect([await cp("-r", "--verify", "host:/tree", "host:/copy"), opened]).toEqual([0, 3]);
  });

  test("gives status 1 and one line if neither digest nor contents are available, and 0 with =size", async () => {
    const files = memoryFileSystem();
    const open: FileSystem["open"] = async (path, mode, attributes) => {
      if (mode.read) throw Object.assign(new Error("no"), { code: "EACCES" });
      return files.open(path, mode, attributes);
    };
    await serve(changed(files, { open }));
    writeFileSync(join(folder, "file"), "contents");
    expect(await cp("--verify", join(folder, "file"), "host:/file")).toBe(1);
    expect(complaints()).toMatch(
      /^nacre: "[^"]*[/\\]file" cannot be verified: .*; and it cannot be read back: [^\n]* \[[a-z-]+\]\n$/,
    );
    expect(await cp("--verify=size", join(folder, "file"), "host:/file")).toBe(0);
  });

  test("compares what goes into a device, too", async () => {
    const files = memoryFileSystem();
    await serve(files);
    const sftp = await client.sftp();
    await sftp.writeFile("/file", "contents");
    let opens = 0;
    const open: FileSystem["open"] = (...given) => {
      opens++;
      return files.open(...given);
    };
    await serve(changed(files, { open }));
    expect([await cp("host:/file", "/dev/null"), opens]).toEqual([0, 1]);
    expect([await cp("--verify", "host:/file", "/dev/null"), opens]).toEqual([0, 3]);
  });
});

test("a server that states more bytes than it sends gives status 1, with and without --verify", async () => {
  const files = memoryFileSystem();
  const size = 1_000_000n;
  const stat: FileSystem["stat"] = async (path) => {
    const found = await files.stat(path);
    return path === "/file" ? { ...found, size } : found;
  };
  const open: FileSystem["open"] = async (...given) => {
    const file = await files.open(...given);
    const stating = file.stat.bind(file);
    file.stat = async () => ({ ...(await stating()), size });
    return file;
  };
  await serve(changed(files, { stat, open }));
  const sftp = await client.sftp();
  await sftp.writeFile("/file", "12345");
  writeFileSync(join(folder, "file"), "old");
  for (const options of [[], ["--verify"], ["--verify=size"], ["--resume"]]) {
    collectComplaints();
    expect(await cp(...options, "host:/file", join(folder, "file"))).toBe(1);
    expect(complaints()).toMatch(
      /^nacre: "\/file" ended after 5 bytes, but the server states a size of 1000000; .* cat /,
    );
    expect(readFileSync(join(folder, "file"), "utf8")).toBe("old");
  }
  expect(readdirSync(folder)).toEqual([expect.stringMatching(/^\.file\.nacre-/), "file"]);
});
