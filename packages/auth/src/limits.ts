/** The bounds of authentication. Sizes are bytes of a message's payload unless said otherwise. */
export interface AuthLimits {
  /** Client: passwords asked of the application, and sent, before the method is given up. */
  readonly passwordAttempts: number;
  /** Client: password changes the server may demand within one attempt. */
  readonly passwordChanges: number;
  /** Client: keyboard-interactive conversations begun before the method is given up. */
  readonly keyboardInteractiveAttempts: number;
  /** SSH_MSG_USERAUTH_INFO_REQUESTs in one keyboard-interactive conversation. A server refuses the login that wants more. */
  readonly keyboardInteractiveRounds: number;
  /** Client: prompts in one SSH_MSG_USERAUTH_INFO_REQUEST. */
  readonly promptsPerRound: number;
  /** Client: one SSH_MSG_USERAUTH_INFO_REQUEST or SSH_MSG_USERAUTH_PASSWD_CHANGEREQ. */
  readonly promptBytes: number;
  /** Client: banners the server may send. */
  readonly authBanners: number;
  /** Client: all banners together. */
  readonly authBannerBytes: number;
  /** Server: failed attempts, the last of which ends the connection. Answered key queries are none, nor is a first "none". */
  readonly failedAttempts: number;
  /** Server: queries whether a key would do, whatever their answer; one more ends the connection. */
  readonly keyQueries: number;
  /**
   * Server: queries that may be refused; one more ends the connection. Default 20. Each may cost the application a file to read, before
   * anything is proved; sshd counts them as failed attempts, of which it allows six.
   */
  readonly refusedKeyQueries: number;
  /** Server: one SSH_MSG_USERAUTH_REQUEST or SSH_MSG_USERAUTH_INFO_RESPONSE; a larger one ends the connection. */
  readonly authRequestBytes: number;
  /** Server: requests that may wait while the application is asked about one before them; one more ends the connection. */
  readonly queuedAuthRequests: number;
  /** Server: a password, in UTF-8; a longer one is refused unseen. */
  readonly passwordBytes: number;
}

export const defaultAuthLimits: AuthLimits = {
  passwordAttempts: 3,
  passwordChanges: 3,
  keyboardInteractiveAttempts: 3,
  keyboardInteractiveRounds: 32,
  promptsPerRound: 64,
  promptBytes: 65_536,
  authBanners: 32,
  authBannerBytes: 65_536,
  failedAttempts: 6,
  keyQueries: 64,
  refusedKeyQueries: 20,
  authRequestBytes: 32_768,
  queuedAuthRequests: 8,
  passwordBytes: 1024,
};
