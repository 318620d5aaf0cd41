import { readFileSync } from "node:fs";
import { type UserInfo, userInfo } from "node:os";
import { isBun } from "./runtime.ts";

/** An account of this system. */
export type Account = Pick<UserInfo<string>, "username" | "homedir" | "shell">;

/**
 * The account that this process runs as, by the password database: never by the environment, which whoever starts the process may set. On Bun
 * `userInfo()` tells $USER and $HOME instead, so /etc/passwd is read there; an account that is not in it is left to `userInfo()`. Throws what
 * `userInfo()` does where the account has no entry.
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
