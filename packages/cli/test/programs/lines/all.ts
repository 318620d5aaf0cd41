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
  "-i with a file that others may read": "the login ends; ssh leaves out the key",
  HashKnownHosts: "names are not hashed",
  "changed key with StrictHostKeyChecking no": "a changed key is always refused",
  HostKeyAlias: "not supported",
  KnownHostsCommand: "not supported",
  ProxyCommand: "not supported",
  AddKeysToAgent: "keys are not added",
  "a master of OpenSSH": "its connection is not used",
};
