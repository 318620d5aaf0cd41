import { matchPattern } from "@nacre/wire";
import { parseJump } from "./jump-hosts.ts";
import { type Keyword, list, needTime, oneLine, parseInteger, parseTime, refuseBeside, restOfLine } from "./kinds.ts";
import type { Line } from "./line.ts";
import { isSafeHost, isSafeUser } from "./names.ts";
import { BadLine } from "./problems.ts";
import type { AddKeysToAgent, CnameRule, ConfigValues, JumpHop, Proxy, RekeyLimit } from "./values.ts";

// Keywords with a form of their own.

export const obscureKeystrokeTiming: Keyword<number> = {
  parse: (line) => {
    const text = line.next() ?? "";
    const named = /^(?:yes|true)$/.test(text) ? 20 : /^(?:no|false)$/.test(text) ? 0 : undefined;
    if (named === undefined && !text.startsWith("interval:")) line.fail(`unsupported argument "${text}"`);
    const interval = named ?? parseInteger(line, text.slice("interval:".length));
    if (named === undefined && !(interval >= 1 && interval <= 1000)) line.fail("value out of range.");
    return line.left > 0 ? line.fail("invalid arguments") : interval;
  },
  default: () => 20,
  print: (value) => [value === 20 ? "yes" : value === 0 ? "no" : value],
};

const LOG_LEVELS = ["QUIET", "FATAL", "ERROR", "INFO", "VERBOSE", "DEBUG", "DEBUG2", "DEBUG3"] as const;

export const logLevel: Keyword<ConfigValues["logLevel"]> = {
  parse: (line) => {
    const text = line.next() ?? "";
    const upper = text.toUpperCase();
    const found = LOG_LEVELS.find((name) => name === (upper === "DEBUG1" ? "DEBUG" : upper));
    return found ?? line.fail(`unsupported log level '${text}'`);
  },
  default: () => "INFO",
  print: (value) => [value],
};

const FACILITIES = ["DAEMON", "USER", "AUTH", "AUTHPRIV", ...Array.from({ length: 8 }, (_, i) => `LOCAL${i}`)];

export const syslogFacility: Keyword<string> = {
  parse: (line) => {
    const text = line.next() ?? "";
    return FACILITIES.find((name) => name === text.toUpperCase()) ?? line.fail(`unsupported log facility '${text}'`);
  },
  everywhere: true,
  default: () => "USER",
  print: (value) => [value],
};

export const streamLocalBindMask: Keyword<number> = {
  parse: (line) => {
    const text = line.need("Missing StreamLocalBindMask argument.");
    return /^[0-7]{1,11}$/.test(text) && Number.parseInt(text, 8) <= 0o777
      ? Number.parseInt(text, 8)
      : line.fail("Bad mask.");
  },
  // quirk: the last line wins.
  combine: (_, later) => later,
  everywhere: true,
  default: () => 0o177,
  print: (value) => [`0${value.toString(8)}`],
};

const SCALES: Readonly<Record<string, number>> = { "": 0, B: 0, K: 1, M: 2, G: 3, T: 4, P: 5, E: 6 };

export const rekeyLimit: Keyword<RekeyLimit> = {
  parse: (line) => {
    const text = line.need();
    let bytes = 0;
    if (text !== "default") {
      const [, sign, whole, fraction = "", scale = ""] = /^([+-]?)(\d*)(\.\d+)?([bkmgtpe]?)$/i.exec(text) ?? [];
      if (whole === undefined || whole + fraction === "") line.fail(`Bad number '${text}': Invalid argument`);
      bytes = Math.floor(Number(`${whole}${fraction}`) * 1024 ** SCALES[scale.toUpperCase()]!);
      if (bytes >= 2 ** 63) line.fail(`Bad number '${text}': Numerical result out of range`);
      if (sign === "-" && bytes > 0) bytes = 1;
      if (bytes !== 0 && bytes < 16) line.fail("RekeyLimit too small");
    }
    if (line.left === 0) return { bytes, seconds: undefined };
    const time = needTime(line);
    return { bytes, seconds: time === "none" ? undefined : time };
  },
  combine: (earlier, later) => ({
    bytes: earlier.bytes ?? later.bytes,
    seconds: earlier.seconds ?? later.seconds,
  }),
  default: () => ({ bytes: undefined, seconds: undefined }),
  print: ({ bytes, seconds }) => [`${BigInt(bytes ?? 0)} ${seconds ?? 0}`],
};

