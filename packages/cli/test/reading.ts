import { SshError } from "@nacre/wire";
import { onTestFinished } from "vitest";
import { CommandLineError } from "../src/options.ts";
import { redirectMessages } from "../src/say.ts";
import { type Reading, readCommandLine } from "../src/ssh/reading.ts";
import { checkSession } from "../src/ssh/ssh.ts";
import { splitSshWords } from "../src/ssh/ssh-arguments.ts";

/** A command line that was read, and what was printed meanwhile. */
export interface Read extends Reading {
  readonly printed: readonly string[];
}

/** Reads the words after `nacre`, without configuration files. */
export async function read(line: string | readonly string[]): Promise<Read> {
  const printed = collectMessages();
  const words = typeof line === "string" ? line.split(" ") : line;
  return { ...(await readCommandLine(splitSshWords(["-F", "none", ...words]), "0.1.0")), printed };
}

/** Reads the words after `nacre`, which are wrong. Resolves with the code, the lines of ssh(1), and the message of the error. */
export async function refusal(
  line: string | readonly string[],
): Promise<{ readonly code: string; readonly lines: readonly string[]; readonly message: string }> {
  const printed = collectMessages();
  const words = typeof line === "string" ? line.split(" ") : line;
  try {
    checkSession(await readCommandLine(splitSshWords(["-F", "none", ...words]), "0.1.0"));
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    const own = error instanceof CommandLineError && error.sshLine !== undefined ? [error.sshLine] : [];
    return { code: error.code, lines: [...printed, ...own], message: error.message };
  }
  throw new Error(`${words.join(" ")} is not refused`);
}

/** Collects the messages until the end of the test. */
function collectMessages(): string[] {
  const printed: string[] = [];
  redirectMessages((text) => printed.push(text.trimEnd().replace(/^nacre: /, "")));
  onTestFinished(() => redirectMessages());
  return printed;
}
