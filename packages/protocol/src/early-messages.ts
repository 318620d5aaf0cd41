/** Oldest OpenSSH version tested with early messages. */
const OLDEST_OPENSSH = { major: 10, minor: 0 };

/**
 * Whether a server handles messages sent one answer too early, judged by its identification string: a channel open together with the login
 * request, and input right after the request that starts a command. True only for servers tested with both.
 *
 * The server must answer the open with SSH_MSG_UNIMPLEMENTED if the login fails. RFC 4252 §5.1 allows this, but some servers then fail the
 * login: asyncssh disconnects, ssh2 refuses the channel before it answers the login, and tinysshd hangs. ProFTPD's mod_sftp disconnects
 * when input follows a command that it refuses.
 */
export function bearsEarlyMessages(peerVersion: string | undefined): boolean {
  const [, software, major, minor] = /^SSH-2\.0-(OpenSSH|Nacre)_(\d+)\.(\d+)/.exec(peerVersion ?? "") ?? [];
  if (software === "Nacre") return true;
  return software === "OpenSSH" && (Number(major) - OLDEST_OPENSSH.major || Number(minor) - OLDEST_OPENSSH.minor) >= 0;
}