const QOS: Readonly<Record<string, number>> = {
  ...Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`cs${i}`, i << 5])),
  ...Object.fromEntries(
    [1, 2, 3, 4].flatMap((group) => [1, 2, 3].map((drop) => [`af${group}${drop}`, (group << 5) | (drop << 3)])),
  ),
  ef: 0xb8,
  le: 0x04,
};

export const ipQoS: Keyword<ConfigValues["ipQoS"]> = {
  parse: (line) => {
    const read = (text: string): number | undefined => {
      const name = text.toLowerCase();
      // Names of RFC 1349, which mean nothing any more.
      if (["none", "lowdelay", "throughput", "reliability"].includes(name)) return undefined;
      if (Object.hasOwn(QOS, name)) return QOS[name];
      return /^\d{1,3}$/.test(text) && Number(text) <= 255 ? Number(text) : line.fail(`Bad IPQoS value: ${text}`);
    };
    const interactive = read(line.next() ?? "");
    return [interactive, line.left === 0 ? interactive : read(line.next()!)];
  },
  default: () => [QOS.ef, QOS.cs0],
  print: (values) => [
    values
      .map((value) => {
        if (value === undefined) return "none";
        return Object.keys(QOS).find((name) => QOS[name] === value) ?? `0x${value.toString(16).padStart(2, "0")}`;
      })
      .join(" "),
  ],
};

export const escapeChar: Keyword<number | undefined> = {
  parse: (line) => {
    const text = line.need();
    const code = text.charCodeAt(1);
    if (text.startsWith("^") && text.length === 2 && code >= 64 && code < 127 + 1 && text !== "^?") return code & 31;
    if (text.length === 1) return text.charCodeAt(0);
    return text === "none" ? NO_ESCAPE : line.fail("Bad escape character.");
  },
  default: () => 0x7e,
  finish: (value) => (value === NO_ESCAPE ? undefined : value),
  print: (value) => {
    if (value === undefined) return ["none"];
    return [value < 32 ? `\\^${String.fromCharCode(value + 64)}` : String.fromCharCode(value)];
  },
};
const NO_ESCAPE = -1;

export const tunnelDevice: Keyword<ConfigValues["tunnelDevice"]> = {
  parse: (line) => {
    const text = line.need();
    const unit = (part: string): number | "any" => {
      if (part.toLowerCase() === "any") return "any";
      return /^\d{1,10}$/.test(part) && Number(part) < 0x7ffffffe ? Number(part) : line.fail("Bad tun device.");
    };
    const [local = "", remote, ...more] = text.split(":");
    if (more.length > 0) line.fail("Bad tun device.");
    return [unit(local), remote === undefined ? "any" : unit(remote)];
  },
  default: () => ["any", "any"],
  print: (units) => [units.join(":")],
};

export const controlPersist: Keyword<number | undefined> = {
  parse: (line) => {
    const text = line.need("Missing ControlPersist argument.");
    // quirk: other than elsewhere, upper case is not known.
    if (text === "no" || text === "false") return NO_PERSIST;
    return text === "yes" || text === "true" ? 0 : (parseTime(text) ?? line.fail("Bad ControlPersist argument."));
  },
  default: () => undefined,
  finish: (value) => (value === NO_PERSIST ? undefined : value),
  print: (value) => [value === undefined ? "no" : value === 0 ? "yes" : value],
};
const NO_PERSIST = -1;

export const addKeysToAgent: Keyword<AddKeysToAgent> = {
  parse: (line) => {
    const first = line.next() ?? "";
    const modes: Readonly<Record<string, AddKeysToAgent["mode"]>> = {
      yes: "yes",
      true: "yes",
      no: "no",
      false: "no",
      ask: "ask",
      confirm: "confirm",
    };
    const key = first.toLowerCase();
    const mode = Object.hasOwn(modes, key) ? modes[key] : undefined;
    if (mode === "confirm" && line.left > 0) {
      const seconds = parseTime(line.next()!);
      return { mode, seconds: seconds ?? line.fail("invalid time value.") };
    }
    if (mode !== undefined && line.left === 0) return { mode, seconds: 0 };
    const seconds = mode === undefined && line.left === 0 ? parseTime(first) : undefined;
    if (seconds === undefined)
      line.fail("unsupported option", ...(first === "" ? [`${line.at}: missing argument.`] : []));
    return { mode: "yes", seconds: seconds! };
  },
  default: () => ({ mode: "no", seconds: 0 }),
  print: ({ mode, seconds }) => {
    if (mode === "confirm") return [seconds === 0 ? mode : `${mode} ${seconds}`];
    if (mode === "ask") return [mode];
    return [mode === "no" ? "false" : seconds === 0 ? "true" : seconds];
  },
};

