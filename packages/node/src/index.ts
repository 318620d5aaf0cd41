export {
  type Client,
  type ConnectionInfo,
  type ExecOptions,
  type ExecResult,
  type Exit,
  type HostKey,
  type HostKeyVerifier,
  type PromptRequest,
  type PtyOptions,
  type RemoteIdentity,
  type SpawnOptions,
  SshError,
  type SshErrorCode,
} from "nacre";
export { type AgentOptions, agentIdentities } from "./agent.ts";
export { connect } from "./connect.ts";
export type { IdentitySource, PassphraseSource } from "./identities.ts";
export type { ConnectOptions, Fingerprint } from "./options.ts";
export { NodeProcess } from "./process.ts";
export { inSlices } from "./slices.ts";
export { socketDuplex } from "./socket-duplex.ts";
