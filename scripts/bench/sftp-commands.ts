import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { installPackages } from "../openssh/debian.ts";
import { run } from "../openssh/run.ts";
import { runMeasured } from "./measured-command.ts";
import type { FileAction, FilesResult } from "./sftp-tasks.ts";
import { sshOptions } from "./ssh-command.ts";
import type { Suite, Target } from "./tasks.ts";

/** A command that moves files over SFTP. */
export type SftpCommand = "sftp" | "lftp";

/** Number of connections of `lftp mirror`. */
const LFTP_CONNECTIONS = 8;

export interface CommandRun {
  readonly target: Target;
  readonly suite: Suite;
  readonly action: FileAction;
  readonly timeoutMs: number;
  /** Path of a network namespace to run in. */
  readonly namespace: string | undefined;
  /** Folder for the script of the command. */
  readonly folder: string;
}

/** Installs `lftp` if it is missing. Throws if that fails. */
export async function ensureLftp(): Promise<void> {
  if ((await run(["lftp", "--version"])).status !== 0) await installPackages(["lftp"]);
}

/**
 * Runs a command and measures the whole process, with the `ssh` that it starts. Subtracts the time of a login. The peak memory is that of
 * the command without its `ssh`.
 */
export async function runSftpCommand(name: SftpCommand, options: CommandRun): Promise<FilesResult> {
  const { target, suite, action, timeoutMs, namespace, folder } = options;
  const command = async (lines: string): ReturnType<typeof runMeasured> => {
    const script = join(folder, `script-${name}`);
    await writeFile(script, lines);
    return runMeasured({ command: COMMANDS[name](target, suite, script), output: "kept", timeoutMs, namespace });
  };
  const nothing = await command(begin(name, target, suite) + LOGIN[name]);
  const done = await command(`${begin(name, target, suite)}${SCRIPTS[name](action)}\n`);
  return {
    seconds: done.seconds - nothing.seconds,
    cpuSeconds: done.cpuSeconds - nothing.cpuSeconds,
    idleMiB: undefined,
    peakMiB: done.peakMiB,
    names:
      action.type === "list"
        ? done.stdout.split("\n").filter((line) => /^\/.*\/name-\d+$/.test(line)).length
        : undefined,
  };
}

const COMMANDS = {
  sftp: (target: Target, suite: Suite, script: string): string[] => [
    "sftp",
    "-F",
    "none",
    "-q",
    ...sshOptions(target, suite),
    "-P",
    String(target.port),
    "-b",
    script,
    `${target.user}@${target.host}`,
  ],
  lftp: (_: Target, __: Suite, script: string): string[] => ["lftp", "--norc", "-f", script],
};

/** Commands that only log in. */
const LOGIN = { sftp: "pwd\n", lftp: "cls -d /\n" };

/** Returns the first lines of a script. */
function begin(name: SftpCommand, target: Target, suite: Suite): string {
  if (name === "sftp") return "";
  const program = ["ssh", "-F", "none", "-a", "-x", ...sshOptions(target, suite)].join(" ");
  return [
    "set cmd:fail-exit yes",
    "set net:max-retries 1",
    `set sftp:connect-program "${program}"`,
    `open -u ${target.user}, sftp://${target.host}:${target.port}`,
    "",
  ].join("\n");
}

const SCRIPTS = {
  sftp({ type, remote, local }: FileAction): string {
    switch (type) {
      case "get":
        return `get ${remote} ${local}`;
      case "put":
        return `put ${local} ${remote}`;
      case "get-all":
        return `get -r ${remote} ${local}`;
      case "put-all":
        return `put -r ${local} ${remote}`;
      case "list":
        return `ls -1f ${remote}`;
    }
  },
  lftp({ type, remote, local }: FileAction): string {
    switch (type) {
      case "get":
        return `get ${remote} -o ${local}`;
      case "put":
        return `put ${local} -o ${remote}`;
      case "get-all":
        return `mirror --parallel=${LFTP_CONNECTIONS} ${remote} ${local}`;
      case "put-all":
        return `mirror --reverse --parallel=${LFTP_CONNECTIONS} ${local} ${remote}`;
      case "list":
        return `cls -1 ${remote}`;
    }
  },
};
