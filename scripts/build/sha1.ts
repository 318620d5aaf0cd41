import { createHash } from "node:crypto";

/** Takes the place of noble's SHA-1 in the command (`command.ts`). */
export function sha1(data: Uint8Array): Uint8Array {
  return createHash("sha1").update(data).digest();
}
