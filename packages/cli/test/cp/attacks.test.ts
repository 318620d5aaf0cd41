import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CommandLineSetting } from "@nacre/config";
import { scpServer } from "@nacre/files/scp-server";
import { memoryFileSystem, sftpServer } from "@nacre/files/server";
import type { Client, Sftp } from "@nacre/node";
import { beforeEach, expect, test } from "vitest";
import { readConfiguration } from "../../src/ssh/configuration.ts";
import { settingsForFiles } from "../../src/ssh/connection.ts";
import { connectTo, openSession } from "../sftp/support.ts";
import { temporaryFolder } from "../support.ts";
import { collectComplaints, complaints, copy } from "./support.ts";

// The names of these tests are in packages/testing/src/attacks/rows/sftp.ts, scp.ts and agent.ts.

let client: Client;
let sftp: Sftp;
let folder: string;

beforeEach(async () => {
  const fileSystem = memoryFileSystem();
  const scp = scpServer(fileSystem);
  client = await connectTo({
    subsystems: { sftp: sftpServer(fileSystem) },
    session: async (session) => (await scp(session)) ?? 127,
  });
  sftp = await client.sftp();
  folder = await temporaryFolder();
  for (const name of ["victim", "tree"]) mkdirSync(join(folder, name));
  collectComplaints();
}, 60_000);

/** Runs `nacre cp` with the server as `host`. Resolves with the status. */
const cp = (...line: string[]): Promise<number> => copy(client, line);

test("sftp: a link that an earlier copy made in place of the target · client", async () => {
  // The first copy brings the link, the second one a directory of the same name.
  await sftp.mkdir("/tree");
  await sftp.symlink("../victim", "/tree/d");
  expect([await cp("-r", "--symlinks=keep", "host:/tree", folder), complaints()]).toEqual([0, ""]);
  await sftp.mkdir("/d");
  await sftp.writeFile("/d/hostile", "x");
  const tree = join(folder, "tree");
  expect(await cp("-r", "host:/d", tree)).toBe(1);
  expect(complaints()).toMatch(/tree\/d is a symbolic link, which a copy may have made; remove it first/);
  expect(readdirSync(join(folder, "victim"))).toEqual([]);

  const { session, run, complaints: said, folder: local } = await openSession({ recursive: true });
  for (const name of ["/home/d", "/home/up"]) await session.sftp.mkdir(name);
  await session.sftp.writeFile("/home/d/hostile", "x");
  mkdirSync(join(local, "victim"));
  symlinkSync("victim", join(local, "d"));
  await run("get d");
  expect(said()).toMatch(/d is a symbolic link, which a copy may have made; remove it first/);
  expect(readdirSync(join(local, "victim"))).toEqual([]);

  // On the server, too.
  mkdirSync(join(local, "up"));
  await session.sftp.mkdir("/home/victim");
  await session.sftp.symlink("../victim", "/home/up/up");
  await run("put up up");
  expect(said()).toMatch(/"\/home\/up\/up" on the server is a symbolic link; remove it first/);

  // A link that the user types is followed.
  expect(await cp("-r", "host:/d/.", join(tree, "d"))).toBe(0);
  expect(readdirSync(join(folder, "victim"))).toEqual(["hostile"]);
  await run("get d/hostile d");
  expect(readdirSync(join(local, "victim"))).toEqual(["hostile"]);
});

test("scp: a link that an earlier copy made in place of the target · client", async () => {
  await sftp.mkdir("/d");
  await sftp.writeFile("/d/hostile", "x");
  const tree = join(folder, "tree");
  symlinkSync("../victim", join(tree, "d"));
  expect(await cp("-Or", "host:/d", tree)).toBe(1);
  expect(complaints()).toMatch(/tree\/d is a symbolic link/);
  expect(readdirSync(join(folder, "victim"))).toEqual([]);
  // The link is what the user typed, and the copy is in the directory that it leads to.
  expect(await cp("-Or", "host:/d", join(tree, "d"))).toBe(0);
  expect(readdirSync(join(folder, "victim"))).toEqual(["d"]);
});

test("agent forwarding: while files are copied · client", async () => {
  const configFile = join(await temporaryFolder(), "config");
  writeFileSync(configFile, "ForwardAgent yes\n");
  const place = { host: "host", user: undefined, port: undefined };
  const forwarded = async (...words: CommandLineSetting[]): Promise<unknown> => {
    const settings = settingsForFiles(place, words);
    return (await readConfiguration("host", { settings, configFile })).values.forwardAgent;
  };
  expect(await forwarded()).toBe(false);
  // As with scp(1), an option wins.
  expect(await forwarded({ text: "ForwardAgent yes" })).toBe(true);
});
