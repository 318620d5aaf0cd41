import { nodeAlgorithms } from "@nacre/node";
import { usage } from "./options.ts";

/** Names of algorithms, preferred first, as `-c`, `-m` and `--kex` give them; `undefined` for the defaults. */
export interface AlgorithmNames {
  readonly ciphers: readonly string[] | undefined;
  readonly macs: readonly string[] | undefined;
  readonly kex: readonly string[] | undefined;
}

type AlgorithmOption = "-c" | "-m" | "--kex";

/** Reads the algorithm names out of options. The last of each option counts. */
export function algorithmNames(last: (name: AlgorithmOption) => string | undefined): AlgorithmNames {
  const names = (name: AlgorithmOption): string[] | undefined => last(name)?.split(",");
  return { ciphers: names("-c"), macs: names("-m"), kex: names("--kex") };
}

/**
 * Returns the algorithms to offer: those named, in their order, and `defaults` where none are named. Throws `usage` if Nacre lacks one
 * that is named.
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
        throw usage(`there is no ${what} "${name}"; there are ${available.map((one) => one.name).join(", ")}`);
      return found;
    })
  );
}
