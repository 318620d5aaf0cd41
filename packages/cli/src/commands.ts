import { withStatus } from "./say.ts";
import { TERMINAL_HOST } from "./terminal/terminal-messages.ts";

/** First word of the command lines other than `nacre HOST`. */
export type CommandName = "keygen" | "cp" | "sftp" | "serve" | "sftp-server" | "gateway" | typeof TERMINAL_HOST;

/** Runs a command with the words after its name. Resolves with the exit status. */
export function runCommand(name: CommandName, words: readonly string[]): Promise<number> {
  return withStatus(() => run(name, words), `nacre ${name} --help`);
}

async function run(name: CommandName, words: readonly string[]): Promise<number> {
  // Imported on demand, so that each command loads only its own code.
  switch (name) {
    case "keygen":
      return (await import("./keygen/keygen.ts")).keygen(words);
    case "cp":
      return (await import("./cp/copy.ts")).copy(words);
    case "sftp":
      return (await import("./sftp/sftp.ts")).sftp(words);
    case "serve":
      return (await import("./serve/serve.ts")).serve(words);
    case "sftp-server":
      return (await import("./serve/sftp-server.ts")).serveSftp(words);
    case "gateway":
      return (await import("./gateway/gateway.ts")).gateway(words);
    case TERMINAL_HOST:
      await (await import("./terminal/terminal-host.ts")).hostTerminal();
      return 0;
  }
}
