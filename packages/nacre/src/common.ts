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
export { BaseClient, type ClientKind, type LoggedIn, webClient } from "./client/base-client.ts";
export { Client, forwardingClient } from "./client/client.ts";
export type { ConnectionInfo } from "./client/driver.ts";
export { pinnedHostKey } from "./client/host-keys.ts";
export type {
  ClientProvider,
  ConnectOptions,
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
} from "./client/options.ts";
export type { DialOptions } from "./forward/dial.ts";
export type {
  ConnectContext,
  ForwardContext,
  Forwarding,
  ForwardingListener,
  ListenContext,
} from "./forward/forwarding.ts";
export type { ListenAddress, RemoteListener } from "./forward/remote-listener.ts";
export type { ForwardTarget, Originator } from "./forward/target.ts";
export type {
  ClientLoginContext,
  ClientLoginMethod,
  ServerLoginAnswers,
  ServerLoginContext,
  ServerLoginMethod,
} from "./methods/method.ts";
export { Channel, type ChannelEnd, type ChannelHandler, type ChannelRequest } from "./mux/channel.ts";
export type { ByteStreams, Duplex, DuplexHandler } from "./mux/duplex.ts";
export type { PeerGlobalRequest, PeerOpen } from "./mux/peer-asks.ts";
export type { AlgorithmList, AlgorithmOptions } from "./options/algorithms.ts";
export type { CustomSessionRequest } from "./server/application.ts";
export type { ServerConnection } from "./server/connection.ts";
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
} from "./server/options.ts";
export type { Permissions } from "./server/permissions.ts";
export { BaseProcess } from "./session/base-process.ts";
export {
  BaseSession,
  type Pty,
  type SessionBytes,
  type SessionExit,
  type SessionHandler,
  type SessionMaker,
  type SessionResult,
  type SessionStart,
} from "./session/base-session.ts";
export { cutShort } from "./session/exit.ts";
export { Process } from "./session/process.ts";
export { Session } from "./session/session.ts";
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
