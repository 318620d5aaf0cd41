import { nodeAlgorithms } from "@nacre/node";
import { usage } from "./options.ts";
import type { SshArguments } from "./ssh-arguments.ts";

/** The algorithms to offer: the defaults, or those that were named, in their order. Throws `usage` for a name that there is not. */
export function chooseAlgorithms({
  ciphers,
  macs,
  kex,
}: Pick<SshArguments, "ciphers" | "macs" | "kex">): typeof nodeAlgorithms {
  return {
    hostKeys: nodeAlgorithms.hostKeys,
    ciphers: choose("cipher", nodeAlgorithms.ciphers, ciphers),
    macs: choose("MAC", nodeAlgorithms.macs, macs),
    kex: choose("key exchange method", nodeAlgorithms.kex, kex),
  };
}

function choose<T extends { readonly name: string }>(
  what: string,
  available: readonly T[],
  names: readonly string[] | undefined,
): readonly T[] {
  if (names === undefined) return available;
  return [...new Set(names)].map((name) => {
    const found = available.find((one) => one.name === name);
    if (found === undefined)
      throw usage(`there is no ${what} "${name}"; there are ${available.map((one) => one.name).join(", ")}`);
    return found;
  });
}
