import type { Factor } from "@nacre/auth";
import type { ServerSessionEvent } from "@nacre/session";
import type { SshError } from "@nacre/wire";
import { type ForwardsHost, forwardHandlers, ServerForwards } from "../forward/server-forwards.ts";
import type { Mux, MuxSide } from "../mux/mux.ts";
import type { BaseSession, SessionMaker } from "../session/base-session.ts";
import { ServerSessions, type SessionsHost } from "../session/server-sessions.ts";
import { grantApplication } from "./application.ts";
import type { ServerConnection } from "./connection.ts";
import type { ServeOptions, ServerEvent, ServerLimits } from "./options.ts";
import type { GrantedPermissions } from "./permissions.ts";

/** A client that has logged in. */
export interface AdmittedLogin {
  /** As the client sent it: escape it before showing it. */
  readonly user: string;
  readonly factors: readonly Factor[];
  readonly remoteAddress: string | undefined;
}

/** The server's side of a mux, as handlers get it. */
export type ServerSide = MuxSide<ServerSessionEvent> & ServerConnection & SessionsHost & ForwardsHost;

/** Makes the context that users of the mux share. It is made when the first of them is: an idle connection holds none. */
export interface AdmittedHost<S> {
  context(): AdmittedContext<S>;
}

/** The connection of a client that has logged in. */
export interface AdmittedContext<S> {
  readonly options: ServeOptions<S>;
  readonly limits: ServerLimits;
  readonly makeSession: SessionMaker<S>;
  readonly connection: ServerConnection;
  readonly mux: Mux<ServerSessionEvent, ServerSide>;
  /** Whether the server is not closing the connection. */
  isOpen(this: void): boolean;
  log(this: void, event: ServerEvent): void;
  /** Called when a session has ended. */
  onSessionEnd(this: void): void;
}

/**
 * What a client that has logged in may use, and uses: sessions, forwarding, and the application's own channels and requests. Each is made
 * when the client first uses it, since thousands of connections may do nothing.
 */
export class Admitted<S extends BaseSession> implements SessionsHost, ForwardsHost {
  readonly login: AdmittedLogin;
  readonly #permissions: GrantedPermissions;
  readonly #host: AdmittedHost<S>;
  #sessions: ServerSessions<S> | undefined;
  #forwards: ServerForwards | undefined;

  /** Lets the client open and ask for what `permissions` grant. */
  constructor(host: AdmittedHost<S>, login: AdmittedLogin, permissions: GrantedPermissions) {
    this.#host = host;
    this.login = login;
    this.#permissions = permissions;
    const { mux, options } = host.context();
    if (options.forwarding !== undefined && /* rule: forwarding-handlers */ permissions.portForwarding)
      mux.grant(forwardHandlers);
    grantApplication(mux, options, permissions);
  }

  /** Sessions that are open. */
  get sessionCount(): number {
    return this.#sessions?.count ?? 0;
  }

  /** Whether a command runs. */
  get isBusy(): boolean {
    return this.#sessions?.isBusy ?? false;
  }

  /** For the handlers of sessions. */
  get sessions(): ServerSessions<S> {
    this.#sessions ??= this.#makeSessions();
    return this.#sessions;
  }

  /** For the handlers of forwarding. `undefined` unless the login was granted it. */
  get forwards(): ServerForwards | undefined {
    this.#forwards ??= this.#makeForwards();
    return this.#forwards;
  }

  /** The connection has ended. Resolves when everything is released. */
  closed(error: SshError): Promise<void> | undefined {
    return this.#forwards?.closed(error);
  }

  #makeSessions(): ServerSessions<S> {
    const { login } = this;
    const context = this.#host.context();
    return new ServerSessions({ ...context, login, permissions: this.#permissions }, context.onSessionEnd);
  }

  #makeForwards(): ServerForwards | undefined {
    const context = this.#host.context();
    const { forwarding } = context.options;
    if (forwarding === undefined) return undefined;
    if (/* rule: forwarding-grant */ !this.#permissions.portForwarding) return undefined;
    const { user } = this.login;
    return new ServerForwards({ ...context, forwarding, user, permissions: this.#permissions });
  }
}
