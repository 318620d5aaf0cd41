export { ClientAuth } from "./client/client-auth.ts";
export type { ChosenAttempt, ClientAuthEvent, ClientAuthOptions } from "./client/options.ts";
export { AUTH_LIMITS, type AuthLimits } from "./limits.ts";
export type {
  ClientAttempt,
  ClientAttempts,
  ClientLogin,
  ClientLoginOptions,
  ClientMethod,
  Identity,
  PasswordSource,
  PromptsSource,
} from "./methods/client-method.ts";
export {
  type ClientPromptsAsk,
  clientKeyboardInteractive,
  clientKeyboardInteractiveWith,
  type Questions,
  type ServerPromptsAsk,
  serverKeyboardInteractive,
} from "./methods/keyboard-interactive.ts";
export {
  type ClientAsk,
  clientMethods,
  type MethodAsked,
  type OtherAsk,
  type ServerAsk,
  serverMethods,
} from "./methods/list.ts";
export type { MethodAsk } from "./methods/messages.ts";
export { clientNone, type ServerNoneAsk, serverNone } from "./methods/none.ts";
export { type ClientPasswordAsk, clientPassword, type ServerPasswordAsk, serverPassword } from "./methods/password.ts";
export {
  type ClientIdentitiesAsk,
  type ClientSignAsk,
  clientPublickey,
  type ServerKeyAsk,
  serverPublickey,
} from "./methods/publickey.ts";
export type {
  AttemptCounts,
  Factor,
  LoginKey,
  LoginRefusal,
  LoginSubject,
  LoginVerdict,
  ServerAttempt,
  ServerLoginOptions,
  ServerMethod,
} from "./methods/server-method.ts";
export type { ServerAuthEvent, ServerAuthOptions } from "./server/options.ts";
export { ServerAuth } from "./server/server-auth.ts";
