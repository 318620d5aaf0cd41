import type { KexMethod } from "@nacre/kex";
import type { PublicKey, SignatureAlgorithm } from "@nacre/keys";
import type { Role } from "@nacre/negotiation";
import type { CipherAlgorithm, MacAlgorithm } from "@nacre/packet";
import type { Extension, LoginMessages, Overrides, RandomSource } from "@nacre/wire";
import type { TransportLimits } from "./limits.ts";

/** Algorithms that may be negotiated, each list in order of preference. The transport uses no others. */
export interface TransportAlgorithms {
  readonly kex: readonly KexMethod[];
  /** Host key algorithms. A server offers only those that one of its host keys can sign with. */
  readonly hostKeys: readonly SignatureAlgorithm[];
  readonly ciphers: readonly CipherAlgorithm[];
  /** MACs for ciphers that are not AEAD. */
  readonly macs: readonly MacAlgorithm[];
}

/** Algorithms negotiated for one direction. */
export interface NegotiatedDirection {
  readonly cipher: CipherAlgorithm;
  /** MAC algorithm; `undefined` with an AEAD cipher. */
  readonly mac: MacAlgorithm | undefined;
  readonly compression: "none";
}

/** Algorithms negotiated for a connection. */
export interface NegotiatedAlgorithms {
  readonly kex: KexMethod;
  readonly hostKey: SignatureAlgorithm;
  readonly clientToServer: NegotiatedDirection;
  readonly serverToClient: NegotiatedDirection;
}

/** One packet in a protocol trace. */
export interface PacketTrace {
  readonly direction: "sent" | "received";
  readonly sequenceNumber: number;
  /** Length on the wire in bytes, including the MAC. */
  readonly wireLength: number;
  /** Plaintext payload, which may contain passwords. Valid only during the call; do not keep it, and do not show it unfiltered. */
  readonly payload: Uint8Array;
}

/** Receives packets and identification strings as they are sent and received. Must not call the transport. */
export interface TransportTrace {
  /** Called for each packet sent or received. */
  packet(packet: PacketTrace): void;
  /** Called for each identification string; `line` has no CR LF. */
  identification(direction: "sent" | "received", line: string): void;
}

/**
 * Settings that the public entry points pass unchanged through the protocol machine to the transport. To add one, declare it here and in
 * the table below; the tables of option names in `nacre` do not compile until they name it.
 */
export interface TransportSettings {
  /**
   * Software version in the identification string that this side sends (RFC 4253 §4.2): 1 to 245 printable US-ASCII characters without
   * spaces and "-". Default `"Nacre_"` and the version of Nacre.
   */
  readonly softwareVersion?: string | undefined;
  /** Refuses a peer without strict key exchange, which is always offered (OpenSSH PROTOCOL §1.10, CVE-2023-48795). Default false. */
  readonly requireStrictKex?: boolean | undefined;
}

/** Names of all settings. TypeScript rejects this table if one is missing. */
export const TRANSPORT_SETTINGS: Readonly<Record<keyof TransportSettings, true>> = {
  softwareVersion: true,
  requireStrictKex: true,
};

/** Returns only the transport settings from the options of an entry point. */
export function transportSettings(options: TransportSettings): TransportSettings {
  const names = Object.keys(TRANSPORT_SETTINGS) as (keyof TransportSettings)[];
  return Object.fromEntries(names.map((name) => [name, options[name]]));
}

/** A server's proof, in the first key exchange, that it holds its host key (RFC 4253 §8). */
export interface ServerProof {
  /** Host key blob. */
  readonly hostKey: Uint8Array;
  /** Session identifier: the exchange hash. */
  readonly sessionId: Uint8Array;
  /** Signature blob of the host key over the exchange hash. */
  readonly signature: Uint8Array;
}

/** Options of a transport. */
export interface TransportOptions extends TransportSettings {
  readonly role: Role;
  /** Software version in our identification string, such as `"Nacre_0.1.0"` (RFC 4253 §4.2). */
  readonly softwareVersion: string;
  readonly algorithms: TransportAlgorithms;
  readonly random: RandomSource;
  readonly limits?: Overrides<TransportLimits> | undefined;
  /** Client: sends the first packet of the first method before the server's choice is known. Saves a round trip if right (RFC 4253 §7). */
  readonly guess?: boolean;
  /**
   * Client: another bound of the time for the first key exchange, which ends with `connect-timeout`. `timeout` milliseconds count from the
   * dial, `elapsed` is the time from there to `start`. Time in which an ask is open does not count.
   */
  readonly connecting?: { readonly timeout: number; readonly elapsed: number } | undefined;
  /** Server: lines to send before the identification string, as `greetingLines` of `@nacre/negotiation` returns them. Default none. */
  readonly greeting?: string | undefined;
  /** Server: public host keys. The application signs with them, asked by `sign-exchange-hash`. */
  readonly hostKeys?: readonly PublicKey[];
  /** Server: signature algorithms accepted for authentication, announced in SSH_MSG_EXT_INFO (RFC 8308 §3.1). */
  readonly serverSigAlgs?: readonly string[];
  /** Server: further extensions announced in SSH_MSG_EXT_INFO. */
  readonly extensions?: readonly Extension[];
  /** Login methods of this connection, which define the message numbers 60 to 79. Default none. */
  readonly loginMethods?: readonly LoginMessages[];
  readonly trace?: TransportTrace;
  /**
   * Receives the secret of each key exchange, for decryption in Wireshark. Arguments: the 16-byte cookie of the client's KEXINIT, and the
   * content of the shared secret's mpint or string, without its length.
   */
  readonly keyLog?: (clientCookie: Uint8Array, sharedSecret: Uint8Array) => void;
}
