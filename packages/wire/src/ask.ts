import { SshError } from "./errors.ts";

/**
 * Identifies one ask: an event that waits for the application's decision. The application passes the token back with its answer. Each
 * token accepts one answer. A used or unknown token throws `usage`.
 */
export interface AskToken {
  /** Subject of the ask, for error messages and debugging: a method, request or channel type. */
  readonly about: string;
}

/** Creates a token that is unique to one ask. */
export function askToken(about: string): AskToken {
  return Object.freeze({ about });
}

/** Returns the `usage` error for an answer with a token that matches no open ask. */
export function staleAnswer({ about }: AskToken): SshError {
  return new SshError(
    "usage",
    `the \`${about}\` ask is already answered or unknown; answer each ask once, with its own token`,
  );
}