export const forwardAgent: Keyword<ConfigValues["forwardAgent"]> = {
  parse: (line) => {
    const text = line.need("missing argument.");
    const flags: Readonly<Record<string, boolean>> = { yes: true, true: true, no: false, false: false };
    const key = text.toLowerCase();
    if (Object.hasOwn(flags, key)) return flags[key]!;
    line.expandEnvironment(text, `Invalid environment expansion ${text}.`);
    return text;
  },
  combine(earlier, later) {
    if (typeof earlier !== "boolean" || typeof later !== "string") return earlier;
    // quirk: `ssh -G` prints the path after `no`, too, but nothing is forwarded.
    return /* rule: config-agent-not-forwarded */ earlier ? later : { unused: later };
  },
  default: () => false,
  finish(value, expand) {
    if (typeof value === "boolean") return value;
    return typeof value === "string" ? expand.path(value) : { unused: expand.path(value.unused) };
  },
  print: (value) => [typeof value === "boolean" ? (value ? "yes" : "no") : pathOfAgent(value)],
};

/** Returns the path that ForwardAgent names, whether or not that agent is forwarded. */
export function pathOfAgent(value: Exclude<ConfigValues["forwardAgent"], boolean>): string {
  return typeof value === "string" ? value : value.unused;
}

export const sendEnv: Keyword<readonly string[]> = {
  parse: (line) => {
    const words = line.all();
    if (words.some((text) => text === "" || text.includes("="))) line.fail("Invalid environment name.");
    return withoutRemoved([], words);
  },
  combine: (earlier, later) => withoutRemoved(earlier, later),
  default: () => [],
  finish: (names) => names.filter((name) => !name.startsWith("-")),
  print: list,
};

/** Adds a line's names to those of earlier lines. `-PATTERN` removes the names before it, and stays to remove those of earlier lines. */
function withoutRemoved(earlier: readonly string[], later: readonly string[]): readonly string[] {
  let names = [...earlier];
  for (const name of later) if (name.startsWith("-")) names = names.filter((one) => !matchPattern(one, name.slice(1)));
  const kept: string[] = [];
  for (const name of later) {
    if (!name.startsWith("-")) kept.push(name);
    else kept.splice(0, kept.length, ...kept.filter((one) => !matchPattern(one, name.slice(1))), name);
  }
  return [...names, ...kept];
}

export const setEnv: Keyword<readonly string[]> = {
  parse: (line) => {
    const pairs: string[] = [];
    for (const text of line.all()) {
      if (!text.includes("=")) line.fail("Invalid SetEnv.");
      const name = text.slice(0, text.indexOf("=") + 1);
      if (!pairs.some((pair) => pair.startsWith(name))) pairs.push(text);
    }
    return pairs;
  },
  default: () => [],
  finish: (pairs, expand) =>
    pairs.map((pair) => pair.slice(0, pair.indexOf("=") + 1) + expand.text(pair.slice(pair.indexOf("=") + 1))),
  print: list,
};

export const channelTimeout: Keyword<readonly string[]> = {
  parse: (line) => {
    const words = line.all();
    for (const text of words) {
      refuseBeside(line, words, text, "none");
      const equals = text.indexOf("=");
      if (text.toLowerCase() !== "none" && (equals < 1 || parseTime(text.slice(equals + 1)) === undefined))
        line.fatal(`invalid channel timeout ${text}`);
    }
    return words;
  },
  default: () => ["none"],
  print: oneLine,
};

/** Returns the milliseconds of ChannelTimeout by pattern; of equal patterns the first one's. Empty for `none`. */
export function channelTimeouts(words: readonly string[]): Readonly<Record<string, number>> {
  const timeouts: Record<string, number> = {};
  for (const text of words) {
    const equals = text.indexOf("=");
    if (equals > 0) timeouts[text.slice(0, equals)] ??= parseTime(text.slice(equals + 1))! * 1000;
  }
  return timeouts;
}

export const permitRemoteOpen: Keyword<readonly string[]> = {
  parse: (line) => {
    const words = line.all();
    for (const text of words) {
      refuseBeside(line, words, text, "any", "none");
      if (/^(?:any|none)$/i.test(text)) continue;
      const port = /^(?:\[[^\]]*\]|[^:[\]]*):(.+)$/s.exec(text)?.[1];
      if (port === undefined || !(port === "*" || (line.port(port) ?? 0) > 0))
        line.fatal(`bad port number in ${line.keyword}`);
    }
    return words;
  },
  default: () => ["any"],
  print: oneLine,
};

