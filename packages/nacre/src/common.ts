// What all entries of this package have: everything but the ways in. The reference stays in the published declarations, for programs whose
// `lib` lacks AsyncDisposable.
/// <reference lib="esnext.disposable" preserve="true" />
export type { Factor, LoginMethod } from "@nacre/auth";
export type { KeyLogPort, Limits, TracePort, TraceRecord } from "@nacre/session";
export { type Culprit, escapeText, SshError, type SshErrorCode } from "@nacre/wire";
export { Channel, type ChannelHandler, cutShort } from "./channel.ts";
export { Client, type ProcessMaker } from "./client.ts";
export type { ConnectionInfo } from "./driver.ts";
export type { ByteStreams, Duplex, DuplexHandler } from "./duplex.ts";
export { pinnedHostKey } from "./host-keys.ts";
export type {
  ConnectOptions,
  ExecOptions,
  ExecResult,
  Exit,
  HostKey,
  HostKeyVerifier,
  Means,
  PromptRequest,
  PtyOptions,
  RemoteIdentity,
  SpawnOptions,
} from "./options.ts";
export type { Permissions } from "./permissions.ts";
export { Process } from "./process.ts";
export type { ServerConnection } from "./server-driver.ts";
export type {
  Authenticate,
  ChangePasswordLogin,
  KeyboardInteractiveLogin,
  Login,
  LoginDecision,
  PasswordLogin,
  PublickeyLogin,
  RemoteHostKey,
  ServeOptions,
  ServerEvent,
  ServerLimits,
} from "./server-options.ts";
export { Session } from "./session.ts";
export {
  BaseSession,
  type Pty,
  type SessionExit,
  type SessionHandler,
  type SessionMaker,
  type SessionResult,
  type SessionStart,
} from "./session-base.ts";
