import { execFileSync } from "node:child_process";
import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { exposure, pathExposure, readOwned } from "../src/keys/owned-file.ts";
import { codeOf, temporaryFolder } from "./support.ts";

const ALICE = 1000;
const MALLORY = 1001;
const ROOT = 0;
const FILE = "/home/alice/.ssh/authorized_keys";

type Owner = readonly [uid: number, mode: number];

/** Returns the problem with a file. By default alice and root own its folders; `folders` overrides that. */
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

describe("exposure", () => {
  it.each<[string, Owner, Readonly<Record<string, Owner>>?, number?]>([
    ["owned by the user", [ALICE, 0o100600]],
    ["readable by all users", [ALICE, 0o100644]],
    ["owned by root", [ROOT, 0o100644], { "/home/alice/.ssh": [ROOT, 0o40755] }],
    ["in a sticky folder such as /tmp", [ALICE, 0o100600], { "/home/alice/.ssh": [ROOT, 0o41777] }],
    [
      "below a home folder, so that its parent folders are not checked",
      [ALICE, 0o100600],
      { "/home": [MALLORY, 0o40777] },
    ],
    [
      "owned by root, for root",
      [ROOT, 0o100600],
      { "/home/alice/.ssh": [ROOT, 0o40700], "/home/alice": [ROOT, 0o40700] },
      ROOT,
    ],
  ])("accepts a file %s", async (_, file, folders, owner) => {
    expect(await problem(file, folders, owner)).toBeUndefined();
  });

  it.each<[string, string, Owner, Readonly<Record<string, Owner>>?, number?]>([
    ["another user who owns the file", "another user owns the file", [MALLORY, 0o100600]],
    ["its group", "other users can write the file; run `chmod go-w` on it", [ALICE, 0o100620]],
    ["all users", "other users can write the file; run `chmod go-w` on it", [ALICE, 0o100602]],
    [
      "another user who owns the folder",
      "another user owns the folder /home/alice/.ssh",
      [ALICE, 0o100600],
      { "/home/alice/.ssh": [MALLORY, 0o40700] },
    ],
    [
      "the folder's group",
      "other users can write the folder /home/alice/.ssh; run `chmod go-w` on it",
      [ALICE, 0o100600],
      { "/home/alice/.ssh": [ALICE, 0o40770] },
    ],
    [
      "all users, through the home folder",
      "other users can write the folder /home/alice; run `chmod go-w` on it",
      [ALICE, 0o100600],
      { "/home/alice": [ALICE, 0o40757] },
    ],
    [
      "another user who owns a sticky folder",
      "another user owns the folder /home/alice/.ssh",
      [ALICE, 0o100600],
      { "/home/alice/.ssh": [MALLORY, 0o41777] },
    ],
    ["a user, if root must be the owner", "another user owns the file", [ALICE, 0o100600], {}, ROOT],
    [
      "a user who owns a folder above root's file",
      "another user owns the folder /home/alice/.ssh",
      [ROOT, 0o100600],
      {},
      ROOT,
    ],
    [
      "a user in a sticky folder, if root must be the owner",
      "another user owns the file",
      [MALLORY, 0o100600],
      { "/home/alice/.ssh": [ROOT, 0o41777] },
      ROOT,
    ],
  ])("reports access by %s", async (_, expected, file, folders, owner) => {
    expect(await problem(file, folders, owner)).toBe(expected);
  });
});

describe("readOwned", () => {
  it("requires that this account or root owns the file, unless another owner is given", async () => {
    const path = join(await temporaryFolder(), "file");
    await writeFile(path, "text", { mode: 0o600 });
    expect(Buffer.from((await readOwned(path))!.bytes).toString()).toBe("text");
    // For another owner, a file of this process's account is refused, unless the account is root.
    const own = process.getuid!();
    const refused = readOwned(path, { owner: (own || ALICE) + 1 });
    expect(await codeOf(refused)).toBe(own === 0 ? "no error" : "file-unreadable");
  });

  it("checks no folder above a home folder that is named by a link, or with a slash at its end", async () => {
    const folder = await temporaryFolder();
    const home = join(folder, "disk", "home");
    await mkdir(home, { recursive: true });
    const path = join(home, "file");
    await writeFile(path, "text", { mode: 0o600 });
    await symlink(home, join(folder, "link"));
    // After `mkdir`, whose mode the umask changes.
    await chmod(join(folder, "disk"), 0o777);
    for (const name of [home, `${home}/`, join(folder, "link")]) {
      expect(await readOwned(path, { home: name })).toMatchObject({ bytes: Buffer.from("text") });
      expect(await pathExposure(path, name)).toBeUndefined();
    }
    await expect(readOwned(path)).rejects.toThrow("other users can write the folder");
  });

  it("returns a version that changes with the file", async () => {
    const path = join(await temporaryFolder(), "file");
    await writeFile(path, "text", { mode: 0o600 });
    const { version } = (await readOwned(path))!;
    expect((await readOwned(path))!.version).toBe(version);
    await writeFile(path, "longer text");
    expect((await readOwned(path))!.version).not.toBe(version);
  });

  it("requires a regular file within the size limit", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "file");
    await writeFile(path, "12345", { mode: 0o600 });
    expect((await readOwned(path, { maxBytes: 5 }))!.bytes).toHaveLength(5);
    await expect(readOwned(path, { maxBytes: 4 })).rejects.toThrow("the file has 5 bytes, but the maximum is 4");
    execFileSync("mkfifo", ["-m", "600", join(folder, "pipe")]);
    for (const special of ["/dev/null", folder, join(folder, "pipe")])
      await expect(readOwned(special)).rejects.toThrow("not a regular file");
    expect(await readOwned(join(folder, "none"))).toBeUndefined();
    await chmod(path, 0o666);
    expect(await codeOf(readOwned(path))).toBe("file-unreadable");
  });
});