export const canonicalDomains: Keyword<readonly string[]> = {
  parse: (line) => {
    const words = line.all();
    if (words.length === 0) line.fatal("no canonicaldomains specified");
    return words.map((text) => {
      refuseBeside(line, words, text, "none");
      const name = text.toLowerCase();
      const says = `domain name "${name}"`;
      if (name === "") line.fail("empty domain name");
      if (!/^[a-z0-9]/.test(name)) line.fail(`${says} starts with invalid character`);
      // The first wrong character decides, from left to right.
      const bad = /\.\.|[^a-z0-9._-]/.exec(name);
      if (bad !== null)
        line.fail(`${says} contains ${bad[0] === ".." ? "consecutive separators" : "invalid characters"}`);
      return name.replace(/\.$/, "");
    });
  },
  default: () => ["none"],
  print: oneLine,
};

export const cnames: Keyword<readonly CnameRule[]> = {
  printedName: "canonicalizePermittedcnames",
  parse: (line) => {
    const words = line.all();
    return words.flatMap((text): CnameRule[] => {
      refuseBeside(line, words, text, "none");
      if (text.toLowerCase() === "none") return [];
      const lower = text.toLowerCase();
      if (lower === "*") return [{ source: "*", target: "*" }];
      const colon = lower.indexOf(":");
      if (colon < 0 || colon === lower.length - 1) line.fail(`Invalid permitted CNAME "${text}"`);
      return [{ source: lower.slice(0, colon), target: lower.slice(colon + 1) }];
    });
  },
  default: () => [],
  print: (rules) => [rules.length === 0 ? "none" : rules.map(({ source, target }) => `${source}:${target}`).join(" ")],
};

/** Value of `ProxyJump none` until a ProxyCommand follows. */
const JUMP_NONE: Proxy = { kind: "jump", hops: [] };

export const proxy: Keyword<Proxy> = {
  aliases: ["proxycommand", "proxyjump"],
  parse: (line) => {
    line.all();
    const text = restOfLine(line);
    return line.keyword === "proxycommand" ? { kind: "command", command: text } : parseProxyJump(line, text);
  },
  // The first of both keywords wins; after `ProxyJump none` a ProxyCommand counts still, but no ProxyJump.
  combine: (earlier, later) => (earlier === JUMP_NONE && later.kind === "command" ? later : earlier),
  default: () => ({ kind: "direct" }),
  finish: (value) => {
    const isNone = value === JUMP_NONE || (value.kind === "command" && value.command.toLowerCase() === "none");
    return isNone ? { kind: "direct" } : value;
  },
  print: () => [],
};

function parseProxyJump(line: Line, text: string): Proxy {
  if (text.toLowerCase() === "none") return JUMP_NONE;
  const cut = text.replace(/[ \t\r\n#].*$/s, "");
  const hops = parseJump(cut, (port) => line.port(port)) ?? line.fail(`Invalid ProxyJump "${text}"`);
  return { kind: "jump", hops };
}

/** Reads the argument of `-J`, whose names are checked as typed ones. Throws {@link BadLine} if it is malformed. */
export function parseJumpOption(line: Line, text: string): Proxy {
  if (text.toLowerCase() === "none") return JUMP_NONE;
  const hops = parseJump(text.replace(/[ \t\r\n#].*$/s, ""), (port) => line.port(port));
  const bad: string[] = [];
  for (const { user, host } of hops ?? []) {
    if (!isSafeHost(host)) bad.push(`parse_jump: invalid hostname "${host}"`);
    else if (!isSafeUser(user ?? "")) bad.push(`parse_jump: invalid username "${user}"`);
  }
  // As in OpenSSH, the last jump host is read first.
  // rule: config-jump-names
  if (bad.length > 0) throw new BadLine(bad.at(-1)!, INVALID_JUMP);
  if (hops === undefined) throw new BadLine(INVALID_JUMP);
  return { kind: "jump", hops };
}

const INVALID_JUMP = "Invalid -J argument";

/** Returns `proxyjump …` or `proxycommand …` as `ssh -G` prints it. */
export function proxyLines(value: Proxy): string[] {
  if (value.kind === "direct") return [];
  if (value.kind === "command") return [`proxycommand ${value.command}`];
  const before = value.hops.slice(0, -1).map(({ text }) => `${text},`);
  const { user, host, port } = value.hops.at(-1) as JumpHop;
  const name = /:|^[\d.]+$/.test(host) ? `[${host}]` : host;
  return [
    `proxyjump ${before.join("")}${user === undefined ? "" : `${user}@`}${name}${port === undefined ? "" : `:${port}`}`,
  ];
}
