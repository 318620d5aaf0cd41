import { type KexInit, SshError } from "@nacre/wire";
import { kexMethods } from "./kexinit.ts";

/** What was agreed for one direction, as names. */
export interface DirectionNames {
  readonly cipher: string;
  /** `undefined` with an AEAD cipher, which needs none. */
  readonly mac: string | undefined;
  readonly compression: string;
  /** A language tag, where both sides have named one. */
  readonly language: string | undefined;
}

/** What two KEXINITs agree on, as names. */
export interface NegotiatedNames {
  readonly kex: string;
  /** Signature algorithm of the server's host key. */
  readonly hostKey: string;
  readonly clientToServer: DirectionNames;
  readonly serverToClient: DirectionNames;
}

/**
 * Chooses the algorithms as RFC 4253 §7.1 does: of each list the first of the client's names that the server has too.
 * All methods of Nacre need a host key that can sign, and all host-key algorithms can, so that the choice of a method
 * depends on nothing but the methods. Throws `no-common-algorithm`, which names the list and what either side offers.
 *
 * @param isAead whether a cipher of that name brings its own integrity, so that no MAC is chosen (RFC 5647 §5.1, OpenSSH PROTOCOL §1.6)
 */
export function negotiate(client: KexInit, server: KexInit, isAead: (cipher: string) => boolean): NegotiatedNames {
  const direction = (from: "ClientToServer" | "ServerToClient"): DirectionNames => {
    const way = from === "ClientToServer" ? "from client to server" : "from server to client";
    const pick = (what: string, list: "encryption" | "mac" | "compression"): string =>
      choose(`${what} ${way}`, client[`${list}Algorithms${from}`], server[`${list}Algorithms${from}`]);
    const cipher = pick("cipher", "encryption");
    return {
      cipher,
      // rule: aead-without-mac
      mac: isAead(cipher) ? undefined : pick("MAC", "mac"),
      compression: pick("compression", "compression"),
      language: firstCommon(client[`languages${from}`], server[`languages${from}`]),
    };
  };
  return {
    kex: choose("key exchange method", kexMethods(client), kexMethods(server)),
    hostKey: choose("host key algorithm", client.serverHostKeyAlgorithms, server.serverHostKeyAlgorithms),
    clientToServer: direction("ClientToServer"),
    serverToClient: direction("ServerToClient"),
  };
}

/**
 * Whether a guessed key exchange packet is the right one (RFC 4253 §7): both sides must prefer the same method and the
 * same host-key algorithm. A wrong one must be ignored by the side that gets it, and sent anew by the side that sent it.
 */
export function guessIsRight(client: KexInit, server: KexInit): boolean {
  return (
    kexMethods(client)[0] === kexMethods(server)[0] &&
    client.serverHostKeyAlgorithms[0] === server.serverHostKeyAlgorithms[0]
  );
}

function choose(what: string, client: readonly string[], server: readonly string[]): string {
  const name = firstCommon(client, server);
  if (name !== undefined) return name;
  throw new SshError(
    "no-common-algorithm",
    `No common ${what}: the client offers ${listed(client)}; the server offers ${listed(server)}`,
  );
}

function firstCommon(client: readonly string[], server: readonly string[]): string | undefined {
  const offered = new Set(server);
  // rule: client-order
  return client.find((name) => offered.has(name));
}

function listed(names: readonly string[]): string {
  const text = names.join(", ");
  if (text === "") return "none";
  return text.length > 600 ? `${text.slice(0, 600)}…` : text;
}
