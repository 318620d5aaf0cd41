import { statSync } from "node:fs";
import { userInfo } from "node:os";
import { isAbsolute } from "node:path";
import { SshError } from "@nacre/wire";

/** The facts about the running account that {@link accountHome} decides by. */
export interface Account {
  /** User id; `undefined` on Windows. */
  readonly uid: number | undefined;
  /** `HOME` of the environment. */
  readonly homeVariable: string | undefined;
  /** Home folder by the password database. Throws when the account has no entry there. */
  readonly entry: () => string;
  /** User id of a folder's owner. Throws when there is no such folder. */
  readonly ownerOf: (folder: string) => number;
}

const runningAccount: Account = {
  get uid() {
    return process.getuid?.();
  },
  get homeVariable() {
    return process.env.HOME;
  },
  entry: () => userInfo().homedir,
  ownerOf: (folder) => statSync(folder).uid,
};

/**
 * Returns the home folder of the account that runs this process: the one in the password database. `HOME` does not count, since `sudo -E`,
 * `su -m` and containers leave another user's there. An account without an entry, such as a container's bare user id, has the folder in
 * `HOME` if it owns that folder and is not root. Otherwise returns `undefined`.
 */
export function accountHome(account: Account = runningAccount): string | undefined {
  try {
    const home = account.entry();
    return isAbsolute(home) ? home : undefined;
  } catch {
    // No entry: only a folder that this account owns may stand in for it.
  }
  try {
    const { uid, homeVariable, ownerOf } = account;
    if (uid === undefined || uid === 0 || homeVariable === undefined || !isAbsolute(homeVariable)) return undefined;
    return ownerOf(homeVariable) === uid ? homeVariable : undefined;
  } catch {
    // There is no such folder, or the runtime does not permit to look.
    return undefined;
  }
}

/** Returns the name of the account that runs this process. Throws `usage` when the password database has no entry for it. */
export function accountName(entry: () => string = () => userInfo().username): string {
  try {
    return entry();
  } catch (cause) {
    throw new SshError("usage", "this account has no name in the password database: give `user`", { cause });
  }
}
