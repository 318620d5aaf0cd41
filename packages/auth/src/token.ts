import { SshError } from "@nacre/wire";

/** What an ask carries and its answer gives back: good for one answer to that one ask. */
export type AuthToken = symbol;

/** The caller's mistake of answering with another token than the open ask's. */
export function staleAnswer(): SshError {
  return new SshError("usage", "this answer belongs to no open ask: it was answered already, or things have moved on");
}
