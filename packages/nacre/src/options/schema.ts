import { escapeText, SshError } from "@nacre/wire";
import { isThenable } from "../mux/engine.ts";

type TypeName = "boolean" | "string" | "function" | "object" | "array" | "bytes";

/** Types of an option's values, or a list of all values. */
export type OptionType = TypeName | `${TypeName} or ${TypeName}` | readonly string[];

/**
 * Whether an option is about this machine or about one host. A jump host inherits the destination's options about this machine, and no
 * others (`via` of `@nacre/node`).
 */
export type OptionScope = "machine" | "host";

/** Declaration of an option `V`, beside its type and doc comment, which are in the interface. */
export interface OptionRow<V = unknown> {
  readonly type?: OptionType;
  /** Throws `usage` for a wrong value. Called after all names and types have been checked, with `undefined` if the option is not given. */
  check?(value: V | undefined): void;
  /** Value of the option if it is not given. */
  readonly default?: NonNullable<V>;
  readonly scope?: OptionScope;
}

/**
 * A row for each option of `T`; a missing row is a compile error. A type alone is short for `{ type }`. `true` is short for a row without
 * checks, of an option that is checked where it is used. To add the options of a part, spread its rows.
 */
export type OptionRows<T> = { readonly [Name in keyof T]-?: OptionRow<T[Name]> | OptionType | true };

/** Rows of the options of `connect`: each has a scope. */
export type ScopedRows<T> = { readonly [Name in keyof T]-?: OptionRow<T[Name]> & { readonly scope: OptionScope } };

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
  cipher: "ciphers",
  hmac: "macs",
  serverhostkey: "hostKeys",
  sock: "duplex",
  debug: "trace",
  environment: "env",
  stdin: "input",
  maxbuffer: "maxOutput",
  cols: "columns",
  authentication: "authenticate",
  handler: "session",
};

/**
 * Checks the names and values of `options` against `rows`, which are `OptionRows`. `callee` names the function or option that they were
 * passed to, with backquotes. Throws `usage` if `options` is not an object, or has a name without a row, or a value that its row does not
 * allow. For an unknown name the message suggests the closest one. It never shows a value.
 */
export function checkOptions(options: object, rows: object, callee: string): void {
  if (typeOf(options) !== "object") throw usage(`the options of ${callee} must be an object, got ${typeOf(options)}`);
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(rows, name)) throw unknownName(name, rows, callee);
    const row: OptionRow | OptionType | true = rows[name as keyof typeof rows];
    const type = (row as OptionRow).type ?? row;
    const allowed: readonly unknown[] = Array.isArray(type) ? type : typeof type === "string" ? type.split(" or ") : [];
    const given = allowed === type ? value : typeOf(value);
    if (value !== undefined && allowed.length > 0 && !allowed.includes(given))
      throw usage(`\`${name}\` of ${callee} must be ${allowed.join(" or ")}, got ${typeOf(value)}`);
  }
  checkValues(options, rows);
}

/** Calls the checks of `rows` alone. For options that were checked before and have been completed, also with names of other tables. */
export function checkValues(options: object, rows: object): void {
  for (const [name, row] of Object.entries(rows) as [keyof typeof options, Partial<OptionRow>][])
    row.check?.(options[name]);
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

function unknownName(name: string, rows: object, callee: string): SshError {
  const known = Object.keys(rows);
  const likely = likelyName(name, known);
  const remedy = likely === undefined ? `its options are ${known.join(", ")}` : `did you mean \`${likely}\`?`;
  return usage(`\`${escapeText(name.slice(0, 40))}\` is not an option of ${callee}; ${remedy}`);
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

/** Returns the error for a mistake of the caller. `message` says what is wrong and what to do. */
export function usage(message: string): SshError {
  return new SshError("usage", message);
}
