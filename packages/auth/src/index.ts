export { ClientAuth } from "./client/client-auth.ts";
export type { AuthToken, ClientAuthEvent, ClientAuthOptions, Identity } from "./client/types.ts";
export { type AuthLimits, defaultAuthLimits } from "./limits.ts";
