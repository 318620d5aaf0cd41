export { ClientAuth } from "./client/client-auth.ts";
export { type InteractiveMethods, interactiveMethods } from "./client/interactive.ts";
export type { ClientAuthEvent, ClientAuthOptions, Identity, PasswordSource, PromptsSource } from "./client/types.ts";
export { AUTH_LIMITS, type AuthLimits } from "./limits.ts";
export { ServerAuth } from "./server/server-auth.ts";
export type {
  Factor,
  LoginKey,
  LoginMethod,
  LoginSubject,
  LoginVerdict,
  Questions,
  ServerAuthEvent,
  ServerAuthOptions,
} from "./server/types.ts";
