// Smallest client for a WebSocket gateway: one algorithm of each kind, and a pinned host key. check-bundle.ts measures its size.
import { chacha20Poly1305 } from "@nacre/ciphers";
import { curve25519Sha256 } from "@nacre/kex";
import { ed25519, ed25519PrivateKey, sha256Fingerprint } from "@nacre/keys";
import { webSocketDuplex } from "@nacre/web";
import { Client, connectDuplex, pinnedHostKey, webClient } from "nacre/internal";

export async function login(url: string, user: string, seed: Uint8Array, fingerprint: string): Promise<Client> {
  const options = {
    user,
    identities: [ed25519PrivateKey(seed)],
    hostKey: pinnedHostKey(fingerprint),
    fingerprint: sha256Fingerprint,
    algorithms: { kex: [curve25519Sha256], hostKeys: [ed25519], ciphers: [chacha20Poly1305], macs: [] },
  };
  const duplex = await webSocketDuplex({ url, host: "example.org" });
  return connectDuplex(duplex, options, (connection) => new Client(connection, webClient));
}
