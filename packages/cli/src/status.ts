import { CommandLineError } from "./options.ts";
import { explain } from "./say.ts";

/** Exit status for an error of nacre itself, as in ssh(1). */
export const FAILURE = 255;

/**
 * Resolves with the exit status of a command. Prints its error. For an invalid command line, the error names the command `help`, which
 * lists the options.
 */
export async function withStatus(command: () => Promise<number>, help: string): Promise<number> {
  try {
    return await command();
  } catch (error) {
    const hint = error instanceof CommandLineError ? ` (see ${help})` : "";
    process.stderr.write(`nacre: ${explain(error, hint)}\n`);
    return FAILURE;
  }
}
