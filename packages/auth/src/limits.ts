import { type LimitTable, limitTable, MAX_UINT32 } from "@nacre/wire";

/** Limits of authentication. Sizes are bytes of a message's payload unless stated otherwise. */
export interface AuthLimits {
  /**
   * Client: attempts that the application chooses (`asksAttempts`); after the last one, the login fails without asking again. Default 64.
   */
  readonly chosenAttempts: number;
  /** Client: password attempts before the method is abandoned. Each asks the application for a password. Default 3. */
  readonly passwordAttempts: number;
  /** Client: password changes the server may demand within one attempt; one more ends the connection. Default 3. */
  readonly passwordChanges: number;
  /** Client: keyboard-interactive conversations before the method is abandoned. Default 3. */
  readonly keyboardInteractiveAttempts: number;
  /**
   * Rounds (SSH_MSG_USERAUTH_INFO_REQUEST) in one keyboard-interactive conversation. Default 32. On the client, one more ends the
   * connection. On the server, a further round requested by the application fails the login attempt.
   */
  readonly keyboardInteractiveRounds: number;
  /** Client: prompts in one SSH_MSG_USERAUTH_INFO_REQUEST; one more ends the connection. Default 64. */
  readonly promptsPerRound: number;
  /**
   * Client: size of one SSH_MSG_USERAUTH_INFO_REQUEST or SSH_MSG_USERAUTH_PASSWD_CHANGEREQ; a larger one ends the connection. Default
   * 64 KiB.
   */
  readonly promptBytes: number;
  /** Client: banners the server may send; one more ends the connection. Default 32. */
  readonly authBanners: number;
  /** Client: total size of all banners; a banner beyond it ends the connection. Default 64 KiB. */
  readonly authBannerBytes: number;
  /** Server: failed attempts after which the connection ends. Default 6. Answered key queries and the first "none" request do not count. */
  readonly failedAttempts: number;
  /** Server: key queries (public key requests without a signature), accepted or refused; one more ends the connection. Default 64. */
  readonly keyQueries: number;
  /**
   * Server: refused key queries; one more ends the connection. Default 20. Each may make the application read a file before the client
   * proves anything. sshd counts them as failed attempts and allows six.
   */
  readonly refusedKeyQueries: number;
  /** Server: size of one SSH_MSG_USERAUTH_REQUEST or SSH_MSG_USERAUTH_INFO_RESPONSE; a larger one ends the connection. Default 32 KiB. */
  readonly authRequestBytes: number;
  /** Server: requests queued while the application decides an earlier one; one more ends the connection. Default 8. */
  readonly queuedAuthRequests: number;
  /** Server: size of a password in UTF-8; a longer one is refused without asking the application. Default 1024. */
  readonly passwordBytes: number;
}

/** Ranges and defaults of `AuthLimits`. */
export const AUTH_LIMITS: LimitTable<AuthLimits> = limitTable<AuthLimits>({
  chosenAttempts: { default: 64, least: 1, most: MAX_UINT32, unit: "attempts" },
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
