import { checkHandlers, usage } from "../../check.ts";
import { callOpenHandler, callRequestHandler } from "../../mux/application-handlers.ts";
import { ownValue } from "../../mux/own-value.ts";
import type { PeerGlobalRequest, PeerOpen } from "../../mux/peer-asks.ts";
import { namedByAll } from "../server/permission.ts";
import type { ServerConnection } from "../server/server-connection.ts";
import type { ServerContext, ServerUser } from "../server/server-user.ts";

/** An application-defined request on a session, before or after its command starts. */
export interface CustomSessionRequest {
  readonly name: string;
  /** Request-specific data. */
  readonly data: Uint8Array;
  /** Number of the session, as in `ServerEvent`. */
  readonly session: number;
}

/** The application's handlers for channels and requests that Nacre does not handle. */
export interface ApplicationServeOptions {
  /**
   * Handlers for channel types other than "session", by type. Called only if the login's `permissions.channels` includes the type. Call
   * `accept` or `reject` of the open, now or later. An exception refuses the open and is rethrown as an uncaught exception.
   */
  readonly channels?: Readonly<Record<string, (open: PeerOpen, connection: ServerConnection) => void>> | undefined;
  /**
   * Handlers for global requests, by name. Called only if the login's `permissions.globalRequests` includes the name. Call `reply`, now or
   * later.
   */
  readonly globalRequests?:
    | Readonly<Record<string, (request: PeerGlobalRequest, connection: ServerConnection) => void>>
    | undefined;
  /**
   * Handlers for application-defined requests on sessions, by name (RFC 4254 §6). Called only if the login's `permissions.sessionRequests`
   * includes the name. Only `true` grants the request; any other result or an exception refuses it.
   */
  readonly sessionRequests?:
    | Readonly<Record<string, (request: CustomSessionRequest, connection: ServerConnection) => boolean>>
    | undefined;
  /**
   * **Dangerous.** `true` opens all of `channels` and `globalRequests` to every login, regardless of its permissions, also to one with a
   * forced command: each handler alone decides what the client may do. For programs with rules of their own. Before the login nothing is
   * open, and `sessionRequests` still need their grant.
   */
  readonly unrestricted?: true | undefined;
}

/** Permissions for the application's channels and requests. */
export interface ApplicationPermissions {
  /** Channel types of the option `channels` that the login may open; default none. */
  readonly channels?: readonly string[] | undefined;
  /** Names in the option `globalRequests` that the login may send; default none. */
  readonly globalRequests?: readonly string[] | undefined;
  /** Names in the option `sessionRequests` that the login may send on its sessions; default none. */
  readonly sessionRequests?: readonly string[] | undefined;
}

export interface ApplicationTypes {
  readonly options: ApplicationServeOptions;
  readonly permissions: ApplicationPermissions;
  readonly granted: { readonly [Name in keyof ApplicationPermissions]-?: readonly string[] };
  readonly limits: object;
  readonly event: never;
}

/** Channels and requests of the application. Those that the permissions of the login do not include stay refused, unless `unrestricted`. */
export const applicationServer: ServerUser<ApplicationTypes> = {
  options: {
    channels: { type: "object", check: (handlers) => checkHandlers(handlers, "channels", {}) },
    globalRequests: { type: "object", check: (handlers) => checkHandlers(handlers, "globalRequests", {}) },
    sessionRequests: { type: "object", check: (handlers) => checkHandlers(handlers, "sessionRequests", {}) },
    unrestricted: { check: checkUnrestricted },
  },
  permissions: { channels: namedByAll, globalRequests: namedByAll, sessionRequests: namedByAll },
  limits: {},
  isUsed: () => true,
  channels: {},
  globalRequests: {},
  sessionRequests: [],
  begin(context) {
    grantChannels(context);
    grantGlobalRequests(context);
    grantSessionRequests(context);
    return undefined;
  },
};

type Context = ServerContext<ApplicationTypes>;

/** Takes only the literal, so that a search for `unrestricted: true` finds each use. */
function checkUnrestricted(unrestricted: unknown): void {
  if (unrestricted !== undefined && unrestricted !== true) throw usage("`unrestricted` must be true or left out");
}

function grantChannels({ mux, options: { channels, unrestricted }, permissions, connection }: Context): void {
  const granted = unrestricted === true ? Object.keys(channels ?? {}) : /* rule: channel-grants */ permissions.channels;
  for (const channelType of granted) {
    const handler = ownValue(channels, channelType);
    if (handler === undefined) continue;
    mux.accept(channelType, (open) => callOpenHandler(() => handler(open, connection), open));
  }
}

function grantGlobalRequests({ mux, options, permissions, connection }: Context): void {
  const { globalRequests, unrestricted } = options;
  const granted =
    unrestricted === true
      ? Object.keys(globalRequests ?? {})
      : /* rule: global-request-grants */ permissions.globalRequests;
  for (const requestName of granted) {
    const handler = ownValue(globalRequests, requestName);
    if (handler === undefined) continue;
    mux.onGlobalRequest(requestName, (request) => callRequestHandler(() => handler(request, connection), request));
  }
}

function grantSessionRequests({ options, permissions, connection, sessionRequests }: Context): void {
  for (const name of permissions.sessionRequests) {
    const handler = ownValue(options.sessionRequests, name);
    if (handler === undefined) continue;
    // A function grants a request of Nacre's own, so only true may pass here.
    sessionRequests.set(name, (data, session) => (handler({ name, data, session }, connection) as unknown) === true);
  }
}
