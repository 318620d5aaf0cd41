import { beginKeyboardInteractive, receiveInfoRequest, sendNothing, sendResponses } from "./keyboard-interactive.ts";
import { beginPassword, receivePasswdChangereq, sendPassword, sendPasswordChange } from "./password.ts";

/** The code of the login methods that ask the user: "password" (RFC 4252 §8) and "keyboard-interactive" (RFC 4256). */
export interface InteractiveMethods {
  /** Asks for the password. */
  readonly beginPassword: typeof beginPassword;
  /** Sends the password. */
  readonly sendPassword: typeof sendPassword;
  /** Handles the server's demand for a new password. */
  readonly receivePasswdChangereq: typeof receivePasswdChangereq;
  /** Sends the new password. */
  readonly sendPasswordChange: typeof sendPasswordChange;
  /** Starts a keyboard-interactive conversation. */
  readonly beginKeyboardInteractive: typeof beginKeyboardInteractive;
  /** Handles one round of prompts. */
  readonly receiveInfoRequest: typeof receiveInfoRequest;
  /** Sends the responses to one round. */
  readonly sendResponses: typeof sendResponses;
  /** Abandons the conversation. */
  readonly sendNothing: typeof sendNothing;
}

/** The methods "password" and "keyboard-interactive". A client that logs in only with keys does without them. */
export const interactiveMethods: InteractiveMethods = {
  beginPassword,
  sendPassword,
  receivePasswdChangereq,
  sendPasswordChange,
  beginKeyboardInteractive,
  receiveInfoRequest,
  sendResponses,
  sendNothing,
};
