/**
 * Functions of `@nacre/node` for programs such as the command `nacre`: places of the system's files, agents and programs, paths as they
 * are shown, secret files, commands of configurations, and bytes. They may change with any version.
 *
 * @module
 */
export { assertConfigCommand } from "./config/config.ts";
export { base64url, bufferOf } from "./crypto/bytes.ts";
export { accountHome } from "./keys/account.ts";
export { pageantPath } from "./keys/agent-path.ts";
export { createSecretFile } from "./keys/owned-file.ts";
export { listenError } from "./net/failure.ts";
export { freeOwned } from "./net/packet-buffers.ts";
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
