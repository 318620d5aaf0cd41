import type { KexInit } from "@nacre/wire";
import type { Role } from "./identification.ts";

/** What one side can do, each list in order of preference, as names. */
export interface Proposal {
  readonly kex: readonly string[];
  readonly hostKeys: readonly string[];
  /** For both directions. */
  readonly ciphers: readonly string[];
  /** For both directions. */
  readonly macs: readonly string[];
}

/** Names in `kex_algorithms` that are no methods: what the side that sends them can do (RFC 8308 §2.1, OpenSSH PROTOCOL §1.10). */
const MARKERS = {
  client: { extInfo: "ext-info-c", strictKex: "kex-strict-c-v00@openssh.com" },
  server: { extInfo: "ext-info-s", strictKex: "kex-strict-s-v00@openssh.com" },
} as const;

const ALL_MARKERS: ReadonlySet<string> = new Set([...Object.values(MARKERS.client), ...Object.values(MARKERS.server)]);

/** The proposal as a KEXINIT (RFC 4253 §7.1). Compression is "none", languages are not negotiated. */
export function createKexInit(
  proposal: Proposal,
  options: {
    readonly role: Role;
    /** The connection's first key exchange: only there the markers have a meaning, so only there they are sent. */
    readonly initial: boolean;
    /** 16 random bytes. */
    readonly cookie: Uint8Array;
    readonly firstKexPacketFollows: boolean;
  },
): KexInit {
  const { extInfo, strictKex } = MARKERS[options.role];
  return {
    cookie: options.cookie,
    // Behind the methods, because the first name is what a guess is compared with.
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

/** The key exchange methods of a KEXINIT, without the markers. */
export function kexMethods(init: KexInit): readonly string[] {
  return init.kexAlgorithms.filter((name) => !ALL_MARKERS.has(name));
}

/** Whether both sides keep strict key exchange (OpenSSH PROTOCOL §1.10). Only the first KEXINIT of each side counts. */
export function agreesOnStrictKex(client: KexInit, server: KexInit): boolean {
  return (
    client.kexAlgorithms.includes(MARKERS.client.strictKex) && server.kexAlgorithms.includes(MARKERS.server.strictKex)
  );
}

/** Whether the side that sent this first KEXINIT would take an SSH_MSG_EXT_INFO (RFC 8308 §2.1). */
export function takesExtInfo(init: KexInit, sender: Role): boolean {
  return init.kexAlgorithms.includes(MARKERS[sender].extInfo);
}
