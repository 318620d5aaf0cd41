import { checkLimit, MAX_MILLISECONDS, SshError } from "@nacre/wire";
import { checkAlgorithms, checkHandlers, checkKey, checkLimits, checkSignal, isAlgorithms, usage } from "../check.ts";
import { forwardHandlers } from "../forward/server-forwards.ts";
import { chosenMethods } from "../methods/method.ts";
import type { Duplex } from "../mux/duplex.ts";
import { checkRandom } from "../random.ts";
import type { BaseSession, SessionMaker } from "../session/base-session.ts";
import { checkApplicationHandlers } from "./application.ts";
import type { ServerConnection } from "./connection.ts";
import { ServerDriver } from "./driver.ts";
import { SERVER_LIMITS } from "./limits.ts";
import type { ServeOptions, ServerProvider } from "./options.ts";

/**
 * Serves one client over any kind of byte connection, with any kind of session. `@nacre/node` builds on this. Check the options with
 * {@link checkServeOptions} first, once for all connections that share them.
 */
export function serveDuplex<S extends BaseSession>(
  duplex: Duplex,
  options: ServeOptions<S> & ServerProvider,
  makeSession: SessionMaker<S>,
): ServerConnection {
  const driver = new ServerDriver(duplex, options, makeSession);
  driver.start();
  return driver;
}

/** Throws `usage` for invalid `serve` options. */
export function checkServeOptions({
  hostKeys,
  authenticate,
  algorithms,
  userKeys,
  loginGraceTime,
  limits,
  signal,
  random,
  methods,
  loginMethods,
  channels,
  globalRequests,
  forwarding,
  sessionRequests,
  subsystems,
  forcedCommands,
}: Pick<
  ServeOptions<never> & ServerProvider,
  | "hostKeys"
  | "authenticate"
  | "algorithms"
  | "userKeys"
  | "loginGraceTime"
  | "limits"
  | "signal"
  | "random"
  | "methods"
  | "loginMethods"
  | "channels"
  | "globalRequests"
  | "forwarding"
  | "sessionRequests"
  | "subsystems"
  | "forcedCommands"
>): void {
  if (!Array.isArray(hostKeys))
    throw new SshError("usage", "`hostKeys` must be an array of private keys, such as [key]");
  for (const key of hostKeys) checkKey(key, "a host key");
  if (typeof algorithms !== "object")
    throw new SshError("usage", "`algorithms` is required; pass the algorithms to offer");
  checkAlgorithms(algorithms);
  if (userKeys !== undefined && !isAlgorithms(userKeys))
    throw usage("`userKeys` must be a list of signature algorithms; choose from `defaultServerAlgorithms.hostKeys`");
  const can = algorithms.hostKeys.map(({ keyFormat }) => keyFormat);
  if (!hostKeys.some(({ publicKey }) => can.includes(publicKey.format)))
    throw new SshError(
      "usage",
      "`hostKeys` has no key for any host-key algorithm in `algorithms`; add a key of a supported type",
    );
  if (typeof authenticate !== "function")
    throw new SshError("usage", "`authenticate` is required; pass a function that decides each login");
  chosenMethods(methods, loginMethods);
  checkSignal(signal);
  checkRandom(random);
  checkForwarding(forwarding);
  checkApplicationHandlers({ channels, globalRequests, sessionRequests }, forwarding && forwardHandlers);
  checkHandlers(subsystems, "subsystems", {});
  checkHandlers(forcedCommands, "forcedCommands", {});
  if (loginGraceTime !== undefined)
    checkLimit("loginGraceTime", loginGraceTime, { least: 0, most: MAX_MILLISECONDS, unit: "milliseconds" });
  checkLimits(limits, SERVER_LIMITS);
}

/** Throws `usage` for an invalid `forwarding` option, which a JavaScript program may pass. */
function checkForwarding(forwarding: unknown): void {
  if (forwarding === undefined) return;
  const { connect, listen } = (forwarding ?? {}) as { readonly connect?: unknown; readonly listen?: unknown };
  const are = [connect, listen].map((value) => typeof value);
  if (are.every((type) => type === "function" || type === "undefined") && are.includes("function")) return;
  throw new SshError(
    "usage",
    "`forwarding` must have a function `connect` or `listen`; pass `tcpForwarding()` of @nacre/node or { connect, listen }",
  );
}
