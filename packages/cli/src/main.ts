#!/usr/bin/env node
import { readFileSync } from "node:fs";
import type { CommandName } from "./commands.ts";
import { useCompileCache } from "./compile-cache.ts";
import { TERMINAL_HOST } from "./terminal/terminal-messages.ts";

// Ignored because the failing write reports it, for example when the reader closes the pipe.
process.stdout.on("error", () => {});
process.stderr.on("error", () => {});

useCompileCache();
process.exit(await main(process.argv.slice(2)));

async function main([name, ...words]: readonly string[]): Promise<number> {
  if (name === "--version") {
    process.stdout.write(`nacre ${version()}\n`);
    return 0;
  }
  // Imported on demand, so that `nacre HOST` loads only its own code.
  if (isCommand(name)) return (await import("./commands.ts")).runCommand(name, words);
  return (await import("./ssh/ssh.ts")).runSsh(process.argv.slice(2));
}

function isCommand(name: string | undefined): name is CommandName {
  switch (name) {
    case "keygen":
    case "cp":
    case "sftp":
    case "serve":
    case "sftp-server":
    case "gateway":
      return true;
    case TERMINAL_HOST:
      // It needs an IPC channel; without one it is an unknown option.
      return process.connected;
    default:
      return false;
  }
}

function version(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
