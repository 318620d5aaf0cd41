import { SshError } from "@nacre/wire";
import type { AuthLimits } from "../limits.ts";

/** Throws `auth-limit` if a message with prompts is longer than `limits.promptBytes`. */
export function boundPrompt(limits: AuthLimits, payload: Uint8Array): void {
  if (payload.length > limits.promptBytes)
    throw new SshError(
      "auth-limit",
      `the server sent a prompt message of ${payload.length} bytes, but the maximum is ${limits.promptBytes} (\`promptBytes\`)`,
    );
}
