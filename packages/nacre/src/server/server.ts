import { usage } from "../check.ts";
import { forwardHandlers } from "../forward/server-forwards.ts";
import { chosenMethods } from "../methods/method.ts";
import type { Duplex } from "../mux/duplex.ts";
import { checkAlgorithms } from "../options/algorithms.ts";
import type { BaseSession, SessionMaker } from "../session/base-session.ts";
import { checkApplicationHandlers } from "./application.ts";
import type { ServerConnection } from "./connection.ts";
import { ServerDriver } from "./driver.ts";
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

/** Throws `usage` for `serve` options that do not fit together. Their names and values must have been checked against `SERVE_OPTIONS`. */
export function checkServeOptions({
  hostKeys,
  algorithms,
  methods,
  loginMethods,
  channels,
  globalRequests,
  forwarding,
}: Pick<
  ServeOptions<never> & ServerProvider,
  "hostKeys" | "algorithms" | "methods" | "loginMethods" | "channels" | "globalRequests" | "forwarding"
>): void {
  if (typeof algorithms !== "object") throw usage("`algorithms` is required; pass the algorithms to offer");
  checkAlgorithms(algorithms);
  const can = algorithms.hostKeys.map(({ keyFormat }) => keyFormat);
  if (!hostKeys.some(({ publicKey }) => can.includes(publicKey.format)))
    throw usage("`hostKeys` has no key for any host-key algorithm in `algorithms`; add a key of a supported type");
  chosenMethods(methods, loginMethods);
  checkApplicationHandlers({ channels, globalRequests }, forwarding && forwardHandlers);
}
