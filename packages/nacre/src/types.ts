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
  LoginRefusal,
  LoginSubject,
  LoginVerdict,
  OtherAsk,
  ServerAsk,
  ServerAttempt,
  ServerLoginOptions,
  ServerMethod,
} from "@nacre/auth";
export type { ChannelFlow } from "@nacre/connection";
export type { KeyLogPort, Limits, ProtocolTrace, TracePort, TraceRecord } from "@nacre/protocol";
export type {
  Culprit,
  LoginMessage,
  LoginMessages,
  SshError,
  SshErrorCode,
} from "@nacre/wire";
export type { LoginMethod } from "./login/chosen-methods.ts";
export type { CertifiedIdentity, LoginIdentity } from "./login/client/certified-identity.ts";
export type { ConnectEvent } from "./login/client/events.ts";
export type { ClientLoginContext, ClientLoginMethod } from "./login/client/method.ts";
export type { KeyAttempt, LoginAttempt, LoginState, NextLogin } from "./login/client/next-login.ts";
export type {
  HostKeyVerifier,
  LoginOptions,
  PasswordChange,
  PromptRequest,
  RemoteIdentity,
} from "./login/client/options.ts";
export type { CertificateAuthorityOptions } from "./login/server/certificate-authority.ts";
export type { ServerLoginAnswers, ServerLoginContext, ServerLoginMethod } from "./login/server/method.ts";
export type {
  Authenticate,
  CertificateLogin,
  ChangePasswordLogin,
  KeyboardInteractiveLogin,
  KeyDemands,
  Login,
  LoginDecision,
  LoginFacts,
  LoginProof,
  NoneLogin,
  OtherLogin,
  PasswordLogin,
  PublickeyLogin,
  RemoteHostKey,
  ServeOptions,
  ServerConnectionEvent,
  ServerEvent,
  ServerLimits,
  SignedLogin,
} from "./login/server/options.ts";
export type { Channel, ChannelEnd, ChannelHandler, ChannelRequest } from "./mux/channel.ts";
export type { ByteStreams, Duplex, DuplexHandler } from "./mux/duplex.ts";
export type { ChannelAcceptor, GlobalReply, GlobalRequestHandler } from "./mux/mux.ts";
export type { PeerGlobalRequest, PeerOpen } from "./mux/peer-asks.ts";
export type { AlgorithmList, AlgorithmOptions, CryptoProvider } from "./options/algorithms.ts";
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
export type { ConnectionInfo, HostKey, SessionOpenOptions } from "./users/client/client.ts";
export type { ClientLimits } from "./users/client-list.ts";
export type { DialOptions } from "./users/forward/dial.ts";
export type {
  ConnectContext,
  ForwardContext,
  Forwarding,
  ForwardingListener,
  ListenContext,
} from "./users/forward/forwarding.ts";
export type { ListenAddress, RemoteListener } from "./users/forward/remote-listener.ts";
export type { ForwardEvent } from "./users/forward/server.ts";
export type { ForwardTarget, Originator } from "./users/forward/target.ts";
export type { Permissions } from "./users/permissions.ts";
export type { ServerConnection } from "./users/server/server-connection.ts";
export type { RequestRefused } from "./users/server/server-user.ts";
export type { BaseProcess } from "./users/session/base-process.ts";
export type {
  BaseSession,
  Pty,
  SessionBytes,
  SessionExit,
  SessionHandler,
  SessionResult,
} from "./users/session/base-session.ts";
export type {
  ExecOptions,
  ExecResult,
  Exit,
  PtyOptions,
  SessionRequestOptions,
  SpawnOptions,
} from "./users/session/options.ts";
export type { Process } from "./users/session/process.ts";
export type { SessionEvent } from "./users/session/server/server.ts";
export type { Session } from "./users/session/session.ts";
export type { TerminalModes } from "./users/session/terminal-modes.ts";
