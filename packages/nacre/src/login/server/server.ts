import { RSA_BITS } from "@nacre/keys/internal";
import type { ServerProtocolEvent } from "@nacre/protocol";
import { checkHandlers, usage } from "../../check.ts";
import type { Duplex } from "../../mux/duplex.ts";
import type { Mux } from "../../mux/mux.ts";
import { checkAlgorithms } from "../../options/algorithms.ts";
import type { ServerConnection } from "../../users/server/server-connection.ts";
import { SERVER_USERS } from "../../users/server-users.ts";
import type { BaseSession, SessionMaker } from "../../users/session/base-session.ts";
import { chosenMethods } from "../chosen-methods.ts";
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
  // The options' handlers take the sessions that `makeSession` makes. The driver needs no more of them than `BaseSession` has.
  const driver = new ServerDriver(
    duplex,
    options as ServeOptions<never> as ServeOptions<BaseSession> & ServerProvider,
    makeSession,
  );
  driver.start();
  return driver;
}

/**
 * Returns the channels and global requests of a connection that {@link serveDuplex} made, with callbacks in the turn of the event. A
 * program may open channels once the log has the event "login".
 */
export function serverMux(connection: ServerConnection): Mux<ServerProtocolEvent> {
  if (connection instanceof ServerDriver) return connection.mux;
  throw usage("`serverMux` takes a connection of `serveDuplex`");
}

/** Throws `usage` for `serve` options that do not fit together. Their names and values must have been checked against `SERVE_OPTIONS`. */
export function checkServeOptions(options: Omit<ServeOptions<never>, "log"> & ServerProvider): void {
  const { hostKeys, algorithms } = options;
  if (typeof algorithms !== "object") throw usage("`algorithms` is required; pass the algorithms to offer");
  checkAlgorithms(algorithms);
  const can = algorithms.hostKeys.map(({ keyFormat }) => keyFormat);
  if (!hostKeys.some(({ publicKey }) => can.includes(publicKey.format)))
    throw usage("`hostKeys` has no key for any host-key algorithm in `algorithms`; add a key of a supported type");
  const { default: usual } = RSA_BITS;
  const { minRsaBits = usual } = options;
  // rule: host-key-bits
  for (const { publicKey } of hostKeys)
    if ((publicKey.certifies ?? publicKey).format === "ssh-rsa" && publicKey.bits < minRsaBits)
      throw usage(`\`hostKeys\` has an RSA key of ${publicKey.bits} bits, but \`minRsaBits\` is ${minRsaBits}`);
  chosenMethods(options.methods, options.loginMethods);
  // `channels` and the like may not name a type that a user in this list handles.
  const used = SERVER_USERS.filter((user) => user.isUsed(options));
  for (const user of used) user.check?.(options);
  checkHandlers(options.channels, "channels", Object.assign({}, ...used.map(({ channels }) => channels)));
  checkHandlers(
    options.globalRequests,
    "globalRequests",
    Object.assign({}, ...used.map(({ globalRequests }) => globalRequests)),
  );
  checkHandlers(
    options.sessionRequests,
    "sessionRequests",
    Object.fromEntries(used.flatMap(({ sessionRequests }) => sessionRequests.map((name) => [name, true]))),
  );
}
