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

/** Fields of SSH_MSG_DISCONNECT (RFC 4253 §11.1). Decoding never fails, because even a malformed one ends the connection. */
export interface Disconnect {
  /** One of `DISCONNECT_REASON`; 0 if the peer sent no reason. */
  readonly reasonCode: number;
  /** Text for the user; escape it before display. */
  readonly description: string;
  readonly languageTag: string;
}

/** Message 1: ends the connection (RFC 4253 §11.1). */
export const SSH_MSG_DISCONNECT: Message<Disconnect> = message(1, "SSH_MSG_DISCONNECT", {
  reasonCode: informing(uint32, 0),
  description: informing(text, ""),
  languageTag,
});

/** Fields of SSH_MSG_IGNORE (RFC 4253 §11.2). */
export interface Ignore {
  readonly data: Uint8Array;
}

/** Message 2: data that the receiver ignores (RFC 4253 §11.2). */
export const SSH_MSG_IGNORE: Message<Ignore> = message(2, "SSH_MSG_IGNORE", { data: string });

/** Fields of SSH_MSG_UNIMPLEMENTED (RFC 4253 §11.4). */
export interface Unimplemented {
  /** Sequence number of the rejected packet. */
  readonly sequenceNumber: number;
}

/** Message 3: rejects a message with an unknown number (RFC 4253 §11.4). */
export const SSH_MSG_UNIMPLEMENTED: Message<Unimplemented> = message(3, "SSH_MSG_UNIMPLEMENTED", {
  sequenceNumber: uint32,
});

/** Fields of SSH_MSG_DEBUG (RFC 4253 §11.3). */
export interface Debug {
  readonly alwaysDisplay: boolean;
  /** Text for the user; escape it before display. */
  readonly message: string;
  readonly languageTag: string;
}

/** Message 4: text for debugging (RFC 4253 §11.3). */
export const SSH_MSG_DEBUG: Message<Debug> = message(4, "SSH_MSG_DEBUG", {
  alwaysDisplay: boolean,
  message: text,
  languageTag,
});

/** Fields of SSH_MSG_SERVICE_REQUEST and SSH_MSG_SERVICE_ACCEPT (RFC 4253 §10). */
export interface ServiceRequest {
  /** `"ssh-userauth"` or `"ssh-connection"`. */
  readonly serviceName: string;
}

/** Message 5: requests a service, such as "ssh-userauth" (RFC 4253 §10). */
export const SSH_MSG_SERVICE_REQUEST: Message<ServiceRequest> = message(5, "SSH_MSG_SERVICE_REQUEST", {
  serviceName: name,
});

/** Message 6: accepts a service request (RFC 4253 §10). */
export const SSH_MSG_SERVICE_ACCEPT: Message<ServiceRequest> = message(6, "SSH_MSG_SERVICE_ACCEPT", {
  serviceName: name,
});

/** One extension (RFC 8308 §2.5). The name determines the format of the value. */
export interface Extension {
  readonly name: string;
  readonly value: Uint8Array;
}

/** Fields of SSH_MSG_EXT_INFO (RFC 8308 §2.3). */
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

/** Fields of SSH_MSG_KEXINIT (RFC 4253 §7.1). Each list is in order of preference. */
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
  /** Reserved for extensions; 0. */
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

/** Message 21: later packets in this direction use the new keys (RFC 4253 §7.3). */
export const SSH_MSG_NEWKEYS: Message<Empty> = message<Empty>(21, "SSH_MSG_NEWKEYS", {});

/** Fields of SSH_MSG_KEX_ECDH_INIT (RFC 5656 §4, RFC 8731 §3). */
export interface KexEcdhInit {
  readonly clientPublicKey: Uint8Array;
}

/** Message 30 of ECDH and hybrid methods: the client's ephemeral public key (RFC 5656 §4). */
export const SSH_MSG_KEX_ECDH_INIT: Message<KexEcdhInit> = message(30, "SSH_MSG_KEX_ECDH_INIT", {
  clientPublicKey: string,
});

/** Fields of SSH_MSG_KEX_ECDH_REPLY (RFC 5656 §4, RFC 8731 §3). */
export interface KexEcdhReply {
  /** Public host key blob of the server, K_S. */
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

/** Fields of SSH_MSG_KEXDH_INIT and SSH_MSG_KEX_DH_GEX_INIT (RFC 4253 §8, RFC 4419 §3). */
export interface KexDhInit {
  readonly e: bigint;
}

/** Message 30 of Diffie-Hellman with a fixed group: the client's public value (RFC 4253 §8). */
export const SSH_MSG_KEXDH_INIT: Message<KexDhInit> = message(30, "SSH_MSG_KEXDH_INIT", { e: mpint });

/** Fields of SSH_MSG_KEXDH_REPLY and SSH_MSG_KEX_DH_GEX_REPLY (RFC 4253 §8, RFC 4419 §3). */
export interface KexDhReply {
  /** Public host key blob of the server, K_S. */
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

/** Fields of SSH_MSG_KEX_DH_GEX_REQUEST: sizes of the modulus in bits (RFC 4419 §3). */
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

/** Fields of SSH_MSG_KEX_DH_GEX_GROUP (RFC 4419 §3). */
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

/** Message 32 of group exchange: the client's public value (RFC 4419 §3). */
export const SSH_MSG_KEX_DH_GEX_INIT: Message<KexDhInit> = message(32, "SSH_MSG_KEX_DH_GEX_INIT", { e: mpint });

/** Message 33 of group exchange: the server's host key, public value and signature (RFC 4419 §3). */
export const SSH_MSG_KEX_DH_GEX_REPLY: Message<KexDhReply> = message(33, "SSH_MSG_KEX_DH_GEX_REPLY", {
  hostKey: string,
  f: mpint,
  signature: string,
});

/** Fields of SSH_MSG_PING and SSH_MSG_PONG of the extension `ping@openssh.com` (OpenSSH PROTOCOL §1.11). */
export interface Ping {
  readonly data: Uint8Array;
}

/** Message 192: requests an SSH_MSG_PONG with the same data (OpenSSH PROTOCOL §1.11). */
export const SSH_MSG_PING: Message<Ping> = message(192, "SSH_MSG_PING", { data: string });

/** Message 193: replies to an SSH_MSG_PING with the same data (OpenSSH PROTOCOL §1.11). */
export const SSH_MSG_PONG: Message<Ping> = message(193, "SSH_MSG_PONG", { data: string });
