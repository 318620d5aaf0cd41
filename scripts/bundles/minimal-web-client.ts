// Smallest client for a WebSocket gateway: one algorithm of each kind, and a pinned host key. check-bundle.ts holds its size.
import { chacha20Poly1305 } from "@nacre/ciphers";
import { curve25519Sha256 } from "@nacre/kex";
import { ed25519, ed25519PrivateKey } from "@nacre/keys";
import { webSocketDuplex } from "@nacre/web";
import { type BaseClient, connectDuplex, pinnedHostKey } from "nacre/core";

export async function login(url: string, user: string, seed: Uint8Array, fingerprint: string): Promise<BaseClient> {
  const duplex = await webSocketDuplex({ url, host: "example.org" });
  return connectDuplex(duplex, {
    user,
    identities: [ed25519PrivateKey(seed)],
    hostKey: pinnedHostKey(fingerprint),
    algorithms: { kex: [curve25519Sha256], hostKeys: [ed25519], ciphers: [chacha20Poly1305], macs: [] },
  });
}
