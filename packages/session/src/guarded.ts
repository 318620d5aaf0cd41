import { SshError } from "@nacre/wire";

/**
 * A function of the application that the protocol layers call. What it throws becomes `internal`: an SshError of the application's must
 * not pass for one about the peer, whose text the peer gets.
 */
export function guarded<A extends readonly unknown[], R>(what: string, call: (...args: A) => R): (...args: A) => R {
  return (...args) => {
    try {
      return call(...args);
    } catch (cause) {
      throw new SshError("internal", `${what} failed: ${String(cause)}`, { cause });
    }
  };
}
