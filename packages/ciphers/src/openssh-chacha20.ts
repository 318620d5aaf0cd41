// What is the same for every chacha20-poly1305@openssh.com (OpenSSH PROTOCOL.chacha20poly1305), whatever it is computed with. Nothing of
// noble is imported here, so that there is nothing of it in the one in WebAssembly.

import type { CipherAlgorithm, PacketSealer } from "@nacre/packet";

/** Name and key sizes of chacha20-poly1305@openssh.com (OpenSSH PROTOCOL.chacha20poly1305). */
export const CHACHA20_POLY1305: Omit<CipherAlgorithm, "createSealer" | "createOpener"> = {
  name: "chacha20-poly1305@openssh.com",
  // K_2, which encrypts packets, and K_1, which encrypts their lengths. The nonce is the sequence number.
  keyLength: 64,
  ivLength: 0,
  aead: true,
  // OpenSSH counts it as a cipher of 8-byte blocks, for which it asks new keys after 1 GiB (packet.c, ssh_set_newkeys).
  maxBytes: 2 ** 30,
};

/** Block and tag size in bytes of its packets; the encrypted length field is not part of the padded length. */
export const PACKET_SHAPE: Pick<PacketSealer, "blockSize" | "lengthIsPadded" | "tagLength"> = {
  blockSize: 8,
  lengthIsPadded: false,
  tagLength: 16,
};
