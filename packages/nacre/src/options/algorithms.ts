import type { SignatureAlgorithm } from "@nacre/keys/internal";
import type { TransportAlgorithms } from "@nacre/transport";
import { escapeText } from "@nacre/wire";
import { findAlgorithms, isAlgorithmName } from "./algorithm-table.ts";
import { checkOptions, type OptionRows, usage } from "./schema.ts";

/**
 * Algorithms of one kind, preferred first: a list of names or of algorithms; or a text as in ssh_config(5). The text is a list of names
 * separated by commas, with the wildcards `*` and `?`. After `+` they follow the default list, after `^` they precede it, and after `-`
 * they are removed from it.
 */
export type AlgorithmList<T> = string | readonly (T | string)[];

type Kind = keyof TransportAlgorithms;

interface Named {
  readonly name: string;
}

const KINDS: readonly Kind[] = ["kex", "hostKeys", "ciphers", "macs"];

/** The code that a connection uses for cryptography. A bundle contains only the algorithms named here. */
export interface CryptoProvider {
  /** Algorithms to offer, preferred first. */
  readonly algorithms: TransportAlgorithms;
  /** Returns the fingerprint of a public key blob: `"SHA256:…"`, as `ssh-keygen -l` prints it. */
  readonly fingerprint: (blob: Uint8Array) => string;
}

/** Algorithms to offer. Kinds that are not given keep their defaults. */
export type AlgorithmOptions = {
  readonly [Kind in keyof TransportAlgorithms]?: AlgorithmList<TransportAlgorithms[Kind][number]> | undefined;
};

const ALGORITHM_OPTIONS: OptionRows<AlgorithmOptions> = {
  kex: "string or array",
  hostKeys: "string or array",
  ciphers: "string or array",
  macs: "string or array",
};

/** Throws `usage` unless these are lists of algorithms, one of each kind: names need a table, which `nacre/core` does not bring. */
export function checkAlgorithms(algorithms: object | undefined): void {
  for (const kind of KINDS)
    if (!isAlgorithms(algorithms?.[kind as keyof typeof algorithms]))
      throw usage(`\`algorithms.${kind}\` must be a list of algorithms; \`nacre/core\` takes no names`);
}

/** Returns whether the value is a list of algorithms. */
export function isAlgorithms(values: unknown): boolean {
  return Array.isArray(values) && values.every(isAlgorithm);
}

function isAlgorithm(value: unknown): boolean {
  return typeof (value as { readonly name?: unknown } | null)?.name === "string";
}

/**
 * Returns the algorithms to offer. Names are those of `known`, which are `defaults` and others that the program carries anyway. Throws
 * `usage` for other values, and for an unknown name.
 */
export function chooseAlgorithms(
  given: AlgorithmOptions = {},
  defaults: TransportAlgorithms,
  known: TransportAlgorithms = defaults,
): TransportAlgorithms {
  checkOptions(given, ALGORITHM_OPTIONS, "`algorithms`");
  const choose = (kind: Kind): readonly Named[] =>
    chooseList(`\`algorithms.${kind}\``, given[kind], defaults[kind], known[kind]);
  return Object.fromEntries(KINDS.map((kind) => [kind, choose(kind)])) as unknown as TransportAlgorithms;
}

function chooseList(
  option: string,
  list: AlgorithmList<Named> | undefined,
  usual: readonly Named[],
  known: readonly Named[],
): readonly Named[] {
  if (list === undefined) return usual;
  const named = (pattern: string): readonly Named[] => {
    const found = findAlgorithms(known, pattern);
    if (found.length > 0 || !isAlgorithmName(pattern)) return found;
    const expected = known.map(({ name }) => name).join(", ");
    throw usage(`${option} has an unknown name "${escapeText(pattern.slice(0, 40))}"; expected ${expected}`);
  };
  if (typeof list !== "string") {
    if (!list.every((one) => typeof one === "string" || isAlgorithm(one)))
      throw usage(`${option} must be a text, or a list of names and algorithms`);
    return unique(list.flatMap((one) => (typeof one === "string" ? named(one) : one)));
  }
  const [, sign, patterns = ""] = /^([-+^]?)(.*)/s.exec(list) ?? [];
  const listed = patterns.split(",").flatMap((pattern) => named(pattern.trim()));
  if (sign === "+") return unique([...usual, ...listed]);
  if (sign === "^") return unique([...listed, ...usual]);
  return sign === "-" ? usual.filter((one) => !listed.includes(one)) : unique(listed);
}

/** Returns the algorithms with another least size of RSA keys in bits; without one, as they are. */
export function withMinRsaBits(
  algorithms: readonly SignatureAlgorithm[],
  bits: number | undefined,
): readonly SignatureAlgorithm[] {
  return bits === undefined ? algorithms : algorithms.map((one) => one.withMinRsaBits?.(bits) ?? one);
}

/** Removes algorithms whose name is in the list before. */
function unique(list: readonly Named[]): readonly Named[] {
  return list.filter((one, index) => list.findIndex(({ name }) => name === one.name) === index);
}
