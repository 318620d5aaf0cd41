import type { NodeSession } from "@nacre/node";

/** Whose environment it is, and where it comes from. */
export interface Account {
  readonly name: string;
  readonly home: string;
  readonly shell: string;
}

/** What a session may be sent: the language of its texts, and whether it may be coloured. */
export function acceptEnv(name: string): boolean {
  return /^(LANG|LC_\w{1,64}|COLORTERM|NO_COLOR)$/.test(name);
}

const STANDARD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * The environment of a session. Of the server's own only the search path and the time zone are in it: the rest describes how and where the
 * server was started. `environment=` of the login's key takes precedence.
 */
export function sessionEnvironment(
  session: Pick<NodeSession, "env" | "pty" | "endpoints">,
  { name, home, shell }: Account,
  { PATH = STANDARD_PATH, TZ }: NodeJS.ProcessEnv,
): Record<string, string> {
  const { remoteAddress, remotePort, localAddress, localPort } = session.endpoints;
  return {
    HOME: home,
    USER: name,
    LOGNAME: name,
    SHELL: shell,
    PATH,
    ...(TZ !== undefined && { TZ }),
    ...(session.pty && { TERM: session.pty.term === "" ? "dumb" : session.pty.term }),
    SSH_CLIENT: `${remoteAddress} ${remotePort} ${localPort}`,
    SSH_CONNECTION: `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`,
    ...session.env,
  };
}
