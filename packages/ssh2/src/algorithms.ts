import { isCertified } from "@nacre/keys/internal";
import { nodeAlgorithms, nodeServerAlgorithms } from "@nacre/node";
import type { NegotiatedAlgorithms, TransportAlgorithms } from "@nacre/transport";
import { type AlgorithmTable, algorithmTable, type KnownAlgorithm } from "nacre/extend";
import { type AlgorithmList, chooseAlgorithms } from "./algorithm-list.ts";
import type { ListName } from "./algorithm-names.ts";

/** ssh2's option `algorithms`. */
export type Ssh2Algorithms = { readonly [Kind in ListName]?: AlgorithmList | undefined };

/** Algorithms that a connection offers. */
export interface ReadAlgorithms {
  /** All four lists of Nacre, preferred first. */
  readonly algorithms: TransportAlgorithms;
  /**
   * Algorithms of host certificates, for a client that reads known_hosts and finds an authority there; none if the program lists
   * `serverHostKey`. They are opt-in, because ssh2's callbacks expect plain host keys.
   */
  readonly hostCertificates: TransportAlgorithms["hostKeys"];
}

const COMPRESSION: readonly KnownAlgorithm<true>[] = [{ name: "none", standing: "default", algorithm: true }];

const tables: Partial<Record<"client" | "server", AlgorithmTable>> = {};

/** Returns the algorithms that the role knows. Those of host certificates have to be named. */
export function knownAlgorithms(role: "client" | "server"): AlgorithmTable {
  const own = role === "client" ? nodeAlgorithms : nodeServerAlgorithms;
  const defaults = {
    ...own,
    hostKeys: own.hostKeys.filter(({ name }) => !isCertified(name)),
  };
  tables[role] ??= algorithmTable(defaults, nodeAlgorithms);
  return tables[role];
}

/** Names of compression methods that are supported. */
export const compressionNames: readonly string[] = COMPRESSION.map(({ name }) => name);

/**
 * Returns the algorithms that ssh2's option `algorithms` names, and without it Nacre's defaults: ML-KEM first, nothing with SHA-1. Each
 * list is an array of names, or an object with `append`, `prepend` and `remove`. Warns and throws like `chooseAlgorithms`.
 */
export function readAlgorithms(given: Ssh2Algorithms | undefined, role: "client" | "server"): ReadAlgorithms {
  const lists: Ssh2Algorithms = typeof given === "object" && given !== null ? given : {};
  const table = knownAlgorithms(role);
  const kex = chooseAlgorithms("kex", table.kex, lists.kex);
  const hostKeys = chooseAlgorithms("serverHostKey", table.hostKeys, lists.serverHostKey);
  const ciphers = chooseAlgorithms("cipher", table.ciphers, lists.cipher);
  const macs = chooseAlgorithms("hmac", table.macs, lists.hmac);
  // There is only one, so the list is only checked.
  chooseAlgorithms("compress", COMPRESSION, lists.compress);
  return {
    algorithms: { kex: valuesOf(kex), hostKeys: valuesOf(hostKeys), ciphers: valuesOf(ciphers), macs: valuesOf(macs) },
    hostCertificates:
      lists.serverHostKey === undefined
        ? nodeAlgorithms.hostKeys.filter(({ certificate }) => certificate !== undefined)
        : [],
  };
}

function valuesOf<T>(known: readonly KnownAlgorithm<T>[]): readonly T[] {
  return known.flatMap(({ algorithm }) => (algorithm === undefined ? [] : [algorithm]));
}

/** Names of negotiated algorithms: the value of the event "handshake". */
export interface Ssh2Negotiated {
  readonly kex: string;
  readonly serverHostKey: string;
  readonly cs: NegotiatedNames;
  readonly sc: NegotiatedNames;
}

interface NegotiatedNames {
  readonly cipher: string;
  /** `""` if the cipher authenticates. */
  readonly mac: string;
  readonly compress: string;
  readonly lang: string;
}

/** Returns the value of the event "handshake". */
export function negotiatedOf(negotiated: NegotiatedAlgorithms): Ssh2Negotiated {
  const { kex, hostKey, clientToServer, serverToClient } = negotiated;
  return {
    kex: kex.name,
    serverHostKey: hostKey.name,
    cs: directionOf(clientToServer),
    sc: directionOf(serverToClient),
  };
}

function directionOf({ cipher, mac, compression }: NegotiatedAlgorithms["clientToServer"]): NegotiatedNames {
  return { cipher: cipher.name, mac: mac?.name ?? "", compress: compression, lang: "" };
}
