import { type LoginMessages, SshError } from "@nacre/wire";
import type { AuthLimits } from "../limits.ts";

/** Returns whether the number is a message of the method that this side sends. */
export function isMessageOf(
  { messages }: LoginMessages,
  number: number | undefined,
  from: "client" | "server",
): boolean {
  return messages.some(({ message, sender }) => message.number === number && (sender === from || sender === "both"));
}

/** Throws `auth-limit` if a message with prompts is longer than `limits.promptBytes`. */
export function boundPrompt(limits: AuthLimits, payload: Uint8Array): void {
  if (payload.length > limits.promptBytes)
    throw new SshError(
      "auth-limit",
      `the server sent a prompt message of ${payload.length} bytes, but the maximum is ${limits.promptBytes} (\`promptBytes\`)`,
    );
}

/** Returns the error for an answer of another type than its ask takes. It does not show the answer, which may be secret. */
export function invalidAnswer(callback: string): SshError {
  return new SshError("usage", `\`${callback}\` returned an invalid value`);
}
