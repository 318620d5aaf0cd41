import * as crypto from "node:crypto";

/** `hash` of `node:crypto`, which Node lacks before 20.12. `@nacre/ssh2`, a bundle of this code, runs there, too. */
export const hash: (algorithm: string, data: Uint8Array, encoding: "buffer") => Buffer<ArrayBuffer> =
  crypto.hash ?? ((algorithm, data) => crypto.createHash(algorithm).update(data).digest());
