import { usage } from "../../../check.ts";
import { callOpenHandler } from "../../../mux/application-handlers.ts";
import type { SessionServeOptions } from "./server.ts";
import { type RunningSession, ServerSessions } from "./server-sessions.ts";
import type { SessionContext } from "./session-channel.ts";

type RawSessions = NonNullable<SessionServeOptions<never>["rawSessions"]>;

/** Options of `serve` that decide about requests of a session. Raw sessions would ignore them. */
const FOR_OTHER_SESSIONS: readonly string[] = [
  "session",
  "subsystems",
  "forcedCommands",
  "acceptPty",
  "acceptEnv",
  "acceptAgent",
  "sessionRequests",
];

/** An open raw session. Only the application knows what runs on it, so it always gets the time to end. */
const RAW_SESSION: RunningSession = { started: true, handling: undefined };

/** Throws `usage` for options that `rawSessions` would ignore. */
export function checkRawSessions(options: object & Pick<SessionServeOptions<never>, "rawSessions">): void {
  if (options.rawSessions === undefined) return;
  for (const [name, value] of Object.entries<unknown>(options))
    if (FOR_OTHER_SESSIONS.includes(name) && value !== undefined && value !== false)
      throw usage(`\`rawSessions\` takes all requests of sessions; remove \`${name}\``);
}

/** Begins to pass a login's sessions to the application. Returns `undefined` for a login whose permissions restrict its sessions. */
export function beginRawSessions(context: SessionContext, rawSessions: RawSessions): ServerSessions | undefined {
  const { command, pty, environment } = context.permissions;
  // Only the code that decodes a request could enforce these.
  const isRestricted = command !== undefined || !pty || Object.keys(environment).length > 0;
  // rule: raw-session-restrictions
  if (isRestricted) return undefined;
  return new ServerSessions(context, (open) => {
    callOpenHandler((one) => rawSessions(one, context.connection), open);
    return RAW_SESSION;
  });
}
