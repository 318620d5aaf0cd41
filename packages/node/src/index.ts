export {
  type Authenticate,
  type ChangePasswordLogin,
  type ConnectContext,
  type ConnectionInfo,
  type ExecOptions,
  type ExecResult,
  type Exit,
  type Factor,
  type ForwardContext,
  type Forwarding,
  type ForwardingListener,
  type ForwardTarget,
  type HostKey,
  type HostKeyVerifier,
  inSlices,
  type KeyboardInteractiveLogin,
  type ListenAddress,
  type ListenContext,
  type Login,
  type LoginDecision,
  type LoginMethod,
  type Originator,
  type PasswordLogin,
  type Permissions,
  type PresentedHostKey,
  type PromptRequest,
  type Pty,
  type PtyOptions,
  type PublickeyLogin,
  type RemoteHostKey,
  type RemoteIdentity,
  type ServerConnection,
  type ServerEvent,
  type ServerLimits,
  type SessionExit,
  type SessionOpenOptions,
  type SpawnOptions,
  SshError,
  type SshErrorCode,
} from "nacre/internal";
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
  MkdirOptions,
  NearFiles,
  OpenFlags,
  OpenOptions,
  OpenSftpOptions,
  ReaddirOptions,
  ReadFileOptions,
  ReadStreamOptions,
  RemotePath,
  RemotePattern,
  ResumedEntry,
  RmOptions,
  SkippedEntry,
  StatFs,
  StatOptions,
  Stats,
  TransferEntry,
  TransferOptions,
  TransferProgress,
  TransferResult,
  TransferredFile,
  TransferSink,
  UnverifiedEntry,
  WriteFileOptions,
  WriteStreamOptions,
} from "nacre/sftp";
export { type Account, account } from "./account.ts";
export { type AgentOptions, agentIdentities } from "./agent.ts";
export { type AuthorizedKeysFiles, type AuthorizedKeysOptions, authorizedKeys } from "./authorized-keys.ts";
export { Client, type ClientTransferOptions, type LocalSource } from "./client.ts";
export { connect } from "./connect.ts";
export { nodeAlgorithms, nodeServerAlgorithms } from "./crypto/algorithms.ts";
export { fingerprint } from "./crypto/fingerprint.ts";
export { loadAlgorithms } from "./crypto/load.ts";
export { type CryptoChoice, nodePrivateKey } from "./crypto/private-key.ts";
export { type DialOptions, tcpDuplex } from "./dial.ts";
export { expandHome } from "./files.ts";
export type { Forward, ForwardOptions, LocalForwardOptions, ProxyOptions } from "./forward/forward.ts";
export type { ForwardSocket, SocketOptions } from "./forward/forward-socket.ts";
export type { GatewayPorts } from "./forward-listen.ts";
export { hostKeyFile } from "./host-key-file.ts";
export type { IdentitySource, PassphraseSource } from "./identities.ts";
export { type PrivateKeyOptions, privateKey } from "./key-file.ts";
export { listen } from "./listen.ts";
export type { ListenEvent, ListenOptions, PerSourceOptions, RandomEarlyDrop } from "./listen-options.ts";
export type { Lookup } from "./lookup.ts";
export type { ConnectOptions, Hop, HopOptions, Via } from "./options.ts";
export { readSecretFile } from "./owned-file.ts";
export { NodeProcess } from "./process.ts";
export { type Endpoints, NodeSession, type SessionHandler } from "./session.ts";
export { type FileHandle, loadNodeFiles, type Sftp } from "./sftp.ts";
export { socketDuplex } from "./socket-duplex.ts";
export type { SshServer } from "./ssh-server.ts";
export { type TcpForwardingOptions, tcpForwarding } from "./tcp-forwarding.ts";
