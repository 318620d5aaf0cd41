import { escapeText } from "@nacre/wire";
import { type OriginMatcher, parseOrigins } from "./address-match.ts";
import { type ExpiryTime, parseExpiryTime } from "./expiry-time.ts";

/** What a login with a key of authorized_keys may do. */
export interface KeyRestrictions {
  /** `command=`: runs instead of whatever the client asks for, which is then in SSH_ORIGINAL_COMMAND. */
  readonly command: string | undefined;
  /** `environment=`: added to the environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly pty: boolean;
  readonly portForwarding: boolean;
  readonly agentForwarding: boolean;
  readonly x11Forwarding: boolean;
  /** Whether `~/.ssh/rc` runs. */
  readonly userRc: boolean;
  /** `permitopen=`: the only places, `host:port`, that connections may be forwarded to; `undefined` for all. */
  readonly permitOpen: readonly string[] | undefined;
  /** `permitlisten=`: the only places, `host:port` or `port`, that may be listened at; `undefined` for all. */
  readonly permitListen: readonly string[] | undefined;
  /** `tunnel=`: the only tunnel device that may be used; `undefined` for all. */
  readonly tunnel: number | "any" | undefined;
  /** False with `no-touch-required`: a security key need not have seen its user. */
  readonly touchRequired: boolean;
}

/** The options of a line, read. */
export interface KeyOptions {
  readonly restrictions: KeyRestrictions;
  readonly from: OriginMatcher | undefined;
  /** The earliest of several must not have passed. */
  readonly expiryTimes: readonly ExpiryTime[];
}

type Draft = { -readonly [K in keyof KeyRestrictions]: KeyRestrictions[K] } & {
  from: OriginMatcher | undefined;
  expiryTimes: ExpiryTime[];
};

/** What an option does; returns what is wrong with it. */
type Flag = (draft: Draft, on: boolean) => string | undefined;
type Valued = (draft: Draft, value: string) => string | undefined;

/** How many places may be named: as OpenSSH. */
const MAX_PERMITS = 4096;

const switches =
  (name: "pty" | "portForwarding" | "agentForwarding" | "x11Forwarding" | "userRc"): Flag =>
  (draft, on) => {
    draft[name] = on;
    return undefined;
  };

/** Options without a value; those of the second list have a `no-` form. */
const FLAGS: ReadonlyMap<string, Flag> = new Map<string, Flag>([
  [
    "restrict",
    (draft) => {
      draft.pty = draft.portForwarding = draft.agentForwarding = draft.x11Forwarding = draft.userRc = false;
      return undefined;
    },
  ],
  // rule: cert-authority
  ["cert-authority", () => "cert-authority: certificates are not supported"],
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
  // rule: verify-required
  ["verify-required", (_, on) => (on ? "verify-required cannot be enforced here" : undefined)],
]);

/** Options with a value, in quotes. */
const VALUED: ReadonlyMap<string, Valued> = new Map<string, Valued>([
  [
    "command",
    (draft, value) => {
      if (draft.command !== undefined) return "there is more than one command";
      draft.command = value;
      return undefined;
    },
  ],
  [
    "from",
    (draft, value) => {
      if (draft.from !== undefined) return "there is more than one from";
      const matcher = parseOrigins(value);
      if (typeof matcher === "string") return `from cannot be followed: ${escapeText(matcher)}`;
      draft.from = matcher;
      return undefined;
    },
  ],
  [
    "expiry-time",
    (draft, value) => {
      const time = parseExpiryTime(value);
      if (time === undefined) return "expiry-time is no time";
      draft.expiryTimes.push(time);
      return undefined;
    },
  ],
  [
    "environment",
    (draft, value) => {
      const [, name, text] = /^([A-Za-z0-9_]+)=(.*)$/s.exec(value) ?? [];
      if (name === undefined) return "environment is not NAME=value";
      // Of several with one name the first counts, as in OpenSSH.
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
      if (value !== "any" && !/^\d{1,9}$/.test(value)) return "tunnel is neither a number nor any";
      draft.tunnel = value === "any" ? "any" : Number(value);
      return undefined;
    },
  ],
  ["principals", () => "principals are of certificate authorities, which are not supported"],
]);

/** Takes one option from the beginning of the text. */
const OPTION = /^([a-z0-9-]+)(?:=("(?:\\"|[^"\\]|\\(?!"))*"))?(?=,|$)/i;

/**
 * Reads the options of a line (sshd(8), AUTHORIZED_KEYS FILE FORMAT), without blanks around. Names are of either case; of those that
 * contradict each other the later one counts, and `restrict` takes back what came before it. Returns what is wrong where one
 * is unknown, malformed, or cannot be enforced: then the line must not be used.
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
    from: undefined,
    expiryTimes: [],
  };
  let rest = text;
  while (rest !== "") {
    const [whole, name, quoted] = OPTION.exec(rest) ?? [];
    if (whole === undefined || name === undefined) {
      // OpenSSH passes over nothing between two commas.
      if (!rest.startsWith(",")) return `the option at "${escapeText(shown(rest))}" is malformed`;
    } else {
      const problem = apply(draft, name.toLowerCase(), quoted);
      if (problem !== undefined) return problem;
    }
    rest = rest.slice((whole?.length ?? 0) + 1);
  }
  const { from, expiryTimes, ...restrictions } = draft;
  return { restrictions, from, expiryTimes };
}

function apply(draft: Draft, name: string, quoted: string | undefined): string | undefined {
  if (quoted !== undefined) {
    // In quotes a backslash protects the quote behind it, and is itself in front of anything else.
    const value = quoted.slice(1, -1).replaceAll('\\"', '"');
    if (value.includes("\ufffd")) return `${name} is not valid UTF-8`;
    const valued = VALUED.get(name);
    return valued === undefined ? unknown(name) : valued(draft, value);
  }
  if (VALUED.has(name)) return `${name} has no value in quotes`;
  const flag = FLAGS.get(name) ?? NEGATABLE_FLAGS.get(name);
  if (flag !== undefined) return flag(draft, true);
  const negated = name.startsWith("no-") ? NEGATABLE_FLAGS.get(name.slice(3)) : undefined;
  // rule: unknown-key-option
  return negated === undefined ? unknown(name) : negated(draft, false);
}

/** A place to forward to, `host:port`, or to listen at, which may be a port alone. An IPv6 address is in brackets. */
function permit(
  draft: Draft,
  list: "permitOpen" | "permitListen",
  value: string,
  barePort: boolean,
): string | undefined {
  const [, host, port] = /^(?:(\[[0-9a-f:.%]+\]|[^[\]:]+):)?(\*|[1-9]\d{0,4})$/i.exec(value) ?? [];
  if (port === undefined || (host === undefined && !barePort) || (port !== "*" && Number(port) > 65535))
    return `${list.toLowerCase()} is no place: ${escapeText(shown(value))}`;
  const places = [...(draft[list] ?? []), value];
  if (places.length > MAX_PERMITS) return `there are more than ${MAX_PERMITS} of ${list.toLowerCase()}`;
  draft[list] = places;
  return undefined;
}

function unknown(name: string): string {
  return `the option ${escapeText(shown(name))} is not known`;
}

/** No more of it than a message can bear. */
function shown(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
