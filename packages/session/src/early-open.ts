/** Oldest OpenSSH version tested with an early open. */
const OLDEST_OPENSSH = { major: 10, minor: 0 };

/**
 * Whether a server handles a channel open sent together with the login request, judged by its identification string. It must answer the
 * open with SSH_MSG_UNIMPLEMENTED if the login fails. RFC 4252 §5.1 allows this, but some servers then fail the login: asyncssh
 * disconnects, ssh2 refuses the channel before it answers the login, and tinysshd hangs.
 */
export function bearsEarlyOpen(peerVersion: string | undefined): boolean {
  const [, software, major, minor] = /^SSH-2\.0-(OpenSSH|Nacre)_(\d+)\.(\d+)/.exec(peerVersion ?? "") ?? [];
  if (software === "Nacre") return true;
  return software === "OpenSSH" && (Number(major) - OLDEST_OPENSSH.major || Number(minor) - OLDEST_OPENSSH.minor) >= 0;
}
