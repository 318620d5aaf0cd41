import type { KexInit } from "@nacre/wire";
import type { Role } from "./identification.ts";

/** Algorithm names that one side supports, each list in order of preference. */
export interface Proposal {
  readonly kex: readonly string[];
  readonly hostKeys: readonly string[];
  /** Encryption algorithms for both directions. */
  readonly ciphers: readonly string[];
  /** MAC algorithms for both directions. */
  readonly macs: readonly string[];
}

/** Names in `kex_algorithms` that are not methods but announce a feature of the sender (RFC 8308 §2.1, OpenSSH PROTOCOL §1.10). */
const MARKERS = {
  client: { extInfo: "ext-info-c", strictKex: "kex-strict-c-v00@openssh.com" },
  server: { extInfo: "ext-info-s", strictKex: "kex-strict-s-v00@openssh.com" },
} as const;

const ALL_MARKERS: ReadonlySet<string> = new Set([...Object.values(MARKERS.client), ...Object.values(MARKERS.server)]);

/** Creates a KEXINIT from a proposal (RFC 4253 §7.1). Offers only the compression "none", and no languages. */
export function createKexInit(
  proposal: Proposal,
  options: {
    readonly role: Role;
    /** Whether this is the first key exchange of the connection. Only its KEXINIT contains the markers. */
    readonly initial: boolean;
    /** Cookie: 16 random bytes. */
    readonly cookie: Uint8Array;
    readonly firstKexPacketFollows: boolean;
  },
): KexInit {
  const { extInfo, strictKex } = MARKERS[options.role];
  return {
    cookie: options.cookie,
    // Markers come last, because a guess is compared with the first name.
    kexAlgorithms: options.initial ? [...proposal.kex, extInfo, strictKex] : proposal.kex,
    serverHostKeyAlgorithms: proposal.hostKeys,
    encryptionAlgorithmsClientToServer: proposal.ciphers,
    encryptionAlgorithmsServerToClient: proposal.ciphers,
    macAlgorithmsClientToServer: proposal.macs,
    macAlgorithmsServerToClient: proposal.macs,
    compressionAlgorithmsClientToServer: ["none"],
    compressionAlgorithmsServerToClient: ["none"],
    languagesClientToServer: [],
    languagesServerToClient: [],
    firstKexPacketFollows: options.firstKexPacketFollows,
    reserved: 0,
  };
}

/** Returns the key exchange methods of a KEXINIT, without the markers. */
export function kexMethods(init: KexInit): readonly string[] {
  return init.kexAlgorithms.filter((name) => !ALL_MARKERS.has(name));
}

/** Returns whether both sides support strict key exchange (OpenSSH PROTOCOL §1.10). Pass the first KEXINIT of each side. */
export function agreesOnStrictKex(client: KexInit, server: KexInit): boolean {
  return (
    client.kexAlgorithms.includes(MARKERS.client.strictKex) && server.kexAlgorithms.includes(MARKERS.server.strictKex)
  );
}

/** Returns whether the sender of this first KEXINIT accepts an SSH_MSG_EXT_INFO (RFC 8308 §2.1). */
export function takesExtInfo(init: KexInit, sender: Role): boolean {
  return init.kexAlgorithms.includes(MARKERS[sender].extInfo);
}
