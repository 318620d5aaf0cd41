import type { Factor } from "@nacre/auth";
import { base64Encode } from "@nacre/wire";

/** Returns the same text for all sessions of one user with the same keys, in certificates or not. Without a key, the user names a login. */
export function loginId(user: string, factors: readonly Factor[] = []): string {
  const keys = factors.flatMap((factor) => {
    if (factor.method === "publickey") return [factor.publicKey];
    return factor.method === "certificate" ? [factor.certificate.publicKey.blob] : [];
  });
  return JSON.stringify([user, ...keys.map(base64Encode)]);
}
