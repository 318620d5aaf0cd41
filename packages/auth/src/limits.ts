import { type LimitTable, limitTable, MAX_UINT32 } from "@nacre/wire";

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
  /** Server: failed attempts, the last of which ends the connection. Answered key queries do not count, nor does a first "none". */
  readonly failedAttempts: number;
  /** Server: queries whether a key would do, whatever their answer; one more ends the connection. */
  readonly keyQueries: number;
  /**
   * Server: queries that may be refused; one more ends the connection. Default 20. Each may cost the application a file to read, before
   * anything is proved; sshd counts them as failed attempts and allows six.
   */
  readonly refusedKeyQueries: number;
  /** Server: one SSH_MSG_USERAUTH_REQUEST or SSH_MSG_USERAUTH_INFO_RESPONSE; a larger one ends the connection. */
  readonly authRequestBytes: number;
  /** Server: requests that may wait while the application is asked about one before them; one more ends the connection. */
  readonly queuedAuthRequests: number;
  /** Server: a password, in UTF-8; a longer one is refused unseen. */
  readonly passwordBytes: number;
}

/** Ranges and defaults. */
export const AUTH_LIMITS: LimitTable<AuthLimits> = limitTable<AuthLimits>({
  passwordAttempts: { default: 3, least: 1, most: MAX_UINT32, unit: "attempts" },
  passwordChanges: { default: 3, least: 0, most: MAX_UINT32, unit: "changes" },
  keyboardInteractiveAttempts: { default: 3, least: 1, most: MAX_UINT32, unit: "attempts" },
  keyboardInteractiveRounds: { default: 32, least: 1, most: MAX_UINT32, unit: "rounds" },
  promptsPerRound: { default: 64, least: 1, most: MAX_UINT32, unit: "prompts" },
  promptBytes: { default: 65_536, least: 1, most: MAX_UINT32, unit: "bytes" },
  authBanners: { default: 32, least: 0, most: MAX_UINT32, unit: "banners" },
  authBannerBytes: { default: 65_536, least: 0, most: MAX_UINT32, unit: "bytes" },
  failedAttempts: { default: 6, least: 1, most: MAX_UINT32, unit: "attempts" },
  keyQueries: { default: 64, least: 0, most: MAX_UINT32, unit: "queries" },
  refusedKeyQueries: { default: 20, least: 0, most: MAX_UINT32, unit: "queries" },
  authRequestBytes: { default: 32_768, least: 1, most: MAX_UINT32, unit: "bytes" },
  queuedAuthRequests: { default: 8, least: 0, most: MAX_UINT32, unit: "requests" },
  passwordBytes: { default: 1024, least: 1, most: MAX_UINT32, unit: "bytes" },
});
