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
  LocalFiles,
  MkdirOptions,
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
  UploadOptions,
  WriteFileOptions,
  WriteStreamOptions,
} from "@nacre/files";
export {
  type AlgorithmList,
  type AlgorithmOptions,
  type Authenticate,
  type ChangePasswordLogin,
  type ClientLoginMethod,
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
  type OtherLogin,
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
  type ServerLoginMethod,
  type SessionExit,
  type SessionOpenOptions,
  type SpawnOptions,
  SshError,
  type SshErrorCode,
} from "nacre/extend";
export { Client, type ClientTransferOptions, type LocalSource } from "./client.ts";
export { connect } from "./connect.ts";
export { nodeAlgorithms, nodeServerAlgorithms } from "./crypto/algorithms.ts";
export { fingerprint } from "./crypto/fingerprint.ts";
export { loadAlgorithms } from "./crypto/load.ts";
export { type CryptoChoice, nodePrivateKey } from "./crypto/private-key.ts";
export type { Forward, ForwardOptions, LocalForwardOptions, ProxyOptions } from "./forward/forward.ts";
export type { GatewayPorts } from "./forward/forward-listen.ts";
export type { ForwardSocket, SocketOptions } from "./forward/forward-socket.ts";
export { type Account, account } from "./keys/account.ts";
export { type AgentOptions, agentIdentities } from "./keys/agent.ts";
export { type AuthorizedKeysFiles, type AuthorizedKeysOptions, authorizedKeys } from "./keys/authorized-keys.ts";
export { expandHome } from "./keys/files.ts";
export { hostKeyFile } from "./keys/host-key-file.ts";
export type { IdentitySource, PassphraseSource } from "./keys/identities.ts";
export { type PrivateKeyOptions, privateKey } from "./keys/key-file.ts";
export { readSecretFile } from "./keys/owned-file.ts";
export { listen } from "./listen/listen.ts";
export type { ListenEvent, ListenOptions, PerSourceOptions, RandomEarlyDrop } from "./listen/listen-options.ts";
export { type Endpoints, NodeSession, type SessionHandler } from "./listen/session.ts";
export type { SshServer } from "./listen/ssh-server.ts";
export { type TcpForwardingOptions, tcpForwarding } from "./listen/tcp-forwarding.ts";
export { type DialOptions, tcpDuplex } from "./net/dial.ts";
export type { Lookup } from "./net/lookup.ts";
export { socketDuplex } from "./net/socket-duplex.ts";
export type { ConnectOptions, Hop, HopOptions, Via } from "./options.ts";
export { NodeProcess } from "./process.ts";
export { type FileHandle, loadNodeFiles, type Sftp } from "./sftp.ts";
