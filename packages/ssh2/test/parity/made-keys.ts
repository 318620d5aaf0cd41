import ssh2 from "ssh2";
import type { Ssh2 } from "./case.ts";

/** The texts of a key's two files. */
export interface MadeKey {
  readonly private: string;
  readonly public: string;
}

/**
 * Makes an Ed25519 key with ssh2, or with `maker`. ssh2's generator leaves out leading zeros of the public key: it cannot read one in 256
 * of its own keys. Those are made again.
 */
export function ed25519Pair(options: object = {}, maker: Ssh2 = ssh2): MadeKey {
  for (;;) {
    const pair: MadeKey = maker.utils.generateKeyPairSync("ed25519", options as never);
    if (!(maker.utils.parseKey(pair.public) instanceof Error)) return pair;
  }
}
