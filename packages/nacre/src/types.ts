// Types of all entry points of this package. The published declarations keep the reference below, for programs whose `lib` lacks
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
export type { KeyLogPort, Limits, ProtocolTrace, TracePort, TraceRecord } from "@nacre/protocol";
export type {
  Culprit,
  LoginMessage,
  LoginMessages,
  SshError,
  SshErrorCode,
} from "@nacre/wire";
export type { ConnectionInfo } from "./login/client/driver.ts";
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
export type { Channel, ChannelEnd, ChannelHandler, ChannelRequest } from "./mux/channel.ts";
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
export type { WebPair, WebStreams } from "./streams/web-streams.ts";
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
export type { BaseProcess } from "./users/session/base-process.ts";
export type {
  BaseSession,
  Pty,
  SessionBytes,
  SessionExit,
  SessionHandler,
  SessionMaker,
  SessionResult,
  SessionStart,
} from "./users/session/base-session.ts";
export type { Process } from "./users/session/process.ts";
export type { Session } from "./users/session/session.ts";
