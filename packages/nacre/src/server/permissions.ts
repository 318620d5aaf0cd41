/**
 * Permissions of a login. `command`, `pty` and `environment` restrict its sessions. The others grant what no login has without them.
 */
export interface Permissions {
  /** Runs instead of whatever the client asks for, which is then in `SSH_ORIGINAL_COMMAND` of the environment. */
  readonly command?: string | undefined;
  /** False refuses pseudo-terminals. */
  readonly pty?: boolean | undefined;
  /** Added to the environment of each session; it wins over what the client sends. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** True grants forwarding in both directions (RFC 4254 §7), as far as `permitOpen` and `permitListen` let it. Default false. */
  readonly portForwarding?: boolean | undefined;
  /**
   * The only places that connections may be forwarded to, as `permitopen=` of authorized_keys: `"example.org:80"`, `"[2001:db8::1]:*"`,
   * `"*:443"`. A host is compared literally with the requested one. The path of a Unix socket, `"/run/app.sock"`, must be named if there is
   * a list. Default: all, if `portForwarding` is true.
   */
  readonly permitOpen?: readonly string[] | undefined;
  /**
   * The only places that the server may listen at for the client, as `permitlisten=` of authorized_keys: `"8080"`, `"localhost:8080"`,
   * `"*.example.org:*"`. A client that names no host asks for `"localhost"`. Paths as in `permitOpen`. Default: all, if `portForwarding` is
   * true.
   */
  readonly permitListen?: readonly string[] | undefined;
  /** True grants forwarding of the client's agent. Default false. */
  readonly agentForwarding?: boolean | undefined;
  /** True grants forwarding of X11 (RFC 4254 §6.3). Default false. */
  readonly x11Forwarding?: boolean | undefined;
  /** Channel types of the option `channels` that the login may open. None by default. */
  readonly channels?: readonly string[] | undefined;
  /** Names of the option `globalRequests` that the login may send. None by default. */
  readonly globalRequests?: readonly string[] | undefined;
  /** Names of the option `sessionRequests` that the login may send on its sessions. None by default. */
  readonly sessionRequests?: readonly string[] | undefined;
}

/** What all factors of a login permit together. */
export interface GrantedPermissions {
  readonly command: string | undefined;
  readonly pty: boolean;
  readonly environment: Readonly<Record<string, string>>;
  readonly portForwarding: boolean;
  /** Lists of places, each of one factor: a place must be in all of them. Without a list every place is permitted. */
  readonly permitOpen: readonly (readonly string[])[];
  /** The same for places to listen at. */
  readonly permitListen: readonly (readonly string[])[];
  readonly agentForwarding: boolean;
  readonly x11Forwarding: boolean;
  readonly channels: readonly string[];
  readonly globalRequests: readonly string[];
  readonly sessionRequests: readonly string[];
}

/** Combines the permissions of a login's factors, in their order: what each of them permits. Without a factor nothing is granted. */
export function combinePermissions(all: readonly Permissions[]): GrantedPermissions {
  const grants = (name: "portForwarding" | "agentForwarding" | "x11Forwarding"): boolean =>
    all.length > 0 && /* rule: factor-forwarding */ all.every((one) => one[name] === true);
  return {
    // rule: factor-command
    command: all.find((one) => one.command !== undefined)?.command,
    // rule: factor-pty
    pty: all.every((one) => one.pty !== false),
    environment: Object.fromEntries(all.flatMap(({ environment }) => Object.entries(environment ?? {})).toReversed()),
    portForwarding: grants("portForwarding"),
    permitOpen: lists(all.map(({ permitOpen }) => permitOpen)),
    permitListen: lists(all.map(({ permitListen }) => permitListen)),
    agentForwarding: grants("agentForwarding"),
    x11Forwarding: grants("x11Forwarding"),
    channels: namedByAll(all.map(({ channels }) => channels)),
    globalRequests: namedByAll(all.map(({ globalRequests }) => globalRequests)),
    sessionRequests: namedByAll(all.map(({ sessionRequests }) => sessionRequests)),
  };
}

/** Shared by all connections that have none. */
const NO_LISTS: readonly (readonly string[])[] = [];
const NO_NAMES: readonly string[] = [];

/** The names that every factor grants. */
function namedByAll(given: readonly (readonly string[] | undefined)[]): readonly string[] {
  const [first = NO_NAMES, ...others] = given;
  // rule: factor-names
  const names = first.filter((name) => others.every((list) => list?.includes(name) === true));
  return names.length === 0 ? NO_NAMES : names;
}

function lists(given: readonly (readonly string[] | undefined)[]): readonly (readonly string[])[] {
  // rule: factor-places
  const found = given.filter((list) => list !== undefined);
  return found.length === 0 ? NO_LISTS : found;
}

/**
 * Whether a program without types gave permissions that can be followed. An invalid list must not count as missing: that would permit everything.
 */
export function isPermissions(value: unknown): value is Permissions {
  if (typeof value !== "object" || value === null) return false;
  const { permitOpen, permitListen, channels, globalRequests, sessionRequests } = value as Record<string, unknown>;
  return [permitOpen, permitListen, channels, globalRequests, sessionRequests].every(
    (list) => list === undefined || isTexts(list),
  );
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}
