import { Interrupt } from "../interrupt.ts";
import { complete } from "./complete.ts";
import { execute } from "./execute.ts";
import { readLine } from "./parse.ts";
import { Prompt, type PromptInput } from "./prompt.ts";
import type { Session } from "./session.ts";

/**
 * Runs the lines that a user types, until `quit`, the end of the input, or the end of SFTP. Ctrl-C ends the running command; a second
 * one ends this process. `typedAhead` was typed before the first prompt. Rejects with the error that ended SFTP.
 */
export async function runInteractive(
  session: Session,
  input: PromptInput,
  output: NodeJS.WritableStream,
  typedAhead: string,
): Promise<void> {
  const prompt = new Prompt(input, output, (line) => complete(session, line));
  // Without this, a prompt would wait for the user although the connection is gone.
  const ended = session.sftp.ended.then((error) => {
    throw error;
  });
  ended.catch(() => {});
  try {
    prompt.type(typedAhead);
    while (!session.isOver) {
      const line = await Promise.race([prompt.next(), ended]).catch((error: unknown) => {
        // The prompt is still in the line.
        output.write("\n");
        throw error;
      });
      if (line === undefined) {
        output.write("\n");
        return;
      }
      const { text } = readLine(line);
      if (text !== "") await runLine(session, text);
    }
  } finally {
    prompt.close();
  }
}

async function runLine(session: Session, text: string): Promise<void> {
  const interrupt = new Interrupt();
  session.signal = interrupt.signal;
  try {
    await execute(session, text);
  } finally {
    interrupt.release();
    // Only Ctrl-C leaves the session open.
    if (interrupt.raised !== "SIGINT") interrupt.raise();
  }
}
