#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { CommandName } from "./commands.ts";
import { useCompileCache } from "./compile-cache.ts";
import { TERMINAL_HOST } from "./terminal/terminal-messages.ts";

/** The names of the commands. They stand here, too, because `nacre HOST` does not load `commands.ts`. */
const COMMANDS: Readonly<Record<CommandName, true>> = {
  keygen: true,
  cp: true,
  sftp: true,
  serve: true,
  "sftp-server": true,
  gateway: true,
  [TERMINAL_HOST]: true,
};

// Ignored because the failing write reports it, for example when the reader closes the pipe.
process.stdout.on("error", () => {});
process.stderr.on("error", () => {});

// Otherwise Node would open its debugger, through which every user of this machine could run code with our keys.
process.once("SIGUSR1", (signal) => process.kill(process.pid, signal));

useCompileCache();
process.exit(await main(process.argv.slice(2)));

async function main(line: readonly string[]): Promise<number> {
  const [name, ...words] = line;
  if (isSsh()) return ssh(line);
  if (name === "--version") {
    process.stdout.write(`nacre ${version()}\n`);
    return 0;
  }
  // Imported on demand, so that `nacre HOST` loads only its own code.
  if (isCommand(name)) return (await import("./commands.ts")).runCommand(name, words);
  return ssh(line);
}

/** Runs `nacre HOST`. What `-G` needs is a part of its own. */
async function ssh(line: readonly string[]): Promise<number> {
  if (line.some((word) => /^-[a-zA-Z1246]*G/.test(word))) {
    const status = await (await import("./ssh/print-config.ts")).printConfig(line, version);
    if (status !== undefined) return status;
  }
  return (await import("./ssh/ssh.ts")).runSsh(line, version);
}

/** Returns whether this is `nacre-ssh` or a link named `ssh`. It then has no commands: `ssh sftp` connects to a host. */
function isSsh(): boolean {
  return /^(?:nacre-)?ssh(?:\.[jt]s)?$/.test(basename(process.argv[1] ?? ""));
}

function isCommand(name: string | undefined): name is CommandName {
  if (name === undefined || !Object.hasOwn(COMMANDS, name)) return false;
  // Hosting a terminal needs an IPC channel; without one it is an unknown option.
  return name !== TERMINAL_HOST || process.connected;
}

function version(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
