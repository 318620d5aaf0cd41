import { cutText, escapeText } from "@nacre/wire";
import { type OriginMatcher, parseOrigins } from "./address-match.ts";
import { type ExpiryTime, parseExpiryTime } from "./expiry-time.ts";

/** Restrictions on logins with a key, from its options in authorized_keys. */
export interface KeyRestrictions {
  /** `command=`: command to run instead of the one the client requests, which is passed in SSH_ORIGINAL_COMMAND. */
  readonly command: string | undefined;
  /** `environment=`: variables to add to the environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly pty: boolean;
  readonly portForwarding: boolean;
  readonly agentForwarding: boolean;
  readonly x11Forwarding: boolean;
  /** Whether to run `~/.ssh/rc`. */
  readonly userRc: boolean;
  /** `permitopen=`: allowed forwarding targets as `host:port`; `undefined` for all. */
  readonly permitOpen: readonly string[] | undefined;
  /** `permitlisten=`: allowed listening addresses as `host:port` or `port`; `undefined` for all. */
  readonly permitListen: readonly string[] | undefined;
  /** `tunnel=`: the only allowed tunnel device; `undefined` for all. */
  readonly tunnel: number | "any" | undefined;
  /** False with `no-touch-required`: a security key need not confirm that the user is present. */
  readonly touchRequired: boolean;
  /** `verify-required`: a security key must verify the user, such as by a PIN. */
  readonly verifyRequired: boolean;
}

/** `cert-authority`: the key is that of an authority, which accepts users by certificates. */
export interface KeyAuthority {
  /** `principals=`: names of which a certificate must have one. `undefined`: the user's name. */
  readonly principals: readonly string[] | undefined;
}

/** Parsed options of a line. */
export interface KeyOptions {
  readonly restrictions: KeyRestrictions;
  readonly from: OriginMatcher | undefined;
  /** Expiry times. The key expires at the earliest of them. */
  readonly expiryTimes: readonly ExpiryTime[];
  /** `undefined`: the key itself may log in. */
  readonly authority: KeyAuthority | undefined;
}

type Draft = { -readonly [K in keyof KeyRestrictions]: KeyRestrictions[K] } & {
  from: OriginMatcher | undefined;
  expiryTimes: ExpiryTime[];
  isAuthority: boolean;
  principals: readonly string[] | undefined;
};

/** Applies an option to the draft. Returns a description of the problem if the option is invalid. */
type Flag = (draft: Draft, on: boolean) => string | undefined;
type Valued = (draft: Draft, value: string) => string | undefined;

/** Maximum number of `permitopen=` or `permitlisten=` options; OpenSSH's limit. */
const MAX_PERMITS = 4096;

// @__NO_SIDE_EFFECTS__
const switches =
  (name: "pty" | "portForwarding" | "agentForwarding" | "x11Forwarding" | "userRc"): Flag =>
  (draft, on) => {
    draft[name] = on;
    return undefined;
  };

/** Options without a value. Those in the second list also have a `no-` form. */
const FLAGS: ReadonlyMap<string, Flag> = new Map<string, Flag>([
  [
    "restrict",
    (draft) => {
      draft.pty = draft.portForwarding = draft.agentForwarding = draft.x11Forwarding = draft.userRc = false;
      return undefined;
    },
  ],
  [
    "cert-authority",
    (draft) => {
      draft.isAuthority = true;
      return undefined;
    },
  ],
]);
const NEGATABLE_FLAGS: ReadonlyMap<string, Flag> = new Map<string, Flag>([
  ["pty", switches("pty")],
  ["port-forwarding", switches("portForwarding")],
  ["agent-forwarding", switches("agentForwarding")],
  ["x11-forwarding", switches("x11Forwarding")],
  ["user-rc", switches("userRc")],
  [
    "touch-required",
    (draft, on) => {
      draft.touchRequired = on;
      return undefined;
    },
  ],
  [
    "verify-required",
    (draft, on) => {
      draft.verifyRequired = on;
      return undefined;
    },
  ],
]);

