import { type LoginMessages, SshError } from "@nacre/wire";
import type { AuthLimits } from "../limits.ts";
import type { LoginRefusal } from "./server-method.ts";

/** An ask of a login method: its type, and what the application needs to answer it. */
export type MethodAsk = Readonly<Record<string, unknown>> & { readonly type: string };

/** Returns the error for a method that acts while it is not in use, or takes no step. */
export function outOfTurn({ name }: LoginMessages): SshError {
  return new SshError("internal", `the login method ${name} acted out of turn`);
}

/** Throws `auth-limit` if a message with prompts is longer than `limits.promptBytes`. */
export function boundPrompt(limits: AuthLimits, payload: Uint8Array): void {
  if (payload.length > limits.promptBytes)
    throw new SshError(
      "auth-limit",
      `the server sent a prompt message of ${payload.length} bytes, but the maximum is ${limits.promptBytes} (\`promptBytes\`)`,
    );
}

/** Returns whether an answer of the application is a refusal that names methods. */
export function isRefusal(answer: unknown): answer is LoginRefusal {
  return isNames((answer as Partial<LoginRefusal> | null | undefined)?.failure);
}

/** Returns whether the value is a list of names of methods. */
export function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

/** Returns the error for an answer of another type than its ask takes. It does not show the answer, which may be secret. */
export function invalidAnswer(callback: string): SshError {
  return new SshError("usage", `\`${callback}\` returned an invalid value`);
}
