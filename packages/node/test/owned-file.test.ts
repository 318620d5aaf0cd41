import { execFileSync } from "node:child_process";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { exposure, readOwned } from "../src/owned-file.ts";
import { codeOf, temporaryFolder } from "./support.ts";

const ALICE = 1000;
const MALLORY = 1001;
const ROOT = 0;
const FILE = "/home/alice/.ssh/authorized_keys";

type Owner = readonly [uid: number, mode: number];

/** What is wrong with a file, in folders of alice's and the administrator's but for those that are said. */
function problem(
  file: Owner,
  folders: Readonly<Record<string, Owner>> = {},
  owner = ALICE,
): Promise<string | undefined> {
  const usual: Readonly<Record<string, Owner>> = {
    "/home/alice/.ssh": [ALICE, 0o40700],
    "/home/alice": [ALICE, 0o40755],
    "/home": [ROOT, 0o40755],
    "/": [ROOT, 0o40755],
    ...folders,
  };
  const [uid, mode] = file;
  return exposure(
    FILE,
    { uid, mode },
    {
      owner,
      home: "/home/alice",
      look: async (path) => {
        const [uid, mode] = usual[path]!;
        return { uid, mode };
      },
    },
  );
}

describe("who can write or replace a file", () => {
  it.each<[string, Owner, Readonly<Record<string, Owner>>?, number?]>([
    ["its owner's", [ALICE, 0o100600]],
    ["readable by all", [ALICE, 0o100644]],
    ["the administrator's", [ROOT, 0o100644], { "/home/alice/.ssh": [ROOT, 0o40755] }],
    ["in a folder as /tmp is", [ALICE, 0o100600], { "/home/alice/.ssh": [ROOT, 0o41777] }],
    ["below a home in folders that are not looked at", [ALICE, 0o100600], { "/home": [MALLORY, 0o40777] }],
    [
      "root's, for root",
      [ROOT, 0o100600],
      { "/home/alice/.ssh": [ROOT, 0o40700], "/home/alice": [ROOT, 0o40700] },
      ROOT,
    ],
  ])("nobody else: %s", async (_, file, folders, owner) => {
    expect(await problem(file, folders, owner)).toBeUndefined();
  });

  it.each<[string, string, Owner, Readonly<Record<string, Owner>>?, number?]>([
    ["another's file", "it belongs to somebody else", [MALLORY, 0o100600]],
    ["its group", "others than its owner may write it (chmod go-w)", [ALICE, 0o100620]],
    ["everybody", "others than its owner may write it (chmod go-w)", [ALICE, 0o100602]],
    [
      "who has the folder",
      "the folder /home/alice/.ssh belongs to somebody else",
      [ALICE, 0o100600],
      { "/home/alice/.ssh": [MALLORY, 0o40700] },
    ],
    [
      "the folder's group",
      "others than its owner may write the folder /home/alice/.ssh (chmod go-w)",
      [ALICE, 0o100600],
      { "/home/alice/.ssh": [ALICE, 0o40770] },
    ],
    [
      "everybody, by the home folder",
      "others than its owner may write the folder /home/alice (chmod go-w)",
      [ALICE, 0o100600],
      { "/home/alice": [ALICE, 0o40757] },
    ],
    [
      "who has a folder as /tmp is",
      "the folder /home/alice/.ssh belongs to somebody else",
      [ALICE, 0o100600],
      { "/home/alice/.ssh": [MALLORY, 0o41777] },
    ],
    ["a user, where root is the owner", "it belongs to somebody else", [ALICE, 0o100600], {}, ROOT],
    [
      "a user with a folder above root's file",
      "the folder /home/alice/.ssh belongs to somebody else",
      [ROOT, 0o100600],
      {},
      ROOT,
    ],
    [
      "a user in a folder such as /tmp, where root is the owner",
      "it belongs to somebody else",
      [MALLORY, 0o100600],
      { "/home/alice/.ssh": [ROOT, 0o41777] },
      ROOT,
    ],
  ])("somebody else: %s", async (_, expected, file, folders, owner) => {
    expect(await problem(file, folders, owner)).toBe(expected);
  });
});

describe("a file that is read", () => {
  /** A file of a user id that this process does not have. */
  const foreign = (process.getuid!() || ALICE) + 1;

  it("belongs to the account of the process or root, unless another owner is named", async () => {
    const path = join(await temporaryFolder(), "file");
    await writeFile(path, "text", { mode: 0o600 });
    expect(Buffer.from((await readOwned(path))!.bytes).toString()).toBe("text");
    // A file of the process's own is somebody else's for another owner; root's is anybody's.
    const refused = readOwned(path, { owner: foreign });
    expect(await codeOf(refused)).toBe(process.getuid!() === 0 ? "no error" : "file-unreadable");
  });

  it("has a version that changes with it", async () => {
    const path = join(await temporaryFolder(), "file");
    await writeFile(path, "text", { mode: 0o600 });
    const { version } = (await readOwned(path))!;
    expect((await readOwned(path))!.version).toBe(version);
    await writeFile(path, "longer text");
    expect((await readOwned(path))!.version).not.toBe(version);
  });

  it("is a regular file within its bound", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "file");
    await writeFile(path, "12345", { mode: 0o600 });
    expect((await readOwned(path, { maxBytes: 5 }))!.bytes).toHaveLength(5);
    await expect(readOwned(path, { maxBytes: 4 })).rejects.toThrow("it has 5 bytes, where 4 are allowed");
    execFileSync("mkfifo", ["-m", "600", join(folder, "pipe")]);
    for (const special of ["/dev/null", folder, join(folder, "pipe")])
      await expect(readOwned(special)).rejects.toThrow("it is not a regular file");
    expect(await readOwned(join(folder, "none"))).toBeUndefined();
    await chmod(path, 0o666);
    expect(await codeOf(readOwned(path))).toBe("file-unreadable");
  });
});
