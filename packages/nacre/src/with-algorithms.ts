import { sha256Fingerprint } from "@nacre/keys";
import { usage } from "./check.ts";
import { logInOver } from "./login/client/log-in.ts";
import { checkLoginMethods } from "./login/client/method.ts";
import { type ClientProvider, CONNECT_OPTIONS, type ConnectOptions } from "./login/client/options.ts";
import { clientNone, serverNone } from "./login/methods/list.ts";
import { clientPublickey, serverPublickey } from "./login/methods/publickey.ts";
import { SERVE_OPTIONS, type ServeOptions } from "./login/server/options.ts";
import { checkServeOptions, serveDuplex } from "./login/server/server.ts";
import { checkedDuplex, type Duplex } from "./mux/duplex.ts";
import { type CryptoProvider, checkAlgorithms } from "./options/algorithms.ts";
import { checkOptions } from "./options/schema.ts";
import { Client } from "./users/client/client.ts";
import type { ServerConnection } from "./users/server/server-connection.ts";
import { Session } from "./users/session/session.ts";
import { madeTrace } from "./watchers.ts";

/**
 * Connects over a byte connection, such as that of `webDuplex` or of `webSocketDuplex` of `@nacre/web`; verifies the host key, and logs in.
 * Uses only the algorithms passed in, so a bundle contains no others.
 *
 * Rejects with an `SshError`: `code` names the cause, `culprit` the side at fault. The byte connection is then closed.
 */
export async function connect(
  duplex: Duplex,
  options: ConnectOptions & Pick<CryptoProvider, "algorithms">,
): Promise<Client> {
  return new Client(await logInOver(duplex, checkedDuplex, () => completeOptions(options)));
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
 * Serves one client over a byte connection, starting now. Uses only the algorithms passed in, so a bundle contains no others. Throws
 * `usage` for invalid options, and then leaves `duplex` untouched.
 */
export function serve(
  duplex: Duplex,
  options: ServeOptions<Session> & Pick<CryptoProvider, "algorithms">,
): ServerConnection {
  const complete = { ...options, fingerprint: sha256Fingerprint, loginMethods: [serverNone, serverPublickey] };
  checkOptions({ ...options }, SERVE_OPTIONS, "`serve`");
  checkServeOptions(complete);
  madeTrace(options.trace);
  return serveDuplex(checkedDuplex(duplex), complete, (channel, start) => new Session(channel, start));
}
