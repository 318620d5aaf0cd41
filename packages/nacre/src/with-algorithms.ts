import { sha256Fingerprint } from "@nacre/keys";
import { usage } from "./check.ts";
import { logInOver } from "./login/client/log-in.ts";
import { checkLoginMethods } from "./login/client/method.ts";
import { type ClientProvider, CONNECT_OPTIONS, type ConnectOptions } from "./login/client/options.ts";
import { clientNone, serverNone } from "./login/methods/list.ts";
import { clientPublickey, serverPublickey } from "./login/methods/publickey.ts";
import { SERVE_OPTIONS, type ServeOptions } from "./login/server/options.ts";
import { checkServeOptions, serveDuplex } from "./login/server/server.ts";
import { type ByteStreams, type Duplex, toDuplex } from "./mux/duplex.ts";
import { type CryptoProvider, checkAlgorithms } from "./options/algorithms.ts";
import { checkOptions } from "./options/schema.ts";
import { Client } from "./users/client/client.ts";
import type { ServerConnection } from "./users/server/server-connection.ts";
import { Session } from "./users/session/session.ts";
import { madeTrace } from "./watchers.ts";

/**
 * Connects over a pair of byte streams or another byte connection, such as `webSocketDuplex` of `@nacre/web`; verifies the host key, and
 * logs in. Uses only the algorithms passed in, so a bundle contains no others.
 *
 * Rejects with an `SshError`: `code` names the cause, `culprit` the side at fault. Everything is then closed; only with `usage`, for
 * invalid options, streams stay untouched.
 */
export async function connect(
  over: ByteStreams | Duplex,
  options: ConnectOptions & Pick<CryptoProvider, "algorithms">,
): Promise<Client> {
  return new Client(await logInOver(over, () => completeOptions(options)));
}

/** Throws `usage` for invalid options. */
function completeOptions(
  options: ConnectOptions & Pick<CryptoProvider, "algorithms">,
): ConnectOptions & ClientProvider {
  // Other methods are in the bundle only if the program names them.
  const complete = { ...options, fingerprint: sha256Fingerprint, loginMethods: [clientPublickey, clientNone] };
  checkOptions({ ...options }, CONNECT_OPTIONS, "`connect`");
  if (typeof options.algorithms !== "object") throw usage("`algorithms` is required; pass the algorithms to offer");
  checkAlgorithms(options.algorithms);
  checkLoginMethods(complete);
  madeTrace(options.trace);
  return complete;
}

/**
 * Serves one client over a pair of byte streams or another byte connection, starting now. Uses only the algorithms passed in, so a bundle
 * contains no others. Throws `usage` for invalid options, and then leaves `over` untouched.
 */
export function serve(
  over: ByteStreams | Duplex,
  options: ServeOptions<Session> & Pick<CryptoProvider, "algorithms">,
): ServerConnection {
  const complete = { ...options, fingerprint: sha256Fingerprint, loginMethods: [serverNone, serverPublickey] };
  checkOptions({ ...options }, SERVE_OPTIONS, "`serve`");
  checkServeOptions(complete);
  madeTrace(options.trace);
  return serveDuplex(toDuplex(over), complete, (channel, start) => new Session(channel, start));
}
