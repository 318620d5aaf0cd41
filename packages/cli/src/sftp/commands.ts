import type { Command } from "./command.ts";
import { FILE_COMMANDS } from "./file-commands.ts";
import { LIST_COMMANDS } from "./list-commands.ts";
import { LOCAL_COMMANDS } from "./local-commands.ts";
import { PLACE_COMMANDS } from "./place-commands.ts";
import { sessionCommands } from "./session-commands.ts";
import { TRANSFER_COMMANDS } from "./transfer-commands.ts";

/** All commands of `nacre sftp`. */
export const COMMANDS: readonly Command[] = [
  ...LIST_COMMANDS,
  ...PLACE_COMMANDS,
  ...TRANSFER_COMMANDS,
  ...FILE_COMMANDS,
  ...LOCAL_COMMANDS,
  ...sessionCommands(() => COMMANDS),
];
