// The smallest client that can log in: one algorithm of each kind. check-bundle.ts measures its bundle, and checks that the bundle
// contains no other algorithm.
import { chacha20Poly1305 } from "@nacre/ciphers";
import { curve25519Sha256 } from "@nacre/kex";
import { ed25519, ed25519PrivateKey } from "@nacre/keys";
import { type BaseClient, type ByteStreams, connect, pinnedHostKey } from "nacre/core";

export function login(streams: ByteStreams, user: string, seed: Uint8Array, fingerprint: string): Promise<BaseClient> {
  return connect(streams, {
    user,
    identities: [ed25519PrivateKey(seed)],
    hostKey: pinnedHostKey(fingerprint),
    algorithms: { kex: [curve25519Sha256], hostKeys: [ed25519], ciphers: [chacha20Poly1305], macs: [] },
  });
}
