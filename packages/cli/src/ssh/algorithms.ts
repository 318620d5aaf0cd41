import { nodeAlgorithms } from "@nacre/node";
import { usage } from "../options.ts";

/** Algorithm names from `-c`, `-m` and `--kex`, most preferred first; `undefined` selects the defaults. */
export interface AlgorithmNames {
  readonly ciphers: readonly string[] | undefined;
  readonly macs: readonly string[] | undefined;
  readonly kex: readonly string[] | undefined;
  readonly hostKeyAlgorithms?: readonly string[] | undefined;
}

type AlgorithmOption = "-c" | "-m" | "--kex";

/** Splits the values of `-c`, `-m` and `--kex` into names. `last` returns the last value of an option. */
export function algorithmNames(last: (name: AlgorithmOption) => string | undefined): AlgorithmNames {
  const names = (name: AlgorithmOption): string[] | undefined => last(name)?.split(",");
  return { ciphers: names("-c"), macs: names("-m"), kex: names("--kex") };
}

/** A kind of algorithms, in the words of messages. */
const KINDS = {
  ciphers: "cipher",
  macs: "MAC",
  kex: "key exchange method",
  hostKeys: "host key algorithm",
} as const;

type Kind = keyof typeof KINDS;

/**
 * Returns the algorithms to offer: the named ones in their order, or `defaults` for a kind without names. Throws `usage` if Nacre does not
 * implement a named one, or if a list is empty.
 */
export function chooseAlgorithms(
  { ciphers, macs, kex, hostKeyAlgorithms }: AlgorithmNames,
  defaults: typeof nodeAlgorithms,
): typeof nodeAlgorithms {
  return {
    hostKeys: choose("hostKeys", hostKeyAlgorithms) ?? defaults.hostKeys,
    ciphers: choose("ciphers", ciphers) ?? defaults.ciphers,
    macs: choose("macs", macs) ?? defaults.macs,
    kex: choose("kex", kex) ?? defaults.kex,
  };
}

function choose<K extends Kind>(kind: K, names: readonly string[] | undefined): (typeof nodeAlgorithms)[K] | undefined {
  if (names === undefined) return undefined;
  const available: readonly { readonly name: string }[] = nodeAlgorithms[kind];
  const expected = available.map((one) => one.name).join(", ");
  if (names.length === 0) throw usage(`no ${KINDS[kind]} is left; expected one of ${expected}`);
  return [...new Set(names)].map((name) => {
    const found = available.find((one) => one.name === name);
    if (found === undefined) throw usage(`unknown ${KINDS[kind]} "${name}"; expected one of ${expected}`);
    return found;
  }) as unknown as (typeof nodeAlgorithms)[K];
}
