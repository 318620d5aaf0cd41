import { OPENSSH_ALGORITHMS } from "@nacre/config/openssh-algorithms";
import { nodeAlgorithms } from "@nacre/node";
import { matchPattern } from "@nacre/wire";
import { sshUsage, usage } from "../options.ts";

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

/** A kind of algorithms, and the words of ssh(1) for it. */
const KINDS = {
  ciphers: { what: "cipher", option: "cipher type", keyword: "SSH2 cipher spec" },
  macs: { what: "MAC", option: "mac type", keyword: "SSH2 MAC spec" },
  kex: { what: "key exchange method", option: "key exchange method", keyword: "SSH2 KexAlgorithms" },
  hostKeys: { what: "host key algorithm", option: "host key algorithm", keyword: "key types" },
} as const;

type Kind = keyof typeof KINDS;

/**
 * Reads a list of names separated by commas, with the wildcards `*` and `?`, as in ssh_config(5): after `+` they follow the default list,
 * after `^` they precede it, and after `-` they are removed from it. Names that OpenSSH knows and Nacre lacks are left out. Throws `usage`
 * for any other name.
 */
export function readAlgorithms(kind: Kind, text: string, isKeyword = false): readonly string[] {
  const [, sign, list = ""] = /^([-+^]?)(.*)$/s.exec(text) ?? [];
  const available = nodeAlgorithms[kind].map(({ name }) => name);
  const names = list.split(",").flatMap((name) => {
    const found = available.filter((one) => matchPattern(one, name));
    if (
      found.length > 0 ||
      OPENSSH_ALGORITHMS[kind === "hostKeys" ? "keys" : kind].some((one) => matchPattern(one, name))
    )
      return found;
    const { what, option, keyword } = KINDS[kind];
    if (isKeyword) throw usage(`Bad ${keyword} '${text}'.`);
    throw sshUsage(`Unknown ${option} '${text}'`, `unknown ${what} "${name}"; expected one of ${available.join(", ")}`);
  });
  const rest = available.filter((name) => !names.includes(name));
  if (sign === "+") return [...available];
  if (sign === "^") return [...names, ...rest];
  return sign === "-" ? rest : names;
}

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
  if (names.length === 0) throw usage(`no ${KINDS[kind].what} is left; expected one of ${expected}`);
  return [...new Set(names)].map((name) => {
    const found = available.find((one) => one.name === name);
    if (found === undefined) throw usage(`unknown ${KINDS[kind].what} "${name}"; expected one of ${expected}`);
    return found;
  }) as unknown as (typeof nodeAlgorithms)[K];
}
