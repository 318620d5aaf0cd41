// Constants common to all implementations of chacha20-poly1305@openssh.com (OpenSSH PROTOCOL.chacha20poly1305). Does not import
// noble, so that the WebAssembly implementation can use this file without noble.

import type { CipherAlgorithm, PacketSealer } from "@nacre/packet";

/** Name and key sizes of chacha20-poly1305@openssh.com (OpenSSH PROTOCOL.chacha20poly1305). */
export const CHACHA20_POLY1305: Omit<CipherAlgorithm, "createSealer" | "createOpener"> = {
  name: "chacha20-poly1305@openssh.com",
  // K_2 encrypts packets, and K_1 encrypts their lengths. The nonce is the sequence number.
  keyLength: 64,
  ivLength: 0,
  aead: true,
  // OpenSSH treats it as a cipher with 8-byte blocks, and rekeys those after 1 GiB (packet.c, ssh_set_newkeys).
  maxBytes: 2 ** 30,
};

/** Packet format: block and tag size in bytes. The padded length excludes the length field. */
export const PACKET_SHAPE: Pick<PacketSealer, "blockSize" | "lengthIsPadded" | "tagLength"> = {
  blockSize: 8,
  lengthIsPadded: false,
  tagLength: 16,
};
