import type { KexMethod } from "@nacre/kex";
import type { PublicKey, SignatureAlgorithm } from "@nacre/keys";
import type { Role } from "@nacre/negotiation";
import type { CipherAlgorithm, MacAlgorithm } from "@nacre/packet";
import type { Overrides, RandomSource } from "@nacre/wire";
import type { TransportLimits } from "./limits.ts";

/** What may be negotiated, each list in order of preference. Nothing that is not named here is ever used. */
export interface TransportAlgorithms {
  readonly kex: readonly KexMethod[];
  /** A server offers those of them that one of its keys can sign with. */
  readonly hostKeys: readonly SignatureAlgorithm[];
  readonly ciphers: readonly CipherAlgorithm[];
  /** For ciphers that are no AEAD. */
  readonly macs: readonly MacAlgorithm[];
}

/** What was agreed for one direction. */
export interface NegotiatedDirection {
  readonly cipher: CipherAlgorithm;
  /** `undefined` with an AEAD cipher. */
  readonly mac: MacAlgorithm | undefined;
  readonly compression: "none";
}

/** What was agreed. */
export interface NegotiatedAlgorithms {
  readonly kex: KexMethod;
  readonly hostKey: SignatureAlgorithm;
  readonly clientToServer: NegotiatedDirection;
  readonly serverToClient: NegotiatedDirection;
}

/** One packet, for a protocol trace. */
export interface PacketTrace {
  readonly direction: "sent" | "received";
  readonly sequenceNumber: number;
  /** Bytes, MAC included. */
  readonly wireLength: number;
  /** In the clear, passwords and all: to be read during the call, never to be kept or shown as it stands. */
  readonly payload: Uint8Array;
}

/** Receives what passes, as it happens. It must not call the transport. */
export interface TransportTrace {
  /** Receives a packet, sent or received. */
  packet(packet: PacketTrace): void;
  /** `line`: without CR LF. */
  identification(direction: "sent" | "received", line: string): void;
}

/**
 * Settings that pass unchanged from the front doors through the session to the transport. A new one is declared here and in the table
 * below, and used where it counts.
 */
export interface TransportSettings {
  /** Refuse a peer without strict key exchange (OpenSSH PROTOCOL §1.10, CVE-2023-48795). It is always offered. Default false. */
  readonly requireStrictKex?: boolean | undefined;
}

/** The names of the settings: a table that lacks one does not compile. */
export const TRANSPORT_SETTINGS: Readonly<Record<keyof TransportSettings, true>> = { requireStrictKex: true };

/** Picks the settings out of a door's options. */
export function transportSettings(options: TransportSettings): TransportSettings {
  const settings: { -readonly [Name in keyof TransportSettings]: TransportSettings[Name] } = {};
  for (const name of Object.keys(TRANSPORT_SETTINGS) as (keyof TransportSettings)[]) settings[name] = options[name];
  return settings;
}

/** Options of a transport. */
export interface TransportOptions extends TransportSettings {
  readonly role: Role;
  /** Identification's software version: `"Nacre_0.1.0"` (RFC 4253 §4.2). */
  readonly softwareVersion: string;
  readonly algorithms: TransportAlgorithms;
  readonly random: RandomSource;
  readonly limits?: Overrides<TransportLimits> | undefined;
  /** Client: send the first packet of the first method before the server's choice is known (RFC 4253 §7). Saves a round trip when right. */
  readonly guess?: boolean;
  /** Server: its public host keys. Signing with them is asked of the application. */
  readonly hostKeys?: readonly PublicKey[];
  /** Server: signature algorithms it takes for logins, said in SSH_MSG_EXT_INFO (RFC 8308 §3.1). */
  readonly serverSigAlgs?: readonly string[];
  readonly trace?: TransportTrace;
  /**
   * The one door for secrets, for Wireshark: the cookie of the client's KEXINIT (16 bytes), and the shared secret as the bytes
   * of its mpint or string, without their length.
   */
  readonly keyLog?: (clientCookie: Uint8Array, sharedSecret: Uint8Array) => void;
}
