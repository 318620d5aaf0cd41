// Exports shared by all entry points of this package. The published declarations keep the reference below, for programs whose `lib` lacks
// AsyncDisposable.
/// <reference lib="esnext.disposable" preserve="true" />
export type {
  AttemptCounts,
  ClientAsk,
  ClientAttempt,
  ClientAttempts,
  ClientLogin,
  ClientLoginOptions,
  ClientMethod,
  Factor,
  LoginSubject,
  LoginVerdict,
  OtherAsk,
  ServerAsk,
  ServerAttempt,
  ServerLoginOptions,
  ServerMethod,
} from "@nacre/auth";
export type { KeyLogPort, Limits, SessionTrace, TracePort, TraceRecord } from "@nacre/session";
export {
  type Culprit,
  escapeText,
  type LoginMessage,
  type LoginMessages,
  SshError,
  type SshErrorCode,
} from "@nacre/wire";
export { BaseClient, type ClientKind, type LoggedIn, webClient } from "./login/client/base-client.ts";
export { Client, forwardingClient } from "./login/client/client.ts";
export type { ConnectionInfo } from "./login/client/driver.ts";
export { pinnedHostKey } from "./login/client/host-keys.ts";
export type {
  ClientProvider,
  CryptoProvider,
  ExecOptions,
  ExecResult,
  Exit,
  HostKey,
  HostKeyVerifier,
  PresentedHostKey,
  PromptRequest,
  PtyOptions,
  RemoteIdentity,
  SessionOpenOptions,
  SessionRequestOptions,
  SpawnOptions,
} from "./login/client/options.ts";
export type {
  ClientLoginContext,
  ClientLoginMethod,
  ServerLoginAnswers,
  ServerLoginContext,
  ServerLoginMethod,
} from "./login/methods/method.ts";
export type { ServerConnection } from "./login/server/connection.ts";
export type {
  Authenticate,
  ChangePasswordLogin,
  KeyboardInteractiveLogin,
  Login,
  LoginDecision,
  LoginMethod,
  OtherLogin,
  PasswordLogin,
  PublickeyLogin,
  RemoteHostKey,
  ServeOptions,
  ServerEvent,
  ServerLimits,
  ServerProvider,
} from "./login/server/options.ts";
export type { Permissions } from "./login/server/permissions.ts";
export { Channel, type ChannelEnd, type ChannelHandler, type ChannelRequest } from "./mux/channel.ts";
export type { ByteStreams, Duplex, DuplexHandler } from "./mux/duplex.ts";
export type { PeerGlobalRequest, PeerOpen } from "./mux/peer-asks.ts";
export type { AlgorithmList, AlgorithmOptions } from "./options/algorithms.ts";
export type {
  PairEnd,
  PairFacts,
  ReadEnd,
  ReadSource,
  StreamKind,
  StreamTypes,
  WriteEnd,
  WriteTarget,
} from "./streams/stream-kind.ts";
export { type WebPair, type WebStreams, webStreams } from "./streams/web-streams.ts";
export type { CustomSessionRequest } from "./users/application/server.ts";
export type { DialOptions } from "./users/forward/dial.ts";
export type {
  ConnectContext,
  ForwardContext,
  Forwarding,
  ForwardingListener,
  ListenContext,
} from "./users/forward/forwarding.ts";
export type { ListenAddress, RemoteListener } from "./users/forward/remote-listener.ts";
export type { ForwardTarget, Originator } from "./users/forward/target.ts";
export { BaseProcess } from "./users/session/base-process.ts";
export {
  BaseSession,
  type Pty,
  type SessionBytes,
  type SessionExit,
  type SessionHandler,
  type SessionMaker,
  type SessionResult,
  type SessionStart,
} from "./users/session/base-session.ts";
export { cutShort } from "./users/session/exit.ts";
export { Process } from "./users/session/process.ts";
export { Session } from "./users/session/session.ts";
