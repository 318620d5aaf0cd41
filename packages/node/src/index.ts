export type {
  AppendFileOptions,
  CallOptions,
  CopyFileOptions,
  CpOptions,
  Dir,
  Dirent,
  FailedEntry,
  FileData,
  GlobOptions,
  HandleStreamOptions,
  LocalAttributes,
  LocalDirectory,
  LocalEntry,
  LocalFiles,
  LocalFileType,
  LocalPartial,
  LocalReader,
  LocalStats,
  LocalWriter,
  MkdirOptions,
  OpenFlags,
  OpenOptions,
  OpenSftpOptions,
  PositionOptions,
  ReaddirOptions,
  ReadFileOptions,
  ReadResult,
  ReadStreamOptions,
  RemotePath,
  RemotePattern,
  ResumedEntry,
  RmOptions,
  Sha256,
  SkippedEntry,
  StatFs,
  StatOptions,
  Stats,
  Time,
  TransferEntry,
  TransferOptions,
  TransferProgress,
  TransferResult,
  TransferredFile,
  TransferSink,
  UnsetEntry,
  UnverifiedEntry,
  UploadOptions,
  WriteFileOptions,
  WriteResult,
  WriteStreamOptions,
} from "@nacre/files";
export {
  type AlgorithmList,
  type AlgorithmOptions,
  type Authenticate,
  type BaseSession,
  type CertificateAuthorityOptions,
  type CertificateLogin,
  type CertifiedIdentity,
  type ChangePasswordLogin,
  type Channel,
  type ChannelAcceptor,
  type ChannelEnd,
  type ChannelHandler,
  type ChannelRequest,
  type ClientLimits,
  type ClientLoginContext,
  type ClientLoginMethod,
  type ConnectContext,
  type ConnectEvent,
  type ConnectionInfo,
  type CustomSessionRequest,
  certificateAuthority,
  type DialOptions,
  type Duplex,
  type DuplexHandler,
  type ExecOptions,
  type ExecResult,
  type Exit,
  type Factor,
  type ForwardContext,
  type ForwardEvent,
  type Forwarding,
  type ForwardingListener,
  type ForwardTarget,
  forwardedAgent,
  type GlobalReply,
  type GlobalRequestHandler,
  type HostKey,
  type HostKeyOption,
  type HostKeyVerifier,
  type KeyAttempt,
  type KeyboardInteractiveLogin,
  type KeyDemands,
  type ListenAddress,
  type ListenContext,
  type ListenPlace,
  type Login,
  type LoginAttempt,
  type LoginDecision,
  type LoginFacts,
  type LoginIdentity,
  type LoginMethod,
  type LoginOptions,
  type LoginProof,
  type LoginState,
  type NextLogin,
  type NoneLogin,
  type Originator,
  type OtherLogin,
  type PairEnd,
  type PairFacts,
  type PasswordChange,
  type PasswordLogin,
  type PeerGlobalRequest,
  type PeerOpen,
  type Permissions,
  type PresentedHostKey,
  type PromptRequest,
  type Pty,
  type PtyOptions,
  type PublickeyLogin,
  type ReadEnd,
  type ReadSource,
  type ReconnectEvent,
  type ReconnectOptions,
  type RemoteHostKey,
  type RemoteIdentity,
  type RemoteListener,
  type RequestRefused,
  type ServerConnection,
  type ServerConnectionEvent,
  type ServerEvent,
  type ServerLimits,
  type ServerLoginAnswers,
  type ServerLoginContext,
  type ServerLoginMethod,
  type SessionBytes,
  type SessionEvent,
  type SessionExit,
  type SessionOpenOptions,
  type SessionRequestOptions,
  type SessionResult,
  type SignedLogin,
  type SpawnOptions,
  SshError,
  type SshErrorCode,
  type StreamKind,
  type StreamTypes,
  type WriteEnd,
  type WriteTarget,
} from "nacre/extend";
export {
  type Config,
  type LoadConfigOptions,
  loadConfig,
  type ResolveConfigOptions,
  type ResolvedConfig,
  resolveConfig,
} from "./config/config.ts";
export { Client, type ClientTransferOptions, type LocalSource } from "./connect/client.ts";
export { connect } from "./connect/connect.ts";
export type { ConnectOptions, Hop, HopOptions, JumpHost, Via } from "./connect/options.ts";
export type { NodeProcess } from "./connect/process.ts";
export { type FileHandle, loadNodeFiles, type Sftp } from "./connect/sftp.ts";
export { nodeAlgorithms, nodeServerAlgorithms, nodeUserKeys } from "./crypto/algorithms.ts";
export { fingerprint } from "./crypto/fingerprint.ts";
export { loadAlgorithms } from "./crypto/load.ts";
export { type CryptoChoice, nodePrivateKey } from "./crypto/private-key.ts";
export type { Forward, ForwardOptions, LocalForwardOptions, ProxyOptions } from "./forward/forward.ts";
export type { GatewayPorts } from "./forward/forward-listen.ts";
export type { ForwardSocket, SocketOptions } from "./forward/forward-socket.ts";
export { type Account, account } from "./keys/account.ts";
export type { AddedKeyOptions } from "./keys/added-keys.ts";
export { type AgentOptions, agentIdentities } from "./keys/agent.ts";
export {
  type AuthorizedKeysFiles,
  type AuthorizedKeysOptions,
  type AuthorizedKeysPaths,
  authorizedKeys,
} from "./keys/authorized-keys.ts";
export {
  type AddKeyOptions,
  type AgentConfirmation,
  type AgentListener,
  type CreateAgentOptions,
  createAgent,
  type SshAgent,
} from "./keys/create-agent.ts";
export { expandHome } from "./keys/files.ts";
export type { AgentFilter, ForwardedKey } from "./keys/filtered-agent.ts";
export type { FilteredAgentOptions, ForwardedAgentSource } from "./keys/forward-agent.ts";
export { hostCertificateFile, hostKeyFile } from "./keys/host-key-file.ts";
export type { IdentitySource, IdentitySources } from "./keys/identities.ts";
export type { PassphraseSource } from "./keys/identity-file.ts";
export { type PrivateKeyOptions, privateKey } from "./keys/key-file.ts";
export type { HostKeyLookup, KnownHostsOptions } from "./keys/known-hosts-options.ts";
export type { HostKeyUpdate, UpdatedHostKey } from "./keys/known-hosts-update.ts";
export { pathExposure, readSecretFile } from "./keys/owned-file.ts";
export {
  type FileToRead,
  type SignFileOptions,
  signFile,
  type VerifyFileOptions,
  verifyFile,
} from "./keys/sign-file.ts";
export { listen } from "./listen/listen.ts";
export type { ListenEvent, ListenOptions, PerSourceOptions, RandomEarlyDrop } from "./listen/listen-options.ts";
export type { Penalties } from "./listen/per-source.ts";
export type { Endpoints, NodeSession, SessionHandler } from "./listen/session.ts";
export type { SshServer } from "./listen/ssh-server.ts";
export { type TcpForwardingOptions, tcpForwarding } from "./listen/tcp-forwarding.ts";
export { type TcpOptions, tcpDuplex } from "./net/dial.ts";
export type { Lookup } from "./net/lookup.ts";
export { type SocketDuplexOptions, socketDuplex } from "./net/socket-duplex.ts";
export type { NodeStreams } from "./streams/node-streams.ts";
