/**
 * Permissions of a login. `command`, `pty` and `environment` restrict its sessions. The others grant features that are refused by default.
 */
export interface Permissions {
  /**
   * Command that runs instead of the one the client requests. The client's command is then in the environment variable
   * `SSH_ORIGINAL_COMMAND`.
   */
  readonly command?: string | undefined;
  /** False refuses pseudo-terminals. */
  readonly pty?: boolean | undefined;
  /** Variables added to the environment of each session. They override variables from the client. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** True grants forwarding in both directions, limited by `permitOpen` and `permitListen`; default false (RFC 4254 §7). */
  readonly portForwarding?: boolean | undefined;
  /**
   * Targets that connections may be forwarded to, like `permitopen=` in authorized_keys: `"example.org:80"`, `"[2001:db8::1]:*"`,
   * `"*:443"`. A host is compared literally with the requested one. If there is a list, it must also name the path of each permitted Unix
   * socket, such as `"/run/app.sock"`. Default: all, if `portForwarding` is true.
   */
  readonly permitOpen?: readonly string[] | undefined;
  /**
   * Addresses that the server may listen at for the client, like `permitlisten=` in authorized_keys: `"8080"`, `"localhost:8080"`,
   * `"*.example.org:*"`. A client that names no host requests `"localhost"`. Unix sockets are named as in `permitOpen`. Default: all, if
   * `portForwarding` is true.
   */
  readonly permitListen?: readonly string[] | undefined;
  /** True grants agent forwarding; default false. */
  readonly agentForwarding?: boolean | undefined;
  /** True grants X11 forwarding; default false (RFC 4254 §6.3). */
  readonly x11Forwarding?: boolean | undefined;
  /** Channel types of the option `channels` that the login may open; default none. */
  readonly channels?: readonly string[] | undefined;
  /** Names in the option `globalRequests` that the login may send; default none. */
  readonly globalRequests?: readonly string[] | undefined;
  /** Names in the option `sessionRequests` that the login may send on its sessions; default none. */
  readonly sessionRequests?: readonly string[] | undefined;
}

/** Combined permissions of all factors of a login. */
export interface GrantedPermissions {
  readonly command: string | undefined;
  readonly pty: boolean;
  readonly environment: Readonly<Record<string, string>>;
  readonly portForwarding: boolean;
  /** One list of places per factor that has one. A place must be in every list; without lists every place is permitted. */
  readonly permitOpen: readonly (readonly string[])[];
  /** The same for addresses to listen at. */
  readonly permitListen: readonly (readonly string[])[];
  readonly agentForwarding: boolean;
  readonly x11Forwarding: boolean;
  readonly channels: readonly string[];
  readonly globalRequests: readonly string[];
  readonly sessionRequests: readonly string[];
}

/** The permissions of a factor that the application accepted without any. */
export const NO_PERMISSIONS: Permissions = {};

/** What these permissions grant, made on first use. All logins with them share it, to keep thousands of idle connections small. */
let nothing: GrantedPermissions | undefined;

/**
 * Combines the permissions of a login's factors, given in order. The result allows only what each factor allows. Without factors nothing is
 * granted.
 */
export function combinePermissions(all: readonly Permissions[]): GrantedPermissions {
  if (all.length !== 1 || all[0] !== NO_PERMISSIONS) return combine(all);
  nothing ??= combine(all);
  return nothing;
}

function combine(all: readonly Permissions[]): GrantedPermissions {
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

/** Shared by all connections without lists, to save memory. */
const NO_LISTS: readonly (readonly string[])[] = [];
const NO_NAMES: readonly string[] = [];

/** Returns the names that every factor grants. */
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
 * Returns whether a value from a JavaScript program is a valid permissions object. An invalid list must not count as missing: that would
 * permit everything.
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
