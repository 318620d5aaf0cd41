#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { HELP } from "./help.ts";
import { CommandLineError } from "./options.ts";
import { explain } from "./say.ts";
import { BACKGROUND, inBackground } from "./ssh/background.ts";
import { TERMINAL_HOST } from "./terminal/terminal-messages.ts";

/** Exit status for an error of nacre itself, as in ssh(1). */
const FAILURE = 255;

// Ignored because the failing write reports it, for example when the reader closes the pipe.
process.stdout.on("error", () => {});
process.stderr.on("error", () => {});

let status: number;
try {
  status = await main(process.argv.slice(2));
} catch (error) {
  const hint = error instanceof CommandLineError ? ` (see ${helpCommand(process.argv[2])})` : "";
  process.stderr.write(`nacre: ${explain(error, hint)}\n`);
  status = FAILURE;
}
process.exit(status);

async function main(words: readonly string[]): Promise<number> {
  // These two need an IPC channel; without one they are unknown options.
  if (words[0] === TERMINAL_HOST && process.connected) {
    await (await import("./terminal/terminal-host.ts")).hostTerminal();
    return 0;
  }
  if (words[0] === BACKGROUND && process.connected) {
    const background = inBackground(words[1] === "terminal");
    return (await import("./ssh/ssh.ts")).ssh(words.slice(2), background);
  }
  switch (words[0]) {
    case undefined:
    case "-h":
    case "--help":
      process.stdout.write(HELP);
      return words.length === 0 ? FAILURE : 0;
    case "--version":
      process.stdout.write(`nacre ${version()}\n`);
      return 0;
    // Imported on demand, so that each command loads only its own code.
    case "keygen":
      return (await import("./keygen/keygen.ts")).keygen(words.slice(1));
    case "cp":
      return (await import("./cp/copy.ts")).copy(words.slice(1));
    case "sftp":
      return (await import("./sftp/sftp.ts")).sftp(words.slice(1));
    case "serve":
      return (await import("./serve/serve.ts")).serve(words.slice(1));
    case "sftp-server":
      return (await import("./serve/sftp-server.ts")).serveSftp(words.slice(1));
    case "gateway":
      return (await import("./gateway/gateway.ts")).gateway(words.slice(1));
    default:
      return (await import("./ssh/ssh.ts")).ssh(words);
  }
}

/** Returns the command that lists the options of a command line with this first word. */
function helpCommand(word: string | undefined): string {
  const isCommand = ["cp", "sftp", "keygen", "serve", "sftp-server", "gateway"].includes(word ?? "");
  return isCommand ? `nacre ${word} --help` : "nacre --help";
}

function version(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
