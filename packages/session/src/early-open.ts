/** The oldest OpenSSH that an early opening was tried with. */
const OLDEST_OPENSSH = { major: 10, minor: 0 };

/**
 * Whether a server, by its identification string, is known to take a channel's opening that travels with the login, and to answer it with
 * SSH_MSG_UNIMPLEMENTED when that login fails. RFC 4252 §5.1 allows the client to send it, but others lose the login by it: asyncssh
 * disconnects, ssh2 refuses the channel before its answer to the login, tinysshd hangs.
 */
export function bearsEarlyOpen(peerVersion: string | undefined): boolean {
  const [, software, major, minor] = /^SSH-2\.0-(OpenSSH|Nacre)_(\d+)\.(\d+)/.exec(peerVersion ?? "") ?? [];
  if (software === "Nacre") return true;
  return software === "OpenSSH" && (Number(major) - OLDEST_OPENSSH.major || Number(minor) - OLDEST_OPENSSH.minor) >= 0;
}
