import { nodeAlgorithms } from "@nacre/node";
import { usage } from "../options.ts";

/** Algorithm names from `-c`, `-m` and `--kex`, most preferred first; `undefined` selects the defaults. */
export interface AlgorithmNames {
  readonly ciphers: readonly string[] | undefined;
  readonly macs: readonly string[] | undefined;
  readonly kex: readonly string[] | undefined;
}

type AlgorithmOption = "-c" | "-m" | "--kex";

/** Splits the values of `-c`, `-m` and `--kex` into names. `last` returns the last value of an option. */
export function algorithmNames(last: (name: AlgorithmOption) => string | undefined): AlgorithmNames {
  const names = (name: AlgorithmOption): string[] | undefined => last(name)?.split(",");
  return { ciphers: names("-c"), macs: names("-m"), kex: names("--kex") };
}

/**
 * Returns the algorithms to offer: the named ones in their order, or `defaults` for a kind without names. Throws `usage` if Nacre does not
 * implement a named one.
 */
export function chooseAlgorithms(
  { ciphers, macs, kex }: AlgorithmNames,
  defaults: typeof nodeAlgorithms,
): typeof nodeAlgorithms {
  return {
    hostKeys: defaults.hostKeys,
    ciphers: choose("cipher", nodeAlgorithms.ciphers, ciphers) ?? defaults.ciphers,
    macs: choose("MAC", nodeAlgorithms.macs, macs) ?? defaults.macs,
    kex: choose("key exchange method", nodeAlgorithms.kex, kex) ?? defaults.kex,
  };
}

function choose<T extends { readonly name: string }>(
  what: string,
  available: readonly T[],
  names: readonly string[] | undefined,
): readonly T[] | undefined {
  return (
    names &&
    [...new Set(names)].map((name) => {
      const found = available.find((one) => one.name === name);
      if (found === undefined)
        throw usage(`unknown ${what} "${name}"; expected one of ${available.map((one) => one.name).join(", ")}`);
      return found;
    })
  );
}
