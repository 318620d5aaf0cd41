import type { KnownAlgorithm } from "nacre/extend";
import { type ListName, SSH2_NAMES } from "./algorithm-names.ts";
import { ssh2Error } from "./errors.ts";
import { warn } from "./warnings.ts";

type Pattern = string | RegExp;

/** A list of the option `algorithms`: names, or changes to the default list, applied in the order of the object's properties. */
export type AlgorithmList =
  | readonly string[]
  | {
      readonly append?: Pattern | readonly Pattern[];
      readonly prepend?: Pattern | readonly Pattern[];
      readonly remove?: Pattern | readonly Pattern[];
    };

/**
 * Returns the chosen algorithms, preferred first, or the defaults without a list. `known` has all algorithms of the kind. Warns once about
 * each insecure one, and about each that ssh2 has and Nacre lacks, which is left out. Throws `Unsupported algorithm: NAME` for any other
 * name, and if nothing is left.
 */
export function chooseAlgorithms<T>(
  kind: ListName,
  known: readonly KnownAlgorithm<T>[],
  list: unknown,
): readonly KnownAlgorithm<T>[] {
  if (typeof list !== "object" || list === null) return defaultsOf(known);
  const search = new Search(kind, known);
  const chosen =
    Array.isArray(list) && list.length > 0
      ? [...new Set(list.flatMap((name) => search.named(name)))]
      : changed(search, list as Readonly<Record<string, unknown>>);
  const [first] = search.unsupported;
  if (chosen.length === 0)
    throw first === undefined
      ? ssh2Error(`algorithms.${kind} is empty; name at least one algorithm`)
      : unsupported(first);
  for (const name of search.unsupported)
    warn(
      "NACRE_SSH2_UNKNOWN_ALGORITHM",
      `the algorithm "${name}" of \`algorithms.${kind}\` is not available and was left out; remove it from the list`,
    );
  for (const { name, standing } of chosen)
    if (standing === "insecure")
      warn(
        "NACRE_SSH2_INSECURE_ALGORITHM",
        `the algorithm "${name}" of \`algorithms.${kind}\` is insecure; remove it when the peer supports another`,
      );
  return chosen;
}

/** Names that ssh2 has for ciphers under a name of OpenSSH. */
const ALIASES: ReadonlyMap<unknown, string> = new Map([
  ["aes128-gcm", "aes128-gcm@openssh.com"],
  ["aes256-gcm", "aes256-gcm@openssh.com"],
]);

/** Looks up algorithms of a kind, and collects the names that Nacre lacks. */
class Search<T> {
  readonly known: readonly KnownAlgorithm<T>[];
  readonly unsupported: string[] = [];
  readonly #kind: ListName;

  constructor(kind: ListName, known: readonly KnownAlgorithm<T>[]) {
    this.#kind = kind;
    this.known = known;
  }

  /** Returns the algorithm of a name; none if Nacre lacks it. Throws for a name that neither Nacre nor ssh2 knows. */
  named(name: unknown): readonly KnownAlgorithm<T>[] {
    const full = ALIASES.get(name) ?? name;
    const found = this.known.find((one) => one.name === full);
    if (found?.algorithm !== undefined) return [found];
    if (typeof name !== "string" || (found === undefined && !SSH2_NAMES[this.#kind].includes(name)))
      throw unsupported(String(name));
    if (!this.unsupported.includes(name)) this.unsupported.push(name);
    return [];
  }

  /** Returns the algorithms that a name or a regular expression matches, in the order of preference. Ignores other values. */
  matching(pattern: unknown): readonly KnownAlgorithm<T>[] {
    if (pattern instanceof RegExp)
      return this.known.filter((one) => one.algorithm !== undefined && matches(one, pattern));
    return typeof pattern === "string" && pattern !== "" ? this.named(pattern) : [];
  }
}

function changed<T>(search: Search<T>, changes: Readonly<Record<string, unknown>>): readonly KnownAlgorithm<T>[] {
  let list = defaultsOf(search.known);
  for (const [change, given] of Object.entries(changes)) {
    const patterns: readonly unknown[] = Array.isArray(given) ? given : [given];
    if (change === "remove") list = list.filter((one) => !patterns.some((pattern) => matches(one, pattern)));
    if (change !== "append" && change !== "prepend") continue;
    // Algorithms already in the list keep their place.
    const inList = list;
    const added = [...new Set(patterns.flatMap((one) => (isListed(inList, one) ? [] : search.matching(one))))].filter(
      (one) => !inList.includes(one),
    );
    list = change === "append" ? [...list, ...added] : [...added, ...list];
  }
  return list;
}

function isListed(list: readonly { readonly name: string }[], pattern: unknown): boolean {
  return typeof pattern === "string" && list.some(({ name }) => name === pattern);
}

function matches({ name }: { readonly name: string }, pattern: unknown): boolean {
  // `search` ignores `lastIndex`, which `test` of a global expression moves.
  return pattern instanceof RegExp ? name.search(pattern) >= 0 : name === pattern;
}

function defaultsOf<T>(known: readonly KnownAlgorithm<T>[]): readonly KnownAlgorithm<T>[] {
  return known.filter(({ standing, algorithm }) => standing === "default" && algorithm !== undefined);
}

function unsupported(name: string): Error {
  return ssh2Error(`Unsupported algorithm: ${name}`);
}
