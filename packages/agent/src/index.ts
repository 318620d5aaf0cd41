export { AgentClient, type AgentClientEvent } from "./client.ts";
export { MAX_MESSAGE_LENGTH, QUERY, SESSION_BIND, SIGN_FLAGS, SSH_AGENT } from "./constants.ts";
export { FrameReader } from "./frame-reader.ts";
export { type AgentAnswer, type AgentIdentity, decodeAnswer, encodeAnswer } from "./messages/answers.ts";
export type {
  AssociatedCertificates,
  Destination,
  DestinationHost,
  DestinationKey,
  KeyConstraints,
} from "./messages/constraints.ts";
export { queryAnswer, type SessionBind, sessionBind } from "./messages/extensions.ts";
export type { AddedKey } from "./messages/keys.ts";
export {
  type AddRequest,
  type AgentRequest,
  decodeRequest,
  encodeRequest,
  type SignRequest,
  type SmartcardRequest,
} from "./messages/requests.ts";
export { Agent, type AgentKey, type AgentOptions } from "./server/agent.ts";
export { AgentConnection, type AgentConnectionEvent } from "./server/connection.ts";
export { AGENT_LIMITS, type AgentLimits } from "./server/limits.ts";
export { type Hop, type SessionBinds, type Time, withBind } from "./server/session-binds.ts";
export { type AgentCrypto, verifyBind } from "./server/shared-agent.ts";
