import { describe, expect, it } from "vitest";
import { exposure } from "../src/owned-file.ts";

const ALICE = 1000;
const MALLORY = 1001;
const ROOT = 0;
const FILE = "/home/alice/.ssh/authorized_keys";

type Owner = readonly [uid: number, mode: number];

/** What is wrong with a file, in folders of alice's and the administrator's but for those that are said. */
function problem(
  file: Owner,
  folders: Readonly<Record<string, Owner>> = {},
  self = ALICE,
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
      self,
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
    ["a user's, for a server of the administrator's", [ALICE, 0o100600], {}, ROOT],
  ])("nobody else: %s", async (_, file, folders, self) => {
    expect(await problem(file, folders, self)).toBeUndefined();
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
    [
      "another user, where the administrator serves",
      "the folder /home/alice/.ssh belongs to somebody else",
      [MALLORY, 0o100600],
      {},
      ROOT,
    ],
  ])("somebody else: %s", async (_, expected, file, folders, self) => {
    expect(await problem(file, folders, self)).toBe(expected);
  });
});
