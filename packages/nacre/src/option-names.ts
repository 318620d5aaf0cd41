import { escapeText, SshError } from "@nacre/wire";
import type {
  ConnectOptions,
  ExecOptions,
  PtyOptions,
  SessionOpenOptions,
  SessionRequestOptions,
  SpawnOptions,
} from "./client/options.ts";
import type { DialOptions } from "./forward/dial.ts";
import { isThenable } from "./mux/engine.ts";
import type { ServeOptions } from "./server/options.ts";

type OptionType = "boolean" | "string" | "function" | "object" | "array" | "bytes";

/** Types of an option's values, a list of its values, or true for an option that is checked where it is used. */
export type OptionKind = true | OptionType | `${OptionType} or ${OptionType}` | readonly string[];

/** Names and kinds of the options `T`. A table of this type fails to compile if a name is missing or extra. */
export type OptionNames<T> = Readonly<Record<keyof T, OptionKind>>;

/** Names of the options of `connect`. */
export const CONNECT_OPTIONS: OptionNames<ConnectOptions> = {
  user: true,
  hostKey: true,
  identities: "array",
  password: "string or function",
  changePassword: "function",
  prompts: "function",
  methods: "array",
  channels: "object",
  banner: "function",
  algorithms: "object",
  wasm: "boolean",
  limits: "object",
  requireStrictKex: "boolean",
  signal: true,
  earlyChannel: "boolean",
  trace: "object or function",
  keyLog: "function",
  random: "function",
};

export const SESSION_OPTIONS: OptionNames<SessionOpenOptions> = { signal: true, queue: "boolean" };

export const SPAWN_OPTIONS: OptionNames<SpawnOptions> = {
  env: "object",
  pty: "object or boolean",
  requests: "array",
  ...SESSION_OPTIONS,
  killSignal: "string",
};

export const EXEC_OPTIONS: OptionNames<ExecOptions & { readonly encoding: unknown }> = {
  ...SPAWN_OPTIONS,
  input: "string or bytes",
  maxOutput: true,
  encoding: true,
};

export const DIAL_OPTIONS: OptionNames<DialOptions> = { signal: true, originator: true };

export const PTY_OPTIONS: OptionNames<PtyOptions> = { term: true, columns: true, rows: true, modes: "object or bytes" };

export const REQUEST_OPTIONS: OptionNames<SessionRequestOptions> = { type: true, data: true, wantReply: "boolean" };

/** Names of the options of `serve`. */
export const SERVE_OPTIONS: OptionNames<ServeOptions<unknown>> = {
  hostKeys: true,
  authenticate: true,
  methods: "array",
  banner: "string",
  session: "function",
  subsystems: "object",
  forcedCommands: "object",
  channels: "object",
  globalRequests: "object",
  sessionRequests: "object",
  forwarding: true,
  acceptPty: "boolean or function",
  acceptEnv: "function",
  loginGraceTime: true,
  announceHostKeys: "boolean",
  algorithms: "object",
  wasm: "boolean",
  userKeys: true,
  limits: "object",
  requireStrictKex: "boolean",
  remoteAddress: "string",
  signal: true,
  log: "function",
  trace: "object or function",
  keyLog: "function",
  random: "function",
};

/**
 * Option names of other libraries and programs, and their names here. If there are several, separated by spaces, the first that
 * the function accepts is suggested.
 */
const SYNONYMS: Readonly<Record<string, string>> = {
  username: "user",
  login: "user",
  hostname: "host",
  address: "host",
  privatekey: "identities hostKeys",
  privatekeypath: "identities hostKeys",
  identityfile: "identities",
  key: "identities hostKeys",
  keys: "identities hostKeys",
  pass: "password",
  passwd: "password",
  hostverifier: "hostKey",
  fingerprint: "hostKey",
  trykeyboard: "prompts",
  timeout: "connectTimeout signal",
  readytimeout: "connectTimeout signal",
  keepaliveinterval: "limits.keepaliveInterval",
  serveraliveinterval: "limits.keepaliveInterval",
  clientaliveinterval: "limits.keepaliveInterval",
  keepalivecount: "limits.keepaliveCount",
  keepalivecountmax: "limits.keepaliveCount",
  debug: "trace",
  environment: "env",
  stdin: "input",
  maxbuffer: "maxOutput",
  cols: "columns",
  authentication: "authenticate",
  handler: "session",
};

/**
 * Checks the names and types of `options` against the table `names`. `callee` names the function or option they were passed to, with
 * backquotes. Throws `usage` if `options` is not an object, has a name that is not in the table, or a value of another type than the table's.
 * For an unknown name the message suggests the closest one. It never shows a value.
 */
export function checkNames(options: object, names: object, callee: string): void {
  if (typeOf(options) !== "object")
    throw new SshError("usage", `the options of ${callee} must be an object, got ${typeOf(options)}`);
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(names, name)) throw unknownName(name, names, callee);
    const kind: unknown = names[name as keyof typeof names];
    if (value === undefined) continue;
    const allowed = Array.isArray(kind) ? kind : typeof kind === "string" ? kind.split(" or ") : [];
    const given: unknown = allowed === kind ? value : typeOf(value);
    if (allowed.length > 0 && !allowed.includes(given))
      throw new SshError("usage", `\`${name}\` of ${callee} must be ${allowed.join(" or ")}, got ${typeOf(value)}`);
  }
}

/**
 * Returns the type of a value for a message, which must not show the value itself: it may be a secret. Promises and bytes are mistaken for
 * plain objects most often.
 */
export function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (ArrayBuffer.isView(value)) return "bytes";
  return isThenable(value) ? "promise" : typeof value;
}

function unknownName(name: string, names: object, callee: string): SshError {
  const known = Object.keys(names);
  const likely = likelyName(name, known);
  const remedy = likely === undefined ? `its options are ${known.join(", ")}` : `did you mean \`${likely}\`?`;
  return new SshError("usage", `\`${escapeText(name.slice(0, 40))}\` is not an option of ${callee}; ${remedy}`);
}

function likelyName(name: string, known: readonly string[]): string | undefined {
  const given = name.toLowerCase();
  const synonyms = Object.hasOwn(SYNONYMS, given) ? SYNONYMS[given]! : "";
  const synonym = synonyms.split(" ").find((one) => known.includes(one.split(".")[0]!));
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
