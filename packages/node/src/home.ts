import { statSync } from "node:fs";
import { userInfo } from "node:os";
import { isAbsolute } from "node:path";

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
  uid: process.getuid?.(),
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
  const { uid, homeVariable, entry, ownerOf } = account;
  try {
    const home = entry();
    return isAbsolute(home) ? home : undefined;
  } catch {
    // No entry: only what this account owns may stand in for it.
  }
  if (uid === undefined || uid === 0 || homeVariable === undefined || !isAbsolute(homeVariable)) return undefined;
  try {
    return ownerOf(homeVariable) === uid ? homeVariable : undefined;
  } catch {
    return undefined;
  }
}
