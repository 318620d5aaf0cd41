import { escapeText } from "@nacre/wire";

/** Facts that the places of files and programs depend on. */
export interface System {
  /** Name of the system, as in `process.platform`. */
  readonly platform: NodeJS.Platform;
  /** Environment variables. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The system of this process. Tests replace its getters. */
export const thisSystem: System = {
  get platform() {
    return process.platform;
  },
  get environment() {
    return process.env;
  },
};

/** Returns whether the system is Windows. */
export function isWindows({ platform }: Pick<System, "platform"> = thisSystem): boolean {
  return platform === "win32";
}

/**
 * Returns the path of a file that OpenSSH has for all users: `/etc/ssh/NAME`, and on Windows `%ProgramData%\ssh\NAME`. Returns `undefined`
 * on Windows if ProgramData is not an absolute path.
 */
export function systemFile(name: string, system: System = thisSystem): string | undefined {
  if (!isWindows(system)) return `/etc/ssh/${name}`;
  const folder = windowsFolder("ProgramData", system);
  return folder === undefined ? undefined : `${folder}\\ssh\\${name}`;
}

/** Returns the path of the services(5) file; `undefined` on Windows if SystemRoot is not an absolute path. */
export function servicesFile(system: System = thisSystem): string | undefined {
  if (!isWindows(system)) return "/etc/services";
  const folder = windowsFolder("SystemRoot", system);
  return folder === undefined ? undefined : `${folder}\\System32\\drivers\\etc\\services`;
}

/** Returns the folder of Windows that a variable names; `undefined` unless its path is absolute. */
export function windowsFolder(variable: "ProgramData" | "SystemRoot", system: System): string | undefined {
  const folder = system.environment[variable];
  // rule: windows-folder
  if (folder === undefined || !isAbsolutePath(folder, system)) return undefined;
  return folder.replace(/[\\/]+$/, "");
}

/**
 * Returns whether a path leads to the same file from every folder. On Windows, `\name` does not: it is on the current drive, where every
 * user may create files.
 */
export function isAbsolutePath(path: string, system: Pick<System, "platform"> = thisSystem): boolean {
  return isWindows(system) ? /^[a-z]:[\\/]/i.test(path) : path.startsWith("/");
}

/** Matches the names of the null device on Windows, and that of other systems, which configurations for several systems have. */
const NULL_DEVICE = /^(?:(?:\\\\[.?]\\)?nul|\/dev\/null)$/i;

/** Returns whether a path is that of the null device. */
export function isNullDevice(path: string, system: System = thisSystem): boolean {
  return isWindows(system) ? NULL_DEVICE.test(path) : path === "/dev/null";
}

/** Returns the path by which a file is opened: on Windows, all names of the null device become one. */
export function devicePath(path: string, system: System = thisSystem): string {
  return isWindows(system) && NULL_DEVICE.test(path) ? "\\\\.\\nul" : path;
}

/**
 * Makes a path of this machine, or a message of its system that may have one, safe for a terminal or a log. Escapes what `escapeText`
 * escapes; on Windows, where the backslash separates folders, not the backslashes.
 */
export function showPath(path: string, system: System = thisSystem): string {
  const text = escapeText(path);
  return isWindows(system) ? text.replaceAll("\\\\", "\\") : text;
}
