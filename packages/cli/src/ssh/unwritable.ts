import { showPath } from "@nacre/node/extend";
import { SshError } from "@nacre/wire";

/** Returns the error for output that the system does not take, for example because the disk is full. `what` names the output. */
export function unwritable(what: string, cause: unknown): SshError {
  return new SshError("file-unwritable", `cannot write ${what}: ${showPath((cause as Error).message)}`, { cause });
}
