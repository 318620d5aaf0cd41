import type { PrivateKey } from "@nacre/keys";
import { type CryptoChoice, nodeAlgorithms } from "@nacre/node";
import type { TransportAlgorithms } from "@nacre/transport";
import { defaultAlgorithms } from "nacre/defaults";
import type { KeyType } from "./keys.ts";
import type { Factors } from "./pairwise.ts";

/** Algorithm names of one connection. */
export interface Combination {
  readonly kex: string;
  /** Cipher and MAC, such as `"aes128-ctr hmac-sha2-256"`; for an AEAD cipher, only its name. */
  readonly encryption: string;
  readonly hostKey: string;
  readonly userKey: string;
}

/** Both implementations of the algorithms. Each list contains every algorithm that a Nacre client offers. */
export const lists: readonly { readonly crypto: CryptoChoice; readonly algorithms: TransportAlgorithms }[] = [
  { crypto: "node", algorithms: nodeAlgorithms },
  { crypto: "noble", algorithms: defaultAlgorithms },
];

/** Returns the algorithms of a list that the peer supports, as factors of a combination: of keys, those of plain keys in files. */
export function factorsOf(
  { kex, ciphers, macs, hostKeys }: TransportAlgorithms,
  known: (name: string) => boolean = () => true,
): Factors<Combination> {
  const names = (values: readonly { readonly name: string }[]): string[] =>
    values.map(({ name }) => name).filter(known);
  const keys = names(hostKeys).filter((name) => Object.hasOwn(KEY_TYPES, name));
  return {
    kex: names(kex),
    encryption: ciphers
      .filter(({ name }) => known(name))
      .flatMap(({ name, aead }) => (aead ? [name] : names(macs).map((mac) => `${name} ${mac}`))),
    hostKey: keys,
    userKey: keys,
  };
}

/** Returns the list reduced to the algorithms of a combination. */
export function only(algorithms: TransportAlgorithms, { kex, encryption, hostKey }: Combination): TransportAlgorithms {
  const [cipher, mac] = encryption.split(" ");
  return {
    kex: algorithms.kex.filter(({ name }) => name === kex),
    ciphers: algorithms.ciphers.filter(({ name }) => name === cipher),
    // An AEAD cipher ignores the MACs, so all of them can stay.
    macs: algorithms.macs.filter(({ name }) => mac === undefined || name === mac),
    hostKeys: algorithms.hostKeys.filter(({ name }) => name === hostKey),
  };
}

/** Key type for each signature algorithm. */
export const KEY_TYPES: Readonly<Record<string, KeyType>> = {
  "ssh-ed25519": "ed25519",
  "rsa-sha2-512": "rsa-3072",
  "rsa-sha2-256": "rsa-3072",
  "ecdsa-sha2-nistp256": "ecdsa-256",
  "ecdsa-sha2-nistp384": "ecdsa-384",
  "ecdsa-sha2-nistp521": "ecdsa-521",
};

/** Returns a copy of the key that signs only with this algorithm. */
export function signingWith(key: PrivateKey, algorithm: string): PrivateKey {
  const algorithms = key.publicKey.algorithms.filter(({ name }) => name === algorithm);
  return { ...key, publicKey: { ...key.publicKey, algorithms } };
}

/** Algorithms that OpenSSH reports as negotiated. */
export type Negotiated = Pick<Combination, "kex" | "encryption" | "hostKey">;

/**
 * Returns the algorithms of each key exchange in an OpenSSH log, in the order in which they began. If several processes write to one log,
 * set `LogVerbose kex.c:*` so that each line names its process.
 */
export function negotiationsIn(log: string): Negotiated[] {
  const found: Record<string, string>[] = [];
  const current = new Map<string, Record<string, string>>();
  for (const line of log.split(/\r?\n/)) {
    const [, tag = "", said = ""] = /^(?:debug1: )?(.*?)\bkex: (.*?)(?: \[preauth\])?$/.exec(line) ?? [];
    const process = /pid=\d+/.exec(tag)?.[0] ?? "";
    const [, what = "", value = ""] = /^(algorithm|host key algorithm|\S+ cipher): (.*)$/.exec(said) ?? [];
    if (what === "algorithm") {
      const begun = {};
      found.push(begun);
      current.set(process, begun);
    }
    if (what !== "") Object.assign(current.get(process) ?? {}, { [what]: value });
  }
  return found.map((said) => {
    const [up, down] = ["client->server cipher", "server->client cipher"].map((way) => encryptionIn(said[way] ?? ""));
    if (up === undefined || up !== down)
      throw new Error(`the two directions negotiated different ciphers: ${JSON.stringify(said)}`);
    return { kex: said["algorithm"] ?? "", encryption: up, hostKey: said["host key algorithm"] ?? "" };
  });
}

/** Parses text like `aes128-ctr MAC: hmac-sha2-256 compression: none`. */
function encryptionIn(said: string): string | undefined {
  const [, cipher, mac] = /^(\S+) MAC: (\S+) compression: none$/.exec(said) ?? [];
  return cipher && (mac === "<implicit>" ? cipher : `${cipher} ${mac}`);
}
