import { isOpenSshServer } from "./known-servers.ts";
import type { SymlinkRequest } from "./messages/requests.ts";

/**
 * Order of the paths in SSH_FXP_SYMLINK. OpenSSH and most others send the target first (OpenSSH PROTOCOL §4.1). The draft has the link
 * first (draft-ietf-secsh-filexfer-02 §6.10).
 */
export type SymlinkOrder = "target-first" | "link-first";

/** Identification strings of programs that use the draft's order, in both roles, with all peers that are not OpenSSH. */
const LINK_FIRST = /^SSH-2\.0-(?:AsyncSSH_|Erlang\/|libssh_|phpseclib_|ssh2js|Twisted)/;

/**
 * Returns the order that a peer with this identification string uses with Nacre. `extensions` has those that a server announced. They
 * decide where an SSH server of the other order, such as libssh's, runs OpenSSH's `sftp-server`.
 */
export function symlinkOrderOf(
  peerVersion: string | undefined,
  extensions: ReadonlyMap<string, unknown> = new Map(),
): SymlinkOrder {
  if (peerVersion === undefined || !LINK_FIRST.test(peerVersion)) return "target-first";
  return isOpenSshServer(peerVersion, extensions) ? "target-first" : "link-first";
}

/** Exchanges the paths of a request, for a peer with the other order. */
export function exchangePaths({ type, targetPath, linkPath }: SymlinkRequest): SymlinkRequest {
  return { type, targetPath: linkPath, linkPath: targetPath };
}
