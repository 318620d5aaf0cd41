import { SshError } from "./errors.ts";

/**
 * Identifies one ask: an event that waits for a decision of the application. The answer passes the token back, and each token admits one
 * answer. A used or foreign token throws `usage`.
 */
export interface AskToken {
  /** Subject of the ask, for error messages and debugging: a method, request or channel type. */
  readonly about: string;
}

/** Makes a token that no other ask has. */
export function askToken(about: string): AskToken {
  return Object.freeze({ about });
}

/** Error for an answer whose token belongs to no open ask. */
export function staleAnswer({ about }: AskToken): SshError {
  return new SshError("usage", `no open ask for this \`${about}\` token; answer each ask once, with its own token`);
}