/** Options with a quoted value. */
const VALUED: ReadonlyMap<string, Valued> = new Map<string, Valued>([
  [
    "command",
    (draft, value) => {
      if (draft.command !== undefined) return "command is given more than once";
      draft.command = value;
      return undefined;
    },
  ],
  [
    "from",
    (draft, value) => {
      if (draft.from !== undefined) return "from is given more than once";
      const matcher = parseOrigins(value);
      if (typeof matcher === "string") return `invalid from list: ${escapeText(matcher)}`;
      draft.from = matcher;
      return undefined;
    },
  ],
  [
    "expiry-time",
    (draft, value) => {
      const time = parseExpiryTime(value);
      if (time === undefined) return "expiry-time is not a valid time";
      draft.expiryTimes.push(time);
      return undefined;
    },
  ],
  [
    "environment",
    (draft, value) => {
      const [, name, text] = /^([A-Za-z0-9_]+)=(.*)$/s.exec(value) ?? [];
      if (name === undefined) return "environment must have the form NAME=value";
      // The first of several values for a name counts, as in OpenSSH.
      if (!Object.hasOwn(draft.environment, name))
        draft.environment = Object.fromEntries([...Object.entries(draft.environment), [name, text!]]);
      return undefined;
    },
  ],
  ["permitopen", (draft, value) => permit(draft, "permitOpen", value, false)],
  ["permitlisten", (draft, value) => permit(draft, "permitListen", value, true)],
  [
    "tunnel",
    (draft, value) => {
      if (value !== "any" && !/^\d{1,9}$/.test(value)) return "tunnel must be a number or any";
      draft.tunnel = value === "any" ? "any" : Number(value);
      return undefined;
    },
  ],
  [
    "principals",
    (draft, value) => {
      if (draft.principals !== undefined) return "principals is given more than once";
      draft.principals = value.split(",").filter((principal) => principal !== "");
      return undefined;
    },
  ],
]);

/** Matches one option at the start of the text. */
export const OPTION: RegExp = /^([a-z0-9-]+)(?:=("(?:\\"|[^"\\]|\\(?!"))*"))?(?=,|$)/i;

/**
 * Parses the options of a line (sshd(8), AUTHORIZED_KEYS FILE FORMAT), without blanks around them. Names are case-insensitive. The last of
 * several contradicting options counts, and `restrict` overrides permissions given before it. Returns a description of the problem if an
 * option is unknown, malformed or cannot be enforced. The line must not be used then.
 */
export function parseKeyOptions(text: string): KeyOptions | string {
  const draft: Draft = {
    command: undefined,
    environment: {},
    pty: true,
    portForwarding: true,
    agentForwarding: true,
    x11Forwarding: true,
    userRc: true,
    permitOpen: undefined,
    permitListen: undefined,
    tunnel: undefined,
    touchRequired: true,
    verifyRequired: false,
    from: undefined,
    expiryTimes: [],
    isAuthority: false,
    principals: undefined,
  };
  let rest = text;
  while (rest !== "") {
    const [whole, name, quoted] = OPTION.exec(rest) ?? [];
    if (whole === undefined || name === undefined) {
      // Skip an empty option between two commas, as OpenSSH does.
      if (!rest.startsWith(",")) return `malformed option at "${escapeText(cutText(rest, 40))}"`;
    } else {
      const problem = apply(draft, name.toLowerCase(), quoted);
      if (problem !== undefined) return problem;
    }
    rest = rest.slice((whole?.length ?? 0) + 1);
  }
  const { from, expiryTimes, isAuthority, principals, ...restrictions } = draft;
  // rule: principals-authority
  if (principals !== undefined && !isAuthority) return "principals needs cert-authority";
  return { restrictions, from, expiryTimes, authority: isAuthority ? { principals } : undefined };
}

function apply(draft: Draft, name: string, quoted: string | undefined): string | undefined {
  if (quoted !== undefined) {
    // In quotes, a backslash escapes a quote; before any other character it is literal.
    const value = quoted.slice(1, -1).replaceAll('\\"', '"');
    if (value.includes("\ufffd")) return `${name} is not valid UTF-8`;
    const valued = VALUED.get(name);
    return valued === undefined ? unknown(name) : valued(draft, value);
  }
  if (VALUED.has(name)) return `${name} requires a quoted value`;
  const flag = FLAGS.get(name) ?? NEGATABLE_FLAGS.get(name);
  if (flag !== undefined) return flag(draft, true);
  const negated = name.startsWith("no-") ? NEGATABLE_FLAGS.get(name.slice(3)) : undefined;
  // rule: unknown-key-option
  return negated === undefined ? unknown(name) : negated(draft, false);
}

/** Adds a forwarding target `host:port`, or a listening address that may be a port alone. IPv6 addresses are in brackets. */
function permit(
  draft: Draft,
  list: "permitOpen" | "permitListen",
  value: string,
  barePort: boolean,
): string | undefined {
  const [, host, port] = /^(?:(\[[0-9a-f:.%]+\]|[^[\]:]+):)?(\*|[1-9]\d{0,4})$/i.exec(value) ?? [];
  if (port === undefined || (host === undefined && !barePort) || (port !== "*" && Number(port) > 65535))
    return `invalid ${list.toLowerCase()} address: ${escapeText(cutText(value, 40))}`;
  const places = [...(draft[list] ?? []), value];
  if (places.length > MAX_PERMITS) return `more than ${MAX_PERMITS} ${list.toLowerCase()} options`;
  draft[list] = places;
  return undefined;
}

function unknown(name: string): string {
  return `unknown option ${escapeText(cutText(name, 40))}`;
}
