import type { Program } from "../children.ts";
import { measuredCheckout } from "../children.ts";

/** Nacre as a library, with tasks for the ways to a host. */
export const LIBRARY: Program = { file: "child-nacre-ways" };

/** Returns the words that start a command of Nacre: `ssh` is the one in place of OpenSSH's. */
export function nacreCommand(name: "ssh" | "main"): string[] {
  return [process.execPath, `${measuredCheckout()}packages/cli/dist/${name}.js`];
}
