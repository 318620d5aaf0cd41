import { execFileSync } from "node:child_process";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type AccountFacts, accountHome, accountName } from "../src/keys/account.ts";
import { expandHome } from "../src/keys/files.ts";

const ALICE = 1000;

function noEntry(): never {
  throw new Error("ENOENT");
}

/** An account without an entry in the password database. ALICE owns all folders. */
function bare(changes: Partial<AccountFacts> = {}): string | undefined {
  return accountHome({
    uid: ALICE,
    homeVariable: "/data/alice",
    entry: noEntry,
    ownerOf: () => ALICE,
    ...changes,
  });
}

afterEach(() => void vi.unstubAllEnvs());

describe("the home folder", () => {
  test("is taken from the password database, not from HOME", () => {
    // `userInfo()` is no reference here: on Bun it returns HOME.
    const entry = execFileSync("getent", ["passwd", `${process.getuid?.()}`], { encoding: "utf8" });
    const homedir = entry.split(":")[5];
    for (const HOME of ["/tmp", "", undefined]) {
      vi.stubEnv("HOME", HOME);
      expect(accountHome()).toBe(homedir);
      expect(expandHome("~/.ssh/id_rsa")).toBe(`${homedir}/.ssh/id_rsa`);
    }
    expect(bare({ entry: () => "/home/alice", uid: 0 })).toBe("/home/alice");
  });

  test("is never a relative path", () => {
    for (const path of ["", ".", "home/alice"]) {
      expect(bare({ entry: () => path })).toBeUndefined();
      expect(bare({ homeVariable: path })).toBeUndefined();
    }
  });

  test("falls back to HOME for an account without an entry, if it owns HOME and is not root", () => {
    expect(bare()).toBe("/data/alice");
    expect(bare({ ownerOf: () => 0 })).toBeUndefined();
    expect(bare({ uid: 0, ownerOf: () => 0 })).toBeUndefined();
    expect(bare({ homeVariable: undefined })).toBeUndefined();
    expect(
      bare({
        ownerOf: () => {
          throw new Error("ENOENT");
        },
      }),
    ).toBeUndefined();
  });
});

test("accountName throws `usage` for an account without an entry", () => {
  expect(accountName()).toBe(execFileSync("id", ["-un"], { encoding: "utf8" }).trim());
  expect(() => accountName(noEntry)).toThrow(expect.objectContaining({ code: "usage" }));
});
