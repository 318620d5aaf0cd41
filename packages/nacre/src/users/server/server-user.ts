import type { Factor } from "@nacre/auth";
import type { Limits, ServerProtocolEvent } from "@nacre/protocol";
import type { Extension, LimitRanges, SshError } from "@nacre/wire";
import type { Mux } from "../../mux/mux.ts";
import type { PeerGlobalRequest, PeerOpen } from "../../mux/peer-asks.ts";
import type { OptionRows } from "../../options/schema.ts";
import type { SessionMaker, SessionRequestHandler } from "../session/base-session.ts";
import type { PermissionRows } from "./permission.ts";
import type { ServerConnection } from "./server-connection.ts";

/** Types that a user adds to those of a server. */
export interface ServerUserTypes {
  /** Its options of `serve`. */
  readonly options: object;
  /** Its members of `Permissions`, and of the combined permissions of a login. */
  readonly permissions: object;
  readonly granted: object;
  /** Its limits in `ServerLimits`. */
  readonly limits: object;
  /** Its events in `ServerEvent`. */
  readonly event: object;
}

/** An event of a request or channel that was refused. */
export interface RequestRefused {
  readonly type: "request-refused";
  readonly session: number | undefined;
  readonly request: string;
  readonly error?: unknown;
}

/** The login of an authenticated client. */
export interface AdmittedLogin {
  /** User name as the client sent it: escape it before display. */
  readonly user: string;
  readonly factors: readonly Factor[];
  readonly remoteAddress: string | undefined;
}

/** The connection of an authenticated client, as a user sees it. */
export interface ServerContext<T extends ServerUserTypes = ServerUserTypes> {
  readonly options: T["options"];
  readonly limits: Limits & T["limits"];
  readonly permissions: T["granted"];
  readonly login: AdmittedLogin;
  readonly connection: ServerConnection;
  readonly mux: Mux<ServerProtocolEvent>;
  readonly makeSession: SessionMaker;
  /** Handlers for requests on sessions that this login may send, by name. */
  readonly sessionRequests: Map<string, SessionRequestHandler>;
  /** Returns false once the server closes the connection. */
  isOpen(this: void): boolean;
  log(this: void, event: T["event"] | RequestRefused): void;
  /** Called when a session has ended. */
  onSessionEnd(this: void): void;
}

/** The part of a user that runs on one connection. */
export interface ServerPart {
  /** Number of open sessions. */
  readonly sessionCount?: number;
  /** Whether a command runs, which `ServerConnection.close` gives time to end. */
  readonly isBusy?: boolean;
  /** Releases everything after the connection has ended. Resolves when done. */
  closed?(error: SshError): Promise<void>;
}

/**
 * A user of a server's connections: sessions, forwards, … It is named in `server-list.ts`. `serve` and its login know users by
 * this interface only.
 */
export interface ServerUser<T extends ServerUserTypes = ServerUserTypes, P extends ServerPart = ServerPart> {
  /** Rows of its options of `serve`. */
  readonly options: OptionRows<T["options"]>;
  /** Rows of its permissions. */
  readonly permissions: PermissionRows<T["permissions"], T["granted"]>;
  readonly limits: LimitRanges<T["limits"]>;
  /** Whether these options of `serve` use it. The application cannot handle the channels and requests of a user itself. */
  isUsed(options: T["options"]): boolean;
  /** Throws `usage` for options of `serve` that do not fit together. Names and types are checked already. */
  check?(options: T["options"]): void;
  /** Extensions that a server with this user announces (RFC 8308). */
  readonly extensions?: readonly Extension[];
  /** Handlers for the client's channel opens, by type. */
  readonly channels: Readonly<Record<string, (open: PeerOpen, part: P) => void>>;
  /** Handlers for the client's global requests, by name. */
  readonly globalRequests: Readonly<Record<string, (request: PeerGlobalRequest, part: P) => void>>;
  /** Names of the session requests that it adds to `ServerContext.sessionRequests`. */
  readonly sessionRequests: readonly string[];
  /**
   * Begins its work for a client that has logged in. Returns `undefined` if the permissions of the login do not grant it: all its channels
   * and requests are then refused.
   */
  begin(context: ServerContext<T>): P | undefined;
  /** Carries the types for `server-users.ts`; never set. */
  readonly types?: T;
}
