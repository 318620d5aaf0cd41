import type { PublicKey } from "@nacre/keys";
import { type NegotiatedNames, negotiate, type Proposal } from "@nacre/negotiation";
import { type KexInit, SshError } from "@nacre/wire";
import type { NegotiatedAlgorithms, NegotiatedDirection, TransportAlgorithms, TransportOptions } from "./options.ts";

/** Returns the algorithm names to offer. A server offers only host key algorithms that one of its host keys can sign with. */
export function proposalOf(options: TransportOptions): Proposal {
  const { algorithms, role, hostKeys } = options;
  const usable =
    role === "client"
      ? algorithms.hostKeys
      : algorithms.hostKeys.filter(({ name }) => hostKeyFor(name, hostKeys) !== undefined);
  return {
    kex: namesOf(algorithms.kex),
    hostKeys: namesOf(usable),
    ciphers: namesOf(algorithms.ciphers),
    macs: namesOf(algorithms.macs),
  };
}

/** Returns the first key that can sign with the named algorithm. */
export function hostKeyFor(algorithm: string, hostKeys: readonly PublicKey[] | undefined): PublicKey | undefined {
  return hostKeys?.find((key) => key.algorithms.some(({ name }) => name === algorithm));
}

/** Negotiates two KEXINITs and returns the chosen entries of `algorithms`. Throws `no-common-algorithm`. */
export function agree(client: KexInit, server: KexInit, algorithms: TransportAlgorithms): NegotiatedAlgorithms {
  const aead = new Set(namesOf(algorithms.ciphers.filter((cipher) => cipher.aead)));
  const names = negotiate(client, server, (cipher) => aead.has(cipher));
  const direction = ({ cipher, mac }: NegotiatedNames["clientToServer"]): NegotiatedDirection => ({
    cipher: named(algorithms.ciphers, cipher),
    mac: mac === undefined ? undefined : named(algorithms.macs, mac),
    compression: "none",
  });
  return {
    kex: named(algorithms.kex, names.kex),
    hostKey: named(algorithms.hostKeys, names.hostKey),
    clientToServer: direction(names.clientToServer),
    serverToClient: direction(names.serverToClient),
  };
}

function namesOf(algorithms: readonly { readonly name: string }[]): string[] {
  return algorithms.map(({ name }) => name);
}

function named<T extends { readonly name: string }>(algorithms: readonly T[], name: string): T {
  const found = algorithms.find((one) => one.name === name);
  if (found === undefined) throw new SshError("internal", `${name} was negotiated although we did not offer it`);
  return found;
}
