import {
  boolean,
  counted,
  type Empty,
  fixed,
  informing,
  languageTag,
  type Message,
  message,
  mpint,
  name,
  nameList,
  string,
  text,
  uint32,
} from "../structure.ts";

/** RFC 4253 §11.1. Decoding never fails: whatever else it says, the peer is leaving. */
export interface Disconnect {
  /** One of `DISCONNECT_REASON`; 0 when the peer gave none. */
  readonly reasonCode: number;
  /** For people; escape it before showing it. */
  readonly description: string;
  readonly languageTag: string;
}

/** Message 1: ends the connection (RFC 4253 §11.1). */
export const SSH_MSG_DISCONNECT: Message<Disconnect> = message(1, "SSH_MSG_DISCONNECT", {
  reasonCode: informing(uint32, 0),
  description: informing(text, ""),
  languageTag,
});

/** RFC 4253 §11.2. */
export interface Ignore {
  readonly data: Uint8Array;
}

/** Message 2: data that the receiver ignores (RFC 4253 §11.2). */
export const SSH_MSG_IGNORE: Message<Ignore> = message(2, "SSH_MSG_IGNORE", { data: string });

/** RFC 4253 §11.4. */
export interface Unimplemented {
  /** Sequence number of the packet that was not understood. */
  readonly sequenceNumber: number;
}

/** Message 3: rejects a message of unknown number (RFC 4253 §11.4). */
export const SSH_MSG_UNIMPLEMENTED: Message<Unimplemented> = message(3, "SSH_MSG_UNIMPLEMENTED", {
  sequenceNumber: uint32,
});

/** RFC 4253 §11.3. */
export interface Debug {
  readonly alwaysDisplay: boolean;
  /** For people; escape it before showing it. */
  readonly message: string;
  readonly languageTag: string;
}

/** Message 4: text for debugging (RFC 4253 §11.3). */
export const SSH_MSG_DEBUG: Message<Debug> = message(4, "SSH_MSG_DEBUG", {
  alwaysDisplay: boolean,
  message: text,
  languageTag,
});

/** RFC 4253 §10. */
export interface ServiceRequest {
  /** `"ssh-userauth"` or `"ssh-connection"`. */
  readonly serviceName: string;
}

/** Message 5: requests a service, such as "ssh-userauth" (RFC 4253 §10). */
export const SSH_MSG_SERVICE_REQUEST: Message<ServiceRequest> = message(5, "SSH_MSG_SERVICE_REQUEST", {
  serviceName: name,
});

/** RFC 4253 §10. */
export const SSH_MSG_SERVICE_ACCEPT: Message<ServiceRequest> = message(6, "SSH_MSG_SERVICE_ACCEPT", {
  serviceName: name,
});

/** One extension of RFC 8308 §2.5: its value's form depends on its name. */
export interface Extension {
  readonly name: string;
  readonly value: Uint8Array;
}

/** RFC 8308 §2.3. */
export interface ExtInfo {
  readonly extensions: readonly Extension[];
}

/** Message 7: extensions that the sender supports (RFC 8308 §2.3). */
export const SSH_MSG_EXT_INFO: Message<ExtInfo> = message(7, "SSH_MSG_EXT_INFO", {
  extensions: counted<Extension>(8, {
    read: (reader, field) => ({ name: reader.name(`${field}.name`), value: reader.string(`${field}.value`) }),
    write: (writer, extension) => writer.string(extension.name).string(extension.value),
  }),
});

/** RFC 4253 §7.1: a proposal, each list in order of preference. */
export interface KexInit {
  /** 16 random bytes. */
  readonly cookie: Uint8Array;
  readonly kexAlgorithms: readonly string[];
  readonly serverHostKeyAlgorithms: readonly string[];
  readonly encryptionAlgorithmsClientToServer: readonly string[];
  readonly encryptionAlgorithmsServerToClient: readonly string[];
  readonly macAlgorithmsClientToServer: readonly string[];
  readonly macAlgorithmsServerToClient: readonly string[];
  readonly compressionAlgorithmsClientToServer: readonly string[];
  readonly compressionAlgorithmsServerToClient: readonly string[];
  readonly languagesClientToServer: readonly string[];
  readonly languagesServerToClient: readonly string[];
  readonly firstKexPacketFollows: boolean;
  /** 0, kept for extensions. */
  readonly reserved: number;
}

