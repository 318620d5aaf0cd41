import { readFileSync, statSync } from "node:fs";
import { type UserInfo, userInfo } from "node:os";
import { isAbsolute } from "node:path";
import { SshError } from "@nacre/wire";
import { isBun } from "../crypto/runtime.ts";

/** An account of this system. */
export type Account = Pick<UserInfo<string>, "username" | "homedir" | "shell">;

/**
 * Returns the account that runs this process. Reads the password database, not the environment, which the parent process controls. Bun's
 * `userInfo()` returns `USER` and `HOME`, so /etc/passwd is read first there. Throws the error of `userInfo()` if the account has no entry.
 */
export function account(): Account {
  const uid = isBun ? process.getuid?.() : undefined;
  return (uid === undefined ? undefined : accountIn(readFileSync("/etc/passwd", "utf8"), uid)) ?? userInfo();
}

/** Returns the account with this user id from the text of a passwd(5) file. */
export function accountIn(passwd: string, uid: number): Account | undefined {
  for (const line of passwd.split("\n")) {
    const [username, , number, , , homedir, shell] = line.split(":");
    if (username && number === `${uid}` && homedir !== undefined) return { username, homedir, shell: shell ?? null };
  }
  return undefined;
}

/** Properties of the running account that {@link accountHome} depends on. */
export interface AccountFacts {
  /** User id; `undefined` on Windows. */
  readonly uid: number | undefined;
  /** Environment variable `HOME`. */
  readonly homeVariable: string | undefined;
  /** Home folder in the password database. Throws if the account has no entry. */
  readonly entry: () => string;
  /** User id of a folder's owner. Throws if the folder does not exist. */
  readonly ownerOf: (folder: string) => number;
}

const runningAccount: AccountFacts = {
  get uid() {
    return process.getuid?.();
  },
  get homeVariable() {
    return process.env.HOME;
  },
  entry: () => account().homedir,
  ownerOf: (folder) => statSync(folder).uid,
};

/**
 * Returns the home folder of the account that runs this process, from the password database. `HOME` is ignored: `sudo -E`, `su -m` and
 * containers leave another user's value there. An account without an entry, such as a container's bare user id, gets the folder in `HOME`
 * if it owns that folder and is not root. Otherwise returns `undefined`.
 */
export function accountHome(facts: AccountFacts = runningAccount): string | undefined {
  try {
    // rule: home-of-account
    const home = facts.entry();
    return isAbsolute(home) ? home : undefined;
  } catch {
    // No entry: only a folder owned by this account may take its place.
  }
  try {
    const { uid, homeVariable, ownerOf } = facts;
    if (uid === undefined || uid === 0 || homeVariable === undefined || !isAbsolute(homeVariable)) return undefined;
    return ownerOf(homeVariable) === uid ? homeVariable : undefined;
  } catch {
    // The folder does not exist, or the runtime denies access.
    return undefined;
  }
}

/** Returns the name of the account that runs this process. Throws `usage` if the password database has no entry for it. */
export function accountName(entry: () => string = () => account().username): string {
  try {
    return entry();
  } catch (cause) {
    throw new SshError("usage", "this account has no entry in the password database; set `user`", { cause });
  }
}
