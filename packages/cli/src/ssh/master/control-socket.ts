import { once } from "node:events";
import { type Stats, statSync } from "node:fs";
import { connect } from "node:net";
import { getSystemErrorMap } from "node:util";
import { pathExposure, socketDuplex } from "@nacre/node";
import { thisSystem } from "@nacre/node/extend";
import { type Master, openMaster } from "nacre/internal-on-demand";
import { sshUsage } from "../../options.ts";

/** Bytes of the path in `sockaddr_un`, with the NUL behind it. */
const PATH_SIZE = thisSystem.platform === "darwin" ? 104 : 108;

/** Why no master can be reached: the code of the system's error, if it was one, and the text that ssh(1) prints. */
export interface Unreachable {
  readonly code: string | undefined;
  readonly message: string;
}

/**
 * Connects to the master at a control socket. Resolves with the reason if no master can be reached, or if the socket is not safe:
 * another user owns it or could replace it. Rejects as `openMaster` does, and with `usage` for a path that is too long.
 */
export async function reachMaster(path: string): Promise<Master | Unreachable> {
  if (Buffer.byteLength(path) >= PATH_SIZE)
    throw sshUsage(`ControlPath too long ('${path}' >= ${PATH_SIZE} bytes)`, "choose a shorter ControlPath");
  const unreachable = (reason: string, code?: string): Unreachable => ({
    code,
    message: `Control socket connect(${path}): ${reason}`,
  });
  try {
    // A folder like /tmp lets other users make a socket that asks for nothing and reads everything.
    // rule: master-owner
    if (!isOurs(statSync(path))) return unreachable("the socket belongs to another user");
    // An account that can replace the socket, or a link to it, chooses the master and so the host.
    const problem = await pathExposure(path);
    // rule: master-path
    if (problem !== undefined) return unreachable(problem);
    const socket = connect({ path });
    await once(socket, "connect");
    return await openMaster(socketDuplex(socket));
  } catch (error) {
    const { code, errno } = error as NodeJS.ErrnoException;
    const [, text] = (errno === undefined ? undefined : getSystemErrorMap().get(errno)) ?? [];
    if (text === undefined) throw error;
    return unreachable(`${text[0]?.toUpperCase()}${text.slice(1)}`, code);
  }
}

/** Returns whether this account owns the file. On Windows, which has neither user IDs nor OpenSSH's masters, every file counts as owned. */
function isOurs({ uid }: Stats): boolean {
  const own = process.getuid?.();
  return own === undefined || uid === own;
}
