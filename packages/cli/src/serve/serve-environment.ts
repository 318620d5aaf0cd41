import type { NodeSession } from "@nacre/node";

/** Account that sessions run as. */
export interface Account {
  readonly name: string;
  readonly home: string;
  readonly shell: string;
}

/** Returns whether a client may set this variable: only language and colour settings are allowed. */
export function acceptEnv(name: string): boolean {
  return /^(LANG|LC_\w{1,64}|COLORTERM|NO_COLOR)$/.test(name);
}

const STANDARD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Returns the environment of a session. Only PATH and TZ come from the server's own environment, because its other variables describe how
 * the server was started. Variables in `session.env`, such as `environment=` of the key that logged in, replace those of the account and
 * the server, but not those of the connection and the terminal, as with sshd.
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
    ...session.env,
    ...(session.pty && { TERM: session.pty.term === "" ? "dumb" : session.pty.term }),
    SSH_CLIENT: `${remoteAddress} ${remotePort} ${localPort}`,
    SSH_CONNECTION: `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`,
  };
}
