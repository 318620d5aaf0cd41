import { SshError } from "@nacre/wire";
import { isWindows, type System, thisSystem, windowsFolder } from "./system.ts";

/** A program to start, its arguments, and the options of `spawn` that it needs. */
export interface ProgramCall {
  /** Path of the program. */
  readonly program: string;
  /** Its arguments. */
  readonly words: readonly string[];
  /** Options of `spawn`. */
  readonly options: {
    /** Environment variables; by default those of this process. */
    readonly env?: NodeJS.ProcessEnv;
    /** Whether the arguments are passed as they are, without quotes; default false. */
    readonly windowsVerbatimArguments?: boolean;
  };
}

/**
 * Returns how to run a command with the user's shell: that of `SHELL`, or `/bin/sh`. On Windows it is always `cmd.exe` of the system, which
 * then skips commands that the registry adds, and looks for no program in the current folder. Without a command, the shell is interactive.
 * Throws `not-supported-here` on Windows if SystemRoot is not an absolute path.
 */
export function shellCommand(command?: string, system: System = thisSystem): ProgramCall {
  const { environment } = system;
  if (!isWindows(system))
    return {
      program: environment["SHELL"] || "/bin/sh",
      words: command === undefined ? [] : ["-c", command],
      options: {},
    };
  return {
    // rule: windows-shell
    program: windowsProgram("cmd.exe", system),
    // With /s, cmd.exe takes off the outer quotes and nothing else.
    words: command === undefined ? ["/d"] : ["/d", "/s", "/c", `"${command}"`],
    options: {
      windowsVerbatimArguments: true,
      // rule: windows-current-folder
      env: { ...environment, NoDefaultCurrentDirectoryInExePath: "1" },
    },
  };
}

/**
 * Returns the absolute path of a program of Windows: by its name alone, a program of that name in the current folder would run. Throws
 * `not-supported-here` if SystemRoot is not an absolute path.
 */
export function windowsProgram(name: string, system: System = thisSystem): string {
  const folder = windowsFolder("SystemRoot", system);
  if (folder === undefined)
    throw new SshError(
      "not-supported-here",
      `cannot run ${name}: the variable SystemRoot is not the absolute path of a folder; set it to that of Windows`,
    );
  return `${folder}\\System32\\${name}`;
}
