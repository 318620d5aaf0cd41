import { SshError } from "@nacre/wire";
import { COMMANDS } from "./commands.ts";
import { runShell } from "./local-commands.ts";
import { parseCommand } from "./parse.ts";
import type { Session } from "./session.ts";

/**
 * Runs a line without prefixes. Resolves with whether it succeeded; its error is printed. Rejects if SFTP has ended, and then no further
 * line can be run.
 */
export async function execute(session: Session, text: string): Promise<boolean> {
  session.hasFailed = false;
  try {
    const parsed = parseCommand(text, COMMANDS);
    if (parsed.type === "shell") await runShell(session, parsed.line);
    else await parsed.command.run(session, parsed.call);
  } catch (error) {
    if (!(error instanceof SshError) || session.hasEnded) throw error;
    session.complain(error);
  }
  return !session.hasFailed;
}
