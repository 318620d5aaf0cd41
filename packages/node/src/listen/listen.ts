import { rejectingWithSshError } from "../net/failure.ts";
import type { ListenOptions } from "./listen-options.ts";
import type { SshServer } from "./ssh-server.ts";

/** Starts an SSH server on a TCP port. Resolves when it listens. Rejects with `listen-failed`, or `usage` for invalid options. */
export function listen(options: ListenOptions): Promise<SshServer> {
  // Loaded on demand: most programs are only clients.
  return rejectingWithSshError(async () => (await import("./ssh-server.ts")).openServer(options));
}
