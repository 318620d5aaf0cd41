import type { TransportAlgorithms } from "@nacre/transport";
import { checkOptions, type OptionRows } from "./schema.ts";

/** A kind of algorithms: a member of the option `algorithms`. */
export type AlgorithmKind = keyof TransportAlgorithms;

/** An algorithm that programs name. */
export interface KnownAlgorithm<T> {
  readonly name: string;
  /**
   * `"default"`: offered by default. `"opt-in"`: offered only if a program names it. `"insecure"`: the same, but it is weak or broken, so
   * warn about its use.
   */
  readonly standing: "default" | "opt-in" | "insecure";
  /** `undefined` if only the name is known. */
  readonly algorithm: T | undefined;
}

/** The known algorithms of each kind: those offered by default, preferred first, then opt-in ones, then insecure ones. */
export type AlgorithmTable = {
  readonly [Kind in AlgorithmKind]: readonly KnownAlgorithm<TransportAlgorithms[Kind][number]>[];
};

/** A name, with the wildcards `*` and `?`, or a regular expression that some part of a name matches. */
export type AlgorithmPattern = string | RegExp;

type Patterns = AlgorithmPattern | readonly AlgorithmPattern[];

/** Changes to the default list, made in the order in which the object names them. */
export interface AlgorithmChanges {
  /** Algorithms to add at the end, in this order. Those in the list already keep their places. */
  readonly append?: Patterns | undefined;
  /** Algorithms to add at the start, in this order. Those in the list already keep their places. */
  readonly prepend?: Patterns | undefined;
  /** Algorithms to remove. */
  readonly remove?: Patterns | undefined;
}

const CHANGES: OptionRows<AlgorithmChanges> = { append: true, prepend: true, remove: true };

/** Algorithms that a program asked for. */
export interface ListedAlgorithms<T> {
  /** Algorithms to offer, preferred first. */
  readonly algorithms: readonly T[];
  /** Names of insecure ones among `algorithms`. */
  readonly insecure: readonly string[];
  /** Names that the program asked for, and that are left out: unknown, or known by name only. */
  readonly lacking: readonly string[];
}

/**
 * Names of algorithms that are weak or broken: SHA-1 and MD5, CBC, ciphers of 64-bit blocks, RC4, DSA, groups of 1024 bits, and no
 * protection at all. A name stays here when Nacre implements the algorithm.
 */
const INSECURE: Readonly<Record<AlgorithmKind, readonly string[]>> = {
  kex: ["diffie-hellman-group14-sha1", "diffie-hellman-group-exchange-sha1", "diffie-hellman-group1-sha1"],
  hostKeys: ["ssh-rsa", "ssh-rsa-cert-v01@openssh.com", "ssh-dss", "ssh-dss-cert-v01@openssh.com"],
  ciphers: [
    "aes256-cbc",
    "aes192-cbc",
    "aes128-cbc",
    "rijndael-cbc@lysator.liu.se",
    "3des-cbc",
    "blowfish-cbc",
    "cast128-cbc",
    "arcfour256",
    "arcfour128",
    "arcfour",
    "none",
  ],
  macs: [
    "hmac-sha1-etm@openssh.com",
    "hmac-sha1",
    "hmac-sha1-96-etm@openssh.com",
    "hmac-sha1-96",
    "hmac-md5-etm@openssh.com",
    "hmac-md5",
    "hmac-md5-96-etm@openssh.com",
    "hmac-md5-96",
    "none",
  ],
};

/** Returns the table of one side. `available` are all that the program carries, insecure ones included. */
export function algorithmTable(defaults: TransportAlgorithms, available: TransportAlgorithms): AlgorithmTable {
  const kinds = Object.keys(INSECURE) as AlgorithmKind[];
  return Object.fromEntries(
    kinds.map((kind) => [kind, rowsOf(defaults[kind], available[kind], INSECURE[kind])]),
  ) as unknown as AlgorithmTable;
}

interface Named {
  readonly name: string;
}

function rowsOf(
  defaults: readonly Named[],
  available: readonly Named[],
  insecure: readonly string[],
): readonly KnownAlgorithm<Named>[] {
  const optIn = available.filter(({ name }) => !insecure.includes(name) && !defaults.some((one) => one.name === name));
  return [
    ...defaults.map((algorithm) => ({ name: algorithm.name, standing: "default" as const, algorithm })),
    ...optIn.map((algorithm) => ({ name: algorithm.name, standing: "opt-in" as const, algorithm })),
    ...insecure.map((name) => {
      const algorithm = available.find((one) => one.name === name);
      return { name, standing: "insecure" as const, algorithm };
    }),
  ];
}

/** Returns the algorithms whose name matches, in their order; at most one for a name without wildcards. */
export function findAlgorithms<T extends Named>(algorithms: readonly T[], pattern: AlgorithmPattern): readonly T[] {
  if (typeof pattern !== "string") return algorithms.filter(({ name }) => name.search(pattern) >= 0);
  const source = pattern.replace(/[^\w*?]/g, "\\$&").replace(/[*?]/g, (wildcard) => (wildcard === "*" ? ".*" : "."));
  const whole = new RegExp(`^${source}$`);
  return algorithms.filter(({ name }) => whole.test(name));
}

/** Returns whether a pattern is a name: it can match one algorithm at most. */
export function isAlgorithmName(pattern: AlgorithmPattern): pattern is string {
  return typeof pattern === "string" && !/[*?]/.test(pattern);
}

/**
 * Returns the algorithms of a list of names and patterns, or of changes to the default list; without a list, the default ones. `known` is
 * one kind of an {@link AlgorithmTable}. Names that it lacks are reported, not refused. Throws `usage` for an unknown kind of change.
 */
export function listAlgorithms<T>(
  known: readonly KnownAlgorithm<T>[],
  list: readonly AlgorithmPattern[] | AlgorithmChanges = {},
): ListedAlgorithms<T> {
  const lacking = new Set<string>();
  const named = (patterns: readonly AlgorithmPattern[]): readonly KnownAlgorithm<T>[] =>
    patterns.flatMap((pattern) => {
      const found = findAlgorithms(known, pattern).filter(({ algorithm }) => algorithm !== undefined);
      if (found.length === 0 && isAlgorithmName(pattern)) lacking.add(pattern);
      return found;
    });
  const usual = known.filter(({ standing }) => standing === "default");
  const rows = [...new Set(isList(list) ? named(list) : changed(usual, list, named))];
  return {
    algorithms: rows.flatMap(({ algorithm }) => algorithm ?? []),
    insecure: rows.flatMap(({ name, standing }) => (standing === "insecure" ? name : [])),
    lacking: [...lacking],
  };
}

function changed<T extends Named>(
  usual: readonly T[],
  changes: AlgorithmChanges,
  named: (patterns: readonly AlgorithmPattern[]) => readonly T[],
): readonly T[] {
  checkOptions(changes, CHANGES, "a list of algorithms");
  let rows = usual;
  for (const [change, given = []] of Object.entries(changes) as [keyof AlgorithmChanges, Patterns | undefined][]) {
    const patterns = isList(given) ? given : [given];
    if (change === "remove")
      rows = rows.filter((row) => patterns.every((one) => findAlgorithms([row], one).length === 0));
    else {
      const added = named(patterns).filter((row) => !rows.includes(row));
      rows = change === "append" ? [...rows, ...added] : [...added, ...rows];
    }
  }
  return rows;
}

function isList<T extends object | string>(value: T): value is Extract<T, readonly AlgorithmPattern[]> {
  return Array.isArray(value);
}
