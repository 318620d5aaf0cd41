// The smallest client that runs a command: one algorithm of each kind. check-bundle.ts measures its bundle, and checks that the bundle
// contains no other algorithm.
import { chacha20Poly1305 } from "@nacre/ciphers";
import { curve25519Sha256 } from "@nacre/kex";
import { ed25519, ed25519PrivateKey } from "@nacre/keys";
import { connect, type Duplex, exec } from "nacre/core";

/** Who logs in, and where. */
export interface Login {
  readonly user: string;
  readonly seed: Uint8Array;
  /** Fingerprint of the server's host key. */
  readonly fingerprint: string;
}

/** Returns the output of a command. */
export async function run(duplex: Duplex, command: string, { user, seed, fingerprint }: Login): Promise<string> {
  const client = await connect(duplex, {
    user,
    identities: [ed25519PrivateKey(seed)],
    hostKey: fingerprint,
    algorithms: { kex: [curve25519Sha256], hostKeys: [ed25519], ciphers: [chacha20Poly1305], macs: [] },
  });
  const { stdout } = await exec(client, command);
  await client.close();
  return stdout;
}
