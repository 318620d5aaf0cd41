/** The bounds of authentication. Sizes are bytes of a message's payload unless said otherwise. */
export interface AuthLimits {
  /** Client: passwords asked of the application, and sent, before the method is given up. */
  readonly passwordAttempts: number;
  /** Client: password changes the server may demand within one attempt. */
  readonly passwordChanges: number;
  /** Client: keyboard-interactive conversations begun before the method is given up. */
  readonly keyboardInteractiveAttempts: number;
  /** SSH_MSG_USERAUTH_INFO_REQUESTs in one keyboard-interactive conversation. */
  readonly keyboardInteractiveRounds: number;
  /** Prompts in one SSH_MSG_USERAUTH_INFO_REQUEST. */
  readonly promptsPerRound: number;
  /** One SSH_MSG_USERAUTH_INFO_REQUEST or SSH_MSG_USERAUTH_PASSWD_CHANGEREQ. */
  readonly promptBytes: number;
  /** Client: banners the server may send. */
  readonly authBanners: number;
  /** Client: all banners together. */
  readonly authBannerBytes: number;
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
};