/** Message 20: the algorithms that one side offers (RFC 4253 §7.1). */
export const SSH_MSG_KEXINIT: Message<KexInit> = message(20, "SSH_MSG_KEXINIT", {
  cookie: fixed(16),
  kexAlgorithms: nameList,
  serverHostKeyAlgorithms: nameList,
  encryptionAlgorithmsClientToServer: nameList,
  encryptionAlgorithmsServerToClient: nameList,
  macAlgorithmsClientToServer: nameList,
  macAlgorithmsServerToClient: nameList,
  compressionAlgorithmsClientToServer: nameList,
  compressionAlgorithmsServerToClient: nameList,
  languagesClientToServer: nameList,
  languagesServerToClient: nameList,
  firstKexPacketFollows: boolean,
  reserved: uint32,
});

/** RFC 4253 §7.3. */
export const SSH_MSG_NEWKEYS: Message<Empty> = message<Empty>(21, "SSH_MSG_NEWKEYS", {});

/** RFC 5656 §4 and RFC 8731 §3: the client's ephemeral public key. */
export interface KexEcdhInit {
  readonly clientPublicKey: Uint8Array;
}

/** Message 30 of ECDH and hybrid methods: the client's ephemeral public key (RFC 5656 §4). */
export const SSH_MSG_KEX_ECDH_INIT: Message<KexEcdhInit> = message(30, "SSH_MSG_KEX_ECDH_INIT", {
  clientPublicKey: string,
});

/** RFC 5656 §4 and RFC 8731 §3. */
export interface KexEcdhReply {
  /** The server's public host key blob, K_S. */
  readonly hostKey: Uint8Array;
  readonly serverPublicKey: Uint8Array;
  /** Signature blob over the exchange hash. */
  readonly signature: Uint8Array;
}

/** Message 31 of ECDH and hybrid methods: the server's host key, ephemeral public key and signature (RFC 5656 §4). */
export const SSH_MSG_KEX_ECDH_REPLY: Message<KexEcdhReply> = message(31, "SSH_MSG_KEX_ECDH_REPLY", {
  hostKey: string,
  serverPublicKey: string,
  signature: string,
});

/** RFC 4253 §8. */
export interface KexDhInit {
  readonly e: bigint;
}

/** Message 30 of Diffie-Hellman with a fixed group: the client's public value (RFC 4253 §8). */
export const SSH_MSG_KEXDH_INIT: Message<KexDhInit> = message(30, "SSH_MSG_KEXDH_INIT", { e: mpint });

/** RFC 4253 §8. */
export interface KexDhReply {
  /** The server's public host key blob, K_S. */
  readonly hostKey: Uint8Array;
  readonly f: bigint;
  /** Signature blob over the exchange hash. */
  readonly signature: Uint8Array;
}

/** Message 31 of Diffie-Hellman with a fixed group: the server's host key, public value and signature (RFC 4253 §8). */
export const SSH_MSG_KEXDH_REPLY: Message<KexDhReply> = message(31, "SSH_MSG_KEXDH_REPLY", {
  hostKey: string,
  f: mpint,
  signature: string,
});

/** RFC 4419 §3: sizes of the group's modulus in bits. */
export interface KexDhGexRequest {
  readonly min: number;
  readonly n: number;
  readonly max: number;
}

/** Message 34 of group exchange: the sizes that the client accepts, in bits (RFC 4419 §3). */
export const SSH_MSG_KEX_DH_GEX_REQUEST: Message<KexDhGexRequest> = message(34, "SSH_MSG_KEX_DH_GEX_REQUEST", {
  min: uint32,
  n: uint32,
  max: uint32,
});

/** RFC 4419 §3. */
export interface KexDhGexGroup {
  /** The safe prime. */
  readonly p: bigint;
  /** The generator. */
  readonly g: bigint;
}

/** Message 31 of group exchange: the group that the server chose (RFC 4419 §3). */
export const SSH_MSG_KEX_DH_GEX_GROUP: Message<KexDhGexGroup> = message(31, "SSH_MSG_KEX_DH_GEX_GROUP", {
  p: mpint,
  g: mpint,
});

/** RFC 4419 §3. */
export const SSH_MSG_KEX_DH_GEX_INIT: Message<KexDhInit> = message(32, "SSH_MSG_KEX_DH_GEX_INIT", { e: mpint });

/** RFC 4419 §3. */
export const SSH_MSG_KEX_DH_GEX_REPLY: Message<KexDhReply> = message(33, "SSH_MSG_KEX_DH_GEX_REPLY", {
  hostKey: string,
  f: mpint,
  signature: string,
});

/** OpenSSH PROTOCOL §1.11, `ping@openssh.com`. */
export interface Ping {
  readonly data: Uint8Array;
}

/** Message 192: requests a pong with the same data (OpenSSH PROTOCOL §1.11). */
export const SSH_MSG_PING: Message<Ping> = message(192, "SSH_MSG_PING", { data: string });

/** OpenSSH PROTOCOL §1.11: answers a ping with its own data. */
export const SSH_MSG_PONG: Message<Ping> = message(193, "SSH_MSG_PONG", { data: string });
