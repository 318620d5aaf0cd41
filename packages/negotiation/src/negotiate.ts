import { cutText, type KexInit, SshError } from "@nacre/wire";
import { kexMethods } from "./kexinit.ts";

/** Names of the negotiated algorithms for one direction. */
export interface DirectionNames {
  readonly cipher: string;
  /** `undefined` for an AEAD cipher, which needs no MAC. */
  readonly mac: string | undefined;
  readonly compression: string;
  /** Language tag; `undefined` if the sides have none in common. */
  readonly language: string | undefined;
}

/** Names of all negotiated algorithms. */
export interface NegotiatedNames {
  readonly kex: string;
  /** Signature algorithm for the server's host key. */
  readonly hostKey: string;
  readonly clientToServer: DirectionNames;
  readonly serverToClient: DirectionNames;
}

/**
 * Chooses the algorithms: from each list, the client's first name that the server also offers (RFC 4253 §7.1). The key exchange method does
 * not depend on the host key algorithms: every method needs one that can sign, and all algorithms of Nacre can. Throws
 * `no-common-algorithm` with the list and both offers.
 *
 * @param isAead returns whether a cipher provides integrity itself, so that no MAC is chosen (RFC 5647 §5.1, OpenSSH PROTOCOL §1.6)
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
 * Returns whether a guessed key exchange packet is right: both sides prefer the same method and the same host key algorithm. Otherwise the
 * receiver must ignore the packet, and the sender must send a correct one (RFC 4253 §7).
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
    `no common ${what}: the client offers ${listed(client)}; the server offers ${listed(server)}`,
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
  return cutText(text, 600);
}
