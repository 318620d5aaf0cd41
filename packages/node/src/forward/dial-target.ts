import type { Duplex, ForwardTarget } from "nacre/extend";
import { SYSTEM_LOOKUPS } from "../net/lookup.ts";
import { dialAddresses, dialPath } from "./forward-dial.ts";

/** Timeout in milliseconds. */
const CONNECT_TIMEOUT = 15_000;

/** Connects to a target from this side. Rejects with `forward-unreachable` or `aborted`; the socket is then closed. */
export function dialTarget(target: ForwardTarget, signal: AbortSignal): Promise<Duplex> {
  const settings = { connectTimeout: CONNECT_TIMEOUT, signal };
  if (target.path !== undefined) return dialPath(target.path, settings);
  // `signal` is that of the forward, so each forward waits for lookups in its turn.
  const users = [signal];
  return dialAddresses(target, settings, (over) => SYSTEM_LOOKUPS.lookup(target.host, { users, signal: over }));
}
