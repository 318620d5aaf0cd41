import { readFileSync, statSync } from "node:fs";
import { type UserInfo, userInfo } from "node:os";
import { isAbsolute } from "node:path";
import { SshError } from "@nacre/wire";
import { isBun } from "./runtime.ts";

/** An account of this system. */
export type Account = Pick<UserInfo<string>, "username" | "homedir" | "shell">;

/**
 * Returns the account that this process runs as, from the password database and not from the environment, which the caller of the process
 * controls. Bun's `userInfo()` returns $USER and $HOME, so /etc/passwd is read there first. Throws what `userInfo()` throws if the account
 * has no entry.
 */
export function account(): Account {
  const uid = isBun ? process.getuid?.() : undefined;
  return (uid === undefined ? undefined : accountIn(readFileSync("/etc/passwd", "utf8"), uid)) ?? userInfo();
}

/** The account of that number in a passwd(5) file. */
export function accountIn(passwd: string, uid: number): Account | undefined {
  for (const line of passwd.split("\n")) {
    const [username, , number, , , homedir, shell] = line.split(":");
    if (username && number === `${uid}` && homedir !== undefined) return { username, homedir, shell: shell ?? null };
  }
  return undefined;
}

/** The facts about the running account that {@link accountHome} decides by. */
export interface AccountFacts {
  /** User id; `undefined` on Windows. */
  readonly uid: number | undefined;
  /** `HOME` of the environment. */
  readonly homeVariable: string | undefined;
  /** Home folder by the password database. Throws when the account has no entry there. */
  readonly entry: () => string;
  /** User id of a folder's owner. Throws when there is no such folder. */
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
 * Returns the home folder of the account that runs this process: the one in the password database. `HOME` does not count, since `sudo -E`,
 * `su -m` and containers leave another user's there. An account without an entry, such as a container's bare user id, has the folder in
 * `HOME` if it owns that folder and is not root. Otherwise returns `undefined`.
 */
export function accountHome(facts: AccountFacts = runningAccount): string | undefined {
  try {
    // rule: home-of-account
    const home = facts.entry();
    return isAbsolute(home) ? home : undefined;
  } catch {
    // No entry: only a folder that this account owns may stand in for it.
  }
  try {
    const { uid, homeVariable, ownerOf } = facts;
    if (uid === undefined || uid === 0 || homeVariable === undefined || !isAbsolute(homeVariable)) return undefined;
    return ownerOf(homeVariable) === uid ? homeVariable : undefined;
  } catch {
    // There is no such folder, or the runtime does not permit to look.
    return undefined;
  }
}

/** Returns the name of the account that runs this process. Throws `usage` when the password database has no entry for it. */
export function accountName(entry: () => string = () => account().username): string {
  try {
    return entry();
  } catch (cause) {
    throw new SshError("usage", "this account has no name in the password database: give `user`", { cause });
  }
}
