/**
 * What a program of its own builds on beside `@nacre/node`, such as the command `nacre`: where the system has its files and programs, how
 * paths are shown, secret files, and commands of configurations. These may change with any version.
 *
 * @module
 */
export { assertConfigCommand } from "./config/config.ts";
export { createSecretFile } from "./keys/owned-file.ts";
export { type ProgramCall, shellCommand } from "./windows/programs.ts";
export {
  devicePath,
  isAbsolutePath,
  isNullDevice,
  isWindows,
  type System,
  showPath,
  systemFile,
  thisSystem,
} from "./windows/system.ts";
