import type { SymlinkRequest } from "./messages/requests.ts";

/**
 * Order of the paths in SSH_FXP_SYMLINK. OpenSSH and most others send the target first (OpenSSH PROTOCOL §4.1). The draft has the link first
 * (draft-ietf-secsh-filexfer-02 §6.10).
 */
export type SymlinkOrder = "target-first" | "link-first";

/** Identification strings of programs that use the draft's order, in both roles, with all peers that are not OpenSSH. */
const LINK_FIRST = /^SSH-2\.0-(?:AsyncSSH_|ssh2js|libssh_)/;

/** Returns the order that a peer with this identification string uses with Nacre. */
export function symlinkOrderOf(peerVersion: string | undefined): SymlinkOrder {
  return peerVersion !== undefined && LINK_FIRST.test(peerVersion) ? "link-first" : "target-first";
}

/** Exchanges the paths of a request, for a peer with the other order. */
export function exchangePaths({ type, targetPath, linkPath }: SymlinkRequest): SymlinkRequest {
  return { type, targetPath: linkPath, linkPath: targetPath };
}
