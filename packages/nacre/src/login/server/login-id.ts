import type { Factor } from "@nacre/auth";
import { base64Encode } from "@nacre/wire";

/** Returns the same text for all sessions of one user with the same keys. A login without a key is named by its user. */
export function loginId(user: string, factors: readonly Factor[] = []): string {
  const keys = factors.flatMap((factor) => (factor.method === "publickey" ? [base64Encode(factor.publicKey)] : []));
  return JSON.stringify([user, ...keys]);
}
