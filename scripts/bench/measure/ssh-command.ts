import type { Suite, Target } from "../tasks.ts";
import { type MeasuredRun, type MeasuredRunResult, runMeasured } from "./measured-command.ts";

/** A command to run on a server with `ssh`. */
export interface SshRun extends Omit<MeasuredRun, "command"> {
  readonly target: Target;
  /** Command for the server's shell. */
  readonly command: string;
  /** Cipher and MAC; default those that `ssh` prefers. */
  readonly suite?: Suite | undefined;
}

/** Runs `ssh` and measures the whole process. Throws if it does not exit with status 0 within `timeoutMs`. */
export function runSsh({ target, command, suite, ...options }: SshRun): Promise<MeasuredRunResult> {
  return runMeasured({ ...options, command: ["ssh", ...sshArguments(target, suite), command] });
}

/** Returns arguments for `ssh`, without a command. With them it reads no configuration, never prompts, and trusts only the target's key. */
export function sshArguments(target: Target, suite: Suite | undefined): string[] {
  return ["-F", "none", "-T", "-p", String(target.port), "-l", target.user, ...sshOptions(target, suite), target.host];
}

/** Returns options for `ssh` and `sftp`. */
export function sshOptions(target: Target, suite: Suite | undefined): string[] {
  const options = [
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    `IdentityFile=${target.keyFile}`,
    `UserKnownHostsFile=${target.knownHostsFile}`,
    "GlobalKnownHostsFile=/dev/null",
    "StrictHostKeyChecking=yes",
    "HostKeyAlias=bench",
    "BatchMode=yes",
    ...(suite === undefined ? [] : [`Ciphers=${suite.cipher}`, `MACs=${suite.mac}`]),
  ];
  return options.flatMap((option) => ["-o", option]);
}
