import { escapeText, SshError } from "@nacre/wire";
import type { ConnectOptions, ExecOptions, PtyOptions, SpawnOptions } from "./client/options.ts";
import type { DialOptions } from "./forward/dial.ts";
import type { ServeOptions } from "./server/options.ts";

/** Names of the options `T`. A table of this type fails to compile if a name is missing or extra. */
export type OptionNames<T> = Readonly<Record<keyof T, true>>;

/** Names of the options of `connect`. */
export const CONNECT_OPTIONS: OptionNames<ConnectOptions> = {
  user: true,
  hostKey: true,
  identities: true,
  password: true,
  changePassword: true,
  prompts: true,
  channels: true,
  banner: true,
  algorithms: true,
  wasm: true,
  limits: true,
  requireStrictKex: true,
  signal: true,
  earlyChannel: true,
  trace: true,
  keyLog: true,
  random: true,
};

export const SPAWN_OPTIONS: OptionNames<SpawnOptions> = {
  env: true,
  pty: true,
  requests: true,
  signal: true,
  queue: true,
};

export const EXEC_OPTIONS: OptionNames<ExecOptions & { readonly encoding: unknown }> = {
  ...SPAWN_OPTIONS,
  input: true,
  maxOutput: true,
  encoding: true,
};

export const DIAL_OPTIONS: OptionNames<DialOptions> = { signal: true, originator: true };

export const PTY_OPTIONS: OptionNames<PtyOptions> = { term: true, columns: true, rows: true, modes: true };

/** Names of the options of `serve`. */
export const SERVE_OPTIONS: OptionNames<ServeOptions<unknown>> = {
  hostKeys: true,
  authenticate: true,
  methods: true,
  banner: true,
  session: true,
  subsystems: true,
  forcedCommands: true,
  channels: true,
  globalRequests: true,
  sessionRequests: true,
  forwarding: true,
  acceptPty: true,
  acceptEnv: true,
  loginGraceTime: true,
  announceHostKeys: true,
  algorithms: true,
  wasm: true,
  userKeys: true,
  limits: true,
  requireStrictKex: true,
  remoteAddress: true,
  signal: true,
  log: true,
  trace: true,
  keyLog: true,
  random: true,
};

/**
 * Option names of other libraries and programs, and their names here. If there are several, the first that the function accepts is
 * suggested.
 */
const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  username: ["user"],
  login: ["user"],
  hostname: ["host"],
  address: ["host"],
  privatekey: ["identities", "hostKeys"],
  privatekeypath: ["identities", "hostKeys"],
  identityfile: ["identities"],
  key: ["identities", "hostKeys"],
  keys: ["identities", "hostKeys"],
  pass: ["password"],
  passwd: ["password"],
  hostverifier: ["hostKey"],
  fingerprint: ["hostKey"],
  trykeyboard: ["prompts"],
  timeout: ["connectTimeout", "signal"],
  readytimeout: ["connectTimeout", "signal"],
  keepaliveinterval: ["limits.keepaliveInterval"],
  serveraliveinterval: ["limits.keepaliveInterval"],
  clientaliveinterval: ["limits.keepaliveInterval"],
  keepalivecount: ["limits.keepaliveCount"],
  keepalivecountmax: ["limits.keepaliveCount"],
  debug: ["trace"],
  environment: ["env"],
  stdin: ["input"],
  maxbuffer: ["maxOutput"],
  cols: ["columns"],
  width: ["columns"],
  height: ["rows"],
  authentication: ["authenticate"],
  handler: ["session"],
};

/**
 * Checks the names in `options` against the table `names`. `callee` names the function or option they were passed to, with backquotes.
 * Throws `usage` if `options` is not an object, or has a name that is not in the table; the message suggests the closest name.
 */
export function checkNames(options: object, names: object, callee: string): void {
  if (typeof options !== "object" || options === null)
    throw new SshError(
      "usage",
      `the options of ${callee} must be an object, got ${options === null ? "null" : typeof options}`,
    );
  for (const name of Object.keys(options)) if (!Object.hasOwn(names, name)) throw unknownName(name, names, callee);
}

function unknownName(name: string, names: object, callee: string): SshError {
  const known = Object.keys(names);
  const likely = likelyName(name, known);
  const remedy = likely === undefined ? `its options are ${known.join(", ")}` : `did you mean \`${likely}\`?`;
  return new SshError("usage", `\`${escapeText(name.slice(0, 40))}\` is not an option of ${callee}; ${remedy}`);
}

function likelyName(name: string, known: readonly string[]): string | undefined {
  const given = name.toLowerCase();
  const synonyms = Object.hasOwn(SYNONYMS, given) ? SYNONYMS[given]! : [];
  const synonym = synonyms.find((one) => known.includes(one.split(".")[0]!));
  if (synonym !== undefined) return synonym;
  const [nearest] = known
    .map((one) => ({ one, edits: editDistance(given, one.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits);
  return nearest !== undefined && nearest.edits <= Math.ceil(nearest.one.length / 4) ? nearest.one : undefined;
}

/** Returns the number of insertions, deletions and replacements that change `from` to `to` (Levenshtein distance). */
function editDistance(from: string, to: string): number {
  // Bounds the work. A name this long is not close to any option.
  if (from.length > 40) return from.length;
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
