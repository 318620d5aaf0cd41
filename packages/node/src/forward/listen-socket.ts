import type { Socket } from "node:net";
import { escapeText, SshError } from "@nacre/wire";
import { checkListenAddress, type ListenAddress } from "nacre/extend";
import { SYSTEM_LOOKUPS } from "../net/lookup.ts";
import { type Bound, bindAll, bindEach, bindPath, LOOPBACK, unlinkSocket } from "./bind.ts";
import type { Connections } from "./connections.ts";

/**
 * Listens on a TCP port or Unix socket and passes each connection to `onSocket`. The default host `"localhost"` listens on 127.0.0.1 and
 * ::1, if this machine has both; `"*"` and `""` listen on all addresses. A Unix socket has mode 0600. Rejects with `listen-failed`, or
 * `usage` for an invalid address.
 */
export async function listenSocket(
  address: ListenAddress,
  connections: Connections,
  streamLocalBindUnlink: boolean | undefined,
  onSocket: (socket: Socket) => void,
): Promise<Bound> {
  checkListenAddress(address);
  const handler = { onSocket, onError: (cause: Error) => connections.report(acceptError(cause)) };
  const { host = "localhost", port = 0, path } = address;
  try {
    if (path !== undefined) {
      if (streamLocalBindUnlink) await unlinkSocket(path);
      return await bindPath(path, handler);
    }
    if (host === "" || host === "*") return await bindAll(port, handler);
    return await bindEach(
      host === "localhost" ? LOOPBACK : await SYSTEM_LOOKUPS.lookup(host, { users: [] }),
      port,
      handler,
    );
  } catch (cause) {
    throw listenError(path ?? `${host || "*"} port ${port}`, cause);
  }
}

function acceptError(cause: Error): SshError {
  return new SshError("listen-failed", `cannot accept a connection: ${escapeText(cause.message)}`, { cause });
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is in use; choose another port, or 0 for a free port",
  EEXIST: "the path exists; remove it, or set `streamLocalBindUnlink` to replace an existing socket",
  EACCES: "permission denied",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOENT: "the folder does not exist",
  ENOTFOUND: "host name not found",
};

function listenError(place: string, cause: unknown): SshError {
  const { code = "", message } = cause as NodeJS.ErrnoException;
  const reason = REASONS[code] ?? escapeText(message);
  return new SshError("listen-failed", `cannot listen on ${escapeText(place)}: ${reason}`, { cause });
}
