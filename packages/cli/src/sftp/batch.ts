import { execute } from "./execute.ts";
import { readLine } from "./parse.ts";
import { type Session, shown } from "./session.ts";

/** Exit status of a batch that a command ended, or of a session whose place does not exist. */
export const FAILED = 1;

/** How a batch runs. */
export interface BatchSettings {
  /** Whether the first command that fails ends the batch, unless its line begins with `-`. */
  readonly stopsAtErrors: boolean;
  /** Whether each line is printed before it runs, unless it begins with `@`. */
  readonly echoes: boolean;
}

/**
 * Runs the lines of a batch. Resolves with the exit status: 1 if a command ended the batch, 0 otherwise. Rejects with the error that ended
 * SFTP. `signal` ends the running command, and the batch.
 */
export async function runBatch(
  session: Session,
  lines: AsyncIterable<string> | Iterable<string>,
  { stopsAtErrors, echoes }: BatchSettings,
  signal: AbortSignal,
): Promise<number> {
  session.signal = signal;
  for await (const line of lines) {
    const { text, ignoresErrors, isQuiet } = readLine(line);
    if (echoes && !isQuiet) session.print(`sftp> ${shown(line)}`);
    if (text === "") continue;
    const succeeded = await execute(session, text);
    if (signal.aborted || (!succeeded && stopsAtErrors && !ignoresErrors)) return FAILED;
    if (session.isOver) break;
  }
  return 0;
}
