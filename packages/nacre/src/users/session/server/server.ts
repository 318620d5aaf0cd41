import { MAX_UINT32 } from "@nacre/wire";
import { checkHandlers } from "../../../check.ts";
import type { PeerOpen } from "../../../mux/peer-asks.ts";
import type { ServerConnection } from "../../server/server-connection.ts";
import type { ServerUser } from "../../server/server-user.ts";
import type { BaseSession, Pty, SessionExit, SessionHandler } from "../base-session.ts";
import { beginRawSessions, checkRawSessions } from "./raw-sessions.ts";
import { ServerSessions } from "./server-sessions.ts";
import { SessionChannel } from "./session-channel.ts";

/** Options of `serve` for sessions of type `S`. */
export interface SessionServeOptions<S> {
  /** Runs commands and shells. Without it, they are refused. */
  readonly session?: SessionHandler<S> | undefined;
  /** Runs subsystems, by name: `{ sftp: … }`. */
  readonly subsystems?: Readonly<Record<string, SessionHandler<S>>> | undefined;
  /**
   * Runs forced commands (`permissions.command`) by their first word, also without `session`: `{ "internal-sftp": … }`. `session` runs all
   * other forced commands.
   */
  readonly forcedCommands?: Readonly<Record<string, SessionHandler<S>>> | undefined;
  /** Whether a session may have a pseudo-terminal, which the handler must then provide; default false. */
  readonly acceptPty?: boolean | ((pty: Pty) => boolean) | undefined;
  /** Whether to accept an environment variable from the client, like OpenSSH's AcceptEnv. Default: all are refused. */
  readonly acceptEnv?: ((name: string, value: string) => boolean) | undefined;
  /**
   * Takes each session channel of the client with all of its requests, in place of `session` and the other options for sessions: Nacre
   * decodes, grants and answers none of them. Call `accept` or `reject` of the open, now or later, and set the `handler` of the channel
   * right after `accept`: until then, requests are refused.
   *
   * Answer each request that has a `token` with `Channel.reply`, now or later, in any order: the replies leave in the order of the
   * requests. A client with more than `limits.maxPeerRequests` unanswered requests on a channel is disconnected. `limits.maxSessions`
   * counts these sessions, also those that you have not decided yet.
   *
   * An exception refuses the open and is rethrown as an uncaught exception. A login whose permissions restrict its sessions (`command`,
   * `pty`, `environment`) gets none, because Nacre cannot enforce that here.
   */
  readonly rawSessions?: ((open: PeerOpen, connection: ServerConnection) => void) | undefined;
  /**
   * Called when the client gives up further sessions (OpenSSH PROTOCOL §2.2). Return true to reply with success. Then `rawSessions` must
   * refuse later sessions. Default: Nacre refuses them and replies with failure, like OpenSSH.
   */
  readonly noMoreSessions?: ((connection: ServerConnection) => boolean) | undefined;
}

/** Permissions of a login's sessions. */
export interface SessionPermissions {
  /**
   * Command that runs instead of the one the client requests. The client's command is then in the environment variable
   * `SSH_ORIGINAL_COMMAND`.
   */
  readonly command?: string | undefined;
  /** False refuses pseudo-terminals. */
  readonly pty?: boolean | undefined;
  /** Variables added to the environment of each session. They override variables from the client. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

/** Combined permissions of a login's sessions. */
export interface GrantedSessions {
  readonly command: string | undefined;
  readonly pty: boolean;
  readonly environment: Readonly<Record<string, string>>;
}

/** Limits of a connection's sessions. */
export interface SessionLimits {
  /**
   * Maximum number of open sessions on one connection; default 10, as OpenSSH's MaxSessions. Further sessions are refused. The same limit
   * applies to handlers that still run after their channel closed.
   */
  readonly maxSessions: number;
  /** Maximum number of environment variables that a client may send for a session; default 64. */
  readonly envVariables: number;
  /** Maximum total length of their names and values in characters; default 32,768. */
  readonly envLength: number;
}

/** Events of sessions. */
export type SessionEvent =
  | {
      readonly type: "session-started";
      /** Number of the session, from 0. Numbers of closed sessions are reused. */
      readonly session: number;
      readonly user: string;
      readonly kind: "exec" | "shell" | "subsystem";
      /** The command that runs; the forced command if the login has one. */
      readonly command: string | undefined;
      readonly subsystem: string | undefined;
      readonly pty: boolean;
    }
  | {
      readonly type: "session-ended";
      readonly session: number;
      /** `undefined` if the client closed the session or disconnected before the handler returned. */
      readonly exit: SessionExit | undefined;
      /** The exception of the handler, if it threw. */
      readonly error?: unknown;
    };

export interface SessionTypes {
  readonly options: SessionServeOptions<BaseSession>;
  readonly permissions: SessionPermissions;
  readonly granted: GrantedSessions;
  readonly limits: SessionLimits;
  readonly event: SessionEvent;
}

/** Sessions: commands, shells and subsystems (RFC 4254 §6). */
export const sessionServer: ServerUser<SessionTypes, ServerSessions> = {
  options: {
    session: "function",
    subsystems: { type: "object", check: (handlers) => checkHandlers(handlers, "subsystems", {}) },
    forcedCommands: { type: "object", check: (handlers) => checkHandlers(handlers, "forcedCommands", {}) },
    acceptPty: "boolean or function",
    acceptEnv: "function",
    rawSessions: "function",
    noMoreSessions: "function",
  },
  permissions: {
    command: {
      // rule: factor-command
      combine: (values) => values.find((command) => command !== undefined),
      isValid: (value) => typeof value === "string",
    },
    pty: {
      // rule: factor-pty
      combine: (values) => values.every((pty) => pty !== false),
      isValid: (value) => typeof value === "boolean",
    },
    environment: {
      combine: (values) => Object.fromEntries(values.flatMap((value) => Object.entries(value ?? {})).toReversed()),
    },
  },
  limits: {
    maxSessions: { default: 10, least: 0, most: MAX_UINT32, unit: "sessions" },
    envVariables: { default: 64, least: 0, most: MAX_UINT32, unit: "variables" },
    envLength: { default: 32_768, least: 0, most: MAX_UINT32, unit: "characters" },
  },
  isUsed: () => true,
  check: checkRawSessions,
  channels: {
    session: (open, sessions) => sessions.onOpen(open),
  },
  globalRequests: {
    // OpenSSH PROTOCOL §2.2: a client that does not share its connection gives up further sessions.
    "no-more-sessions@openssh.com"(request, sessions) {
      request.reply(sessions.noMore());
    },
  },
  sessionRequests: [],
  begin(context) {
    const { rawSessions } = context.options;
    if (rawSessions !== undefined) return beginRawSessions(context, rawSessions);
    return new ServerSessions(context, (open) => {
      const channel = open.accept();
      return channel && new SessionChannel(context, channel);
    });
  },
};
