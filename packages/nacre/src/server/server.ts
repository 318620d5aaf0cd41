import { checkLimit, MAX_MILLISECONDS, SshError } from "@nacre/wire";
import { checkKey, checkLimits, checkSignal } from "../check.ts";
import type { Means } from "../client/options.ts";
import type { Duplex } from "../mux/duplex.ts";
import { checkRandom } from "../random.ts";
import type { BaseSession, SessionMaker } from "../session/base-session.ts";
import { checkApplicationHandlers } from "./application.ts";
import type { ServerConnection } from "./connection.ts";
import { ServerDriver } from "./driver.ts";
import { SERVER_LIMITS } from "./limits.ts";
import type { ServeOptions } from "./options.ts";

/** Serves one client over any kind of byte connection, with any kind of session: what `@nacre/node` is made with. */
export function serveDuplex<S extends BaseSession>(
  duplex: Duplex,
  options: ServeOptions<S> & Means,
  makeSession: SessionMaker<S>,
): ServerConnection {
  checkServeOptions(options);
  const driver = new ServerDriver(duplex, options, makeSession);
  driver.start();
  return driver;
}

/** Throws `usage` for options that no client could be served with. */
export function checkServeOptions({
  hostKeys,
  authenticate,
  algorithms,
  loginGraceTime,
  limits,
  signal,
  random,
  channels,
  globalRequests,
  sessionRequests,
}: Pick<
  ServeOptions<unknown> & Means,
  | "hostKeys"
  | "authenticate"
  | "algorithms"
  | "loginGraceTime"
  | "limits"
  | "signal"
  | "random"
  | "channels"
  | "globalRequests"
  | "sessionRequests"
>): void {
  if (!Array.isArray(hostKeys)) throw new SshError("usage", "hostKeys must be an array of keys: [key]");
  for (const key of hostKeys) checkKey(key, "a host key");
  if (typeof algorithms !== "object")
    throw new SshError("usage", "algorithms are missing: name those that are to be used");
  const can = algorithms.hostKeys.map(({ keyFormat }) => keyFormat);
  if (!hostKeys.some(({ publicKey }) => can.includes(publicKey.format)))
    throw new SshError("usage", "a server needs a host key, of a kind that its algorithms name");
  if (typeof authenticate !== "function")
    throw new SshError("usage", "a server needs a function that decides who is let in: authenticate");
  checkSignal(signal);
  checkRandom(random);
  checkApplicationHandlers({ channels, globalRequests, sessionRequests });
  if (loginGraceTime !== undefined)
    checkLimit("loginGraceTime", loginGraceTime, { least: 0, most: MAX_MILLISECONDS, unit: "milliseconds" });
  checkLimits(limits, SERVER_LIMITS);
}
