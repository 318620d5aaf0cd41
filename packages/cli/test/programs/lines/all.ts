import { COMMANDS } from "./commands.ts";
import { FORWARDS } from "./forwards.ts";
import { HOSTS } from "./hosts.ts";
import type { Line } from "./line.ts";
import { LOGINS } from "./logins.ts";
import { MESSAGES } from "./messages.ts";

/** All command lines of the table. */
export const LINES: readonly Line[] = [...COMMANDS, ...MESSAGES, ...HOSTS, ...FORWARDS, ...LOGINS];

/** Lines with which nacre does something else, and why. */
export const DIFFERENCES: Readonly<Record<string, string>> = {
  "killed command": "standard error says that a signal ended the command",
};
