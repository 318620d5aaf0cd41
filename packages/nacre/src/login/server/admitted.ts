import type { Factor } from "@nacre/auth";
import type { ServerSessionEvent } from "@nacre/session";
import type { SshError } from "@nacre/wire";
import type { Mux, MuxSide } from "../../mux/mux.ts";
import { grantApplication } from "../../users/application/server.ts";
import { type ForwardsHost, forwardHandlers, ServerForwards } from "../../users/forward/server-forwards.ts";
import type { BaseSession, SessionMaker } from "../../users/session/base-session.ts";
import { ServerSessions, type SessionsHost } from "../../users/session/server-sessions.ts";
import type { ServerConnection } from "./connection.ts";
import type { ServeOptions, ServerEvent, ServerLimits } from "./options.ts";
import type { GrantedPermissions } from "./permissions.ts";

/** The login of an authenticated client. */
export interface AdmittedLogin {
  /** User name as the client sent it: escape it before display. */
  readonly user: string;
  readonly factors: readonly Factor[];
  readonly remoteAddress: string | undefined;
}

/** The server's side of a mux, as passed to handlers. */
export type ServerSide = MuxSide<ServerSessionEvent> & ServerConnection & SessionsHost & ForwardsHost;

/** Creates the context for sessions and forwards on demand, so that an idle connection holds none. */
export interface AdmittedHost<S> {
  context(): AdmittedContext<S>;
}

/** The connection of an authenticated client. */
export interface AdmittedContext<S> {
  readonly options: ServeOptions<S>;
  readonly limits: ServerLimits;
  readonly makeSession: SessionMaker<S>;
  readonly connection: ServerConnection;
  readonly mux: Mux<ServerSessionEvent, ServerSide>;
  /** Returns false once the server closes the connection. */
  isOpen(this: void): boolean;
  log(this: void, event: ServerEvent): void;
  /** Called when a session has ended. */
  onSessionEnd(this: void): void;
}

/**
 * The sessions and forwards of an authenticated client, and its access to the application's channels and requests. Each part is created on
 * first use, to keep thousands of idle connections small.
 */
export class Admitted<S extends BaseSession> implements SessionsHost, ForwardsHost {
  readonly login: AdmittedLogin;
  readonly #permissions: GrantedPermissions;
  readonly #host: AdmittedHost<S>;
  #sessions: ServerSessions<S> | undefined;
  #forwards: ServerForwards | undefined;

  /** Registers handlers for the channels and requests that `permissions` grant. */
  constructor(host: AdmittedHost<S>, login: AdmittedLogin, permissions: GrantedPermissions) {
    this.#host = host;
    this.login = login;
    this.#permissions = permissions;
    const { mux, options } = host.context();
    if (options.forwarding !== undefined && /* rule: forwarding-handlers */ permissions.portForwarding)
      mux.grant(forwardHandlers);
    grantApplication(mux, options, permissions);
  }

  /** Number of open sessions. */
  get sessionCount(): number {
    return this.#sessions?.count ?? 0;
  }

  /** Whether a command is running. */
  get isBusy(): boolean {
    return this.#sessions?.isBusy ?? false;
  }

  /** Sessions, for the session handlers. */
  get sessions(): ServerSessions<S> {
    this.#sessions ??= this.#makeSessions();
    return this.#sessions;
  }

  /** Forwards, for the forwarding handlers; `undefined` unless the login has the permission. */
  get forwards(): ServerForwards | undefined {
    this.#forwards ??= this.#makeForwards();
    return this.#forwards;
  }

  /** Releases everything after the connection has ended. Resolves when done. */
  closed(error: SshError): Promise<void> | undefined {
    return this.#forwards?.closed(error);
  }

  #makeSessions(): ServerSessions<S> {
    const { login } = this;
    const context = this.#host.context();
    // Keep the spread last: otherwise V8 gives each connection's context its own hidden class, of 340 bytes.
    return new ServerSessions({ login, permissions: this.#permissions, ...context }, context.onSessionEnd);
  }

  #makeForwards(): ServerForwards | undefined {
    const context = this.#host.context();
    const { forwarding } = context.options;
    if (forwarding === undefined) return undefined;
    if (/* rule: forwarding-grant */ !this.#permissions.portForwarding) return undefined;
    const { login } = this;
    return new ServerForwards({ forwarding, login, permissions: this.#permissions, ...context });
  }
}
