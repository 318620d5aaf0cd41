import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { installPackages } from "@nacre/testing/openssh/debian";
import { run } from "@nacre/testing/openssh/run";
import { measuredCheckout } from "../children.ts";
import { runMeasured } from "../measure/measured-command.ts";
import { sshOptions } from "../measure/ssh-command.ts";
import type { Suite, Target } from "../tasks.ts";
import type { FileAction, FilesResult } from "./sftp-tasks.ts";

/** A command that moves files over SFTP. */
export type SftpCommand = "sftp" | "lftp" | "rclone" | "nacre cp";

/** Returns the file of the `nacre` command, as built for publishing. */
const nacreProgram = (): string => `${measuredCheckout()}packages/cli/dist/main.js`;

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

/** Installs `lftp` and `rclone` if they are missing. Throws if that fails. */
export async function ensureCommands(): Promise<void> {
  for (const [name, flag] of [
    ["lftp", "--version"],
    ["rclone", "version"],
  ] as const)
    if ((await run([name, flag])).status !== 0) await installPackages([name]);
}

/**
 * Runs a command and measures the whole process, with the `ssh` that it starts. Subtracts the time of a login. The peak memory is that of
 * the command without its `ssh`.
 */
export async function runSftpCommand(name: SftpCommand, options: CommandRun): Promise<FilesResult> {
  const { target, suite, action, timeoutMs, namespace, folder } = options;
  const measured = (command: readonly string[]): ReturnType<typeof runMeasured> =>
    runMeasured({ command, output: "kept", timeoutMs, namespace });
  const scripted = async (script: string): Promise<string> => {
    const file = join(folder, `script-${name.replace(" ", "-")}`);
    await writeFile(file, `${script}\n`);
    return file;
  };
  const commandOf = async (one: FileAction | undefined): Promise<readonly string[]> => {
    switch (name) {
      case "rclone":
        return rcloneCommand(target, one);
      case "nacre cp":
        return one === undefined
          ? nacreCommand("sftp", target, suite, ["-b", await scripted(LOGIN.sftp), `${target.user}@${target.host}`])
          : nacreCommand("cp", target, suite, nacrePlaces(target, one));
      case "sftp":
        return sftpCommand(target, suite, await scripted(one === undefined ? LOGIN.sftp : SCRIPTS.sftp(one)));
      case "lftp": {
        const script = `${begin(target, suite)}${one === undefined ? LOGIN.lftp : SCRIPTS.lftp(one)}`;
        return ["lftp", "--norc", "-f", await scripted(script)];
      }
    }
  };
  const nothing = await measured(await commandOf(undefined));
  const done = await measured(await commandOf(action));
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

function sftpCommand(target: Target, suite: Suite, script: string): string[] {
  const options = ["-F", "none", "-q", ...sshOptions(target, suite), "-P", String(target.port), "-b", script];
  return ["sftp", ...options, `${target.user}@${target.host}`];
}

/** Returns a `nacre` command that uses only the target's key, and trusts only the target. */
function nacreCommand(
  command: "cp" | "sftp",
  { port, keyFile, hostKeyFingerprint }: Target,
  { cipher, mac }: Suite,
  rest: readonly string[],
): string[] {
  const options = ["-P", String(port), "-i", keyFile, "--host-key", hostKeyFingerprint, "-c", cipher, "-m", mac];
  return [process.execPath, nacreProgram(), command, ...options, ...rest];
}

/** Returns source and target of `nacre cp`. Throws for an action other than to move one file. */
function nacrePlaces({ user, host }: Target, { type, remote, local }: FileAction): string[] {
  const place = `${user}@${host}:${remote}`;
  if (type === "get") return [place, local];
  if (type === "put") return [local, place];
  throw new Error(`"nacre cp" is measured with one file, not with "${type}"`);
}

/** Returns a command that makes two folders equal, or that only logs in. The cipher is aes128-gcm, which rclone prefers. */
function rcloneCommand(target: Target, action: FileAction | undefined): string[] {
  const options = {
    host: target.host,
    port: target.port,
    user: target.user,
    "key-file": target.keyFile,
    // Otherwise rclone looks for commands on the server.
    "shell-type": "none",
    "disable-hashcheck": "true",
  };
  const flags = Object.entries(options).map(([name, value]) => `--sftp-${name}=${value}`);
  const remote = `:sftp:${action?.remote ?? "/"}`;
  const work =
    action === undefined
      ? ["lsf", "--max-depth=1", remote]
      : ["sync", ...(action.type.startsWith("get") ? [remote, action.local] : [action.local, remote])];
  return ["rclone", "--config=/dev/null", ...flags, ...work];
}

/** Commands that only log in. */
const LOGIN = { sftp: "pwd", lftp: "cls -d /" };

/** Returns the first lines of a script for `lftp`. */
function begin(target: Target, suite: Suite): string {
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
