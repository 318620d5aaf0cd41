import { defaultCertificateAlgorithms, defaultSignatureAlgorithms, sha256Fingerprint } from "@nacre/keys";
import type { Overrides } from "@nacre/wire";
import { ForwardingClient } from "./bound-clients.ts";
import { defaultAlgorithms, defaultServerAlgorithms } from "./defaults.ts";
import { type LoginIdentity, type WithKeys, withCertificates } from "./login/client/certified-identity.ts";
import { logInOver } from "./login/client/log-in.ts";
import { checkLoginMethods } from "./login/client/method.ts";
import type { ConnectOptions as BaseOptions, ClientProvider } from "./login/client/options.ts";
import { type ClientUsers, joinUsers } from "./login/client/users.ts";
import { clientMethods, serverMethods } from "./login/methods/list.ts";
import { SERVE_OPTIONS, type ServeOptions } from "./login/server/options.ts";
import { checkServeOptions, serveDuplex } from "./login/server/server.ts";
import { type ByteStreams, type Duplex, toDuplex } from "./mux/duplex.ts";
import { chooseAlgorithms } from "./options/algorithms.ts";
import { checkOptions } from "./options/schema.ts";
import { type WebStreams, webStreams } from "./streams/web-streams.ts";
import type { LoggedIn } from "./users/client/client.ts";
import { type ClientLimits, clientList, type UserConnectOptions } from "./users/client-list.ts";
import type { ServerConnection } from "./users/server/server-connection.ts";
import type { Process } from "./users/session/process.ts";
import { Session } from "./users/session/session.ts";
import { webProcess } from "./users/session/spawn.ts";
import { encodeTerminalModes } from "./users/session/terminal-modes.ts";
import { withDescriptions } from "./watchers.ts";

/** A logged-in SSH connection with Web streams. Any number of commands and forwarded connections can share it. */
export class Client extends ForwardingClient<WebStreams, Process> {
  /** Call `connect` instead of this constructor. */
  constructor(connection: LoggedIn) {
    super(connection, webStreams, webProcess);
  }
}

/** All options of `connect` except the byte stream. */
export interface ConnectOptions extends Omit<BaseOptions, "identities" | "limits">, UserConnectOptions {
  /** Keys to log in with, tried in this order. `{ certificate, key }` presents a certificate in the place of its key. */
  readonly identities?: readonly LoginIdentity[] | undefined;
  /** Limits that override the defaults. */
  readonly limits?: Overrides<ClientLimits> | undefined;
}

const USERS: ClientUsers<WithKeys<ConnectOptions>> = /* @__PURE__ */ joinUsers(clientList);

/**
 * Connects over a pair of byte streams or another byte connection, verifies the host key, and logs in.
 *
 * Rejects with an `SshError`: `code` names the cause, `culprit` the side at fault. Everything is then closed; only with `usage`, for
 * invalid options, streams stay untouched.
 */
export async function connect(over: ByteStreams | Duplex, options: ConnectOptions): Promise<Client> {
  return new Client(await logInOver(over, toDuplex, () => completeOptions(options)));
}

function completeOptions(given: ConnectOptions): WithKeys<ConnectOptions> & ClientProvider {
  const options = withCertificates({ ...given });
  checkOptions(options, USERS.options, "`connect`");
  const complete = {
    ...options,
    algorithms: chooseAlgorithms(options.algorithms, defaultAlgorithms),
    fingerprint: sha256Fingerprint,
    encodeModes: encodeTerminalModes,
    loginMethods: clientMethods,
    users: USERS,
    trace: withDescriptions(options.trace),
  };
  checkLoginMethods(complete);
  return complete;
}

/**
 * Serves one client over a pair of byte streams or another byte connection, starting now. Proves the host key, calls `authenticate` for
 * each login, and runs handlers for the client's requests. Throws `usage` for invalid options, and then leaves `over` untouched.
 */
export function serve(over: ByteStreams | Duplex, options: ServeOptions<Session>): ServerConnection {
  checkOptions({ ...options }, SERVE_OPTIONS, "`serve`");
  const complete = {
    ...options,
    algorithms: chooseAlgorithms(options.algorithms, defaultServerAlgorithms),
    userKeys: options.userKeys ?? defaultSignatureAlgorithms.concat(defaultCertificateAlgorithms),
    fingerprint: sha256Fingerprint,
    loginMethods: serverMethods,
    trace: withDescriptions(options.trace),
  };
  checkServeOptions(complete);
  return serveDuplex(toDuplex(over), complete, (channel, start) => new Session(channel, start));
}
