import { SshError } from "@nacre/wire";
import type { AuthLimits } from "../limits.ts";

/** Throws `auth-limit` for a message with more text for the user than `limits.promptBytes`. */
export function boundPrompt(limits: AuthLimits, payload: Uint8Array): void {
  if (payload.length > limits.promptBytes)
    throw new SshError(
      "auth-limit",
      `the server sent a prompt of ${payload.length} bytes where ${limits.promptBytes} are allowed`,
    );
}
