/**
 * Returns whether OpenSSH's `sftp-server` answers. Other SSH servers run it too, so the identification string does not tell.
 * fstatvfs@openssh.com does (OpenSSH PROTOCOL §4.4, since OpenSSH 5.1): of the servers in other languages, only AsyncSSH announces it.
 */
export function isOpenSshServer(serverVersion: string | undefined, extensions: ReadonlyMap<string, unknown>): boolean {
  return extensions.has("fstatvfs@openssh.com") && serverVersion?.startsWith("SSH-2.0-AsyncSSH_") !== true;
}

/**
 * Returns whether a server is known to carry out the requests on one file in the order in which they were sent. The protocol demands it
 * (draft-ietf-secsh-filexfer-02 §4.1), but servers that use several threads may not.
 */
export function isKnownToKeepOrder(
  serverVersion: string | undefined,
  extensions: ReadonlyMap<string, unknown>,
): boolean {
  return /^SSH-2\.0-(?:Nacre|OpenSSH)_/.test(serverVersion ?? "") || isOpenSshServer(serverVersion, extensions);
}
