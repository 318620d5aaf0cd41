// Building blocks for packages that bring their own algorithms, fingerprint function or streams. Imports no cryptography.
export { describeCertificate, PROTOCOL_LIMITS } from "@nacre/protocol";
export { escapeText, SshError } from "@nacre/wire";
export { CommandClient, ForwardingClient } from "./bound-clients.ts";
export {
  checkKey,
  checkLimits,
  checkMinRsaBits,
  checkSignal,
  checkUser,
  isBytes,
  usage,
} from "./check.ts";
export { FREED_FROM, freeBuffer, freeBuffers } from "./free-buffer.ts";
export { checkKeyText, passphraseNeeded } from "./key-text.ts";
export { methodName } from "./login/chosen-methods.ts";
export {
  type CertifiedIdentity,
  checkCertifiedIdentity,
  isCertifiedIdentity,
  type LoginIdentity,
  type WithKeys,
  withCertificates,
} from "./login/client/certified-identity.ts";
export { Driver as LoginDriver } from "./login/client/driver.ts";
export { certificateNote, type HostCertificates, hostCertificates } from "./login/client/host-certificates.ts";
export { explicitHostKey, type HostKeyOption } from "./login/client/host-keys.ts";
export { decideByKnownHosts, type KnownHostDecision, type KnownHostKeys } from "./login/client/known-hosts.ts";
export { logIn } from "./login/client/log-in.ts";
export { checkLoginMethods } from "./login/client/method.ts";
export {
  type ClientProvider,
  CONNECT_OPTIONS,
  type ConnectOptions,
  type FindIdentities,
  type PresentedHostKey,
} from "./login/client/options.ts";
export { type ClientUsers, joinUsers } from "./login/client/users.ts";
export { clientKeyboardInteractiveWith } from "./login/methods/keyboard-interactive.ts";
export { clientMethods } from "./login/methods/list.ts";
export { certificateAuthority, keyDecision } from "./login/server/certificate-authority.ts";
export { loginId } from "./login/server/login-id.ts";
export { isRefusal } from "./login/server/method.ts";
export { SERVE_OPTIONS, type ServerProvider } from "./login/server/options.ts";
export { afterEnd } from "./mux/after-end.ts";
export { Channel } from "./mux/channel.ts";
export { withinBound, wrapDuplex, wrapHandler } from "./mux/duplex.ts";
export { isThenable, leaveUncaught } from "./mux/engine.ts";
export { EventBuffer } from "./mux/event-buffer.ts";
export type { Mux, MuxSide, OpenHandler } from "./mux/mux.ts";
export type { Opener } from "./mux/open-channel.ts";
export { queueMacrotask } from "./mux/queue.ts";
export { abortedError, type Closable, onAbort, openedUnlessAborted, unlessAborted } from "./on-abort.ts";
export {
  type AlgorithmChanges,
  type AlgorithmKind,
  type AlgorithmPattern,
  type AlgorithmTable,
  algorithmTable,
  findAlgorithms,
  type KnownAlgorithm,
  type ListedAlgorithms,
  listAlgorithms,
} from "./options/algorithm-table.ts";
export { chooseAlgorithms } from "./options/algorithms.ts";
export { offeredAlgorithms } from "./options/offered-algorithms.ts";
export { checkOptions, type OptionRow, type OptionRows, type ScopedRows } from "./options/schema.ts";
export { platformRandom } from "./random.ts";
export { checkReconnect, type ListenPlace, type ReconnectEvent, type ReconnectOptions } from "./reconnect/options.ts";
export { inSlices } from "./slices.ts";
export { Backlog, SMALL_CHUNK } from "./streams/backlog.ts";
export { webStreams } from "./streams/web-streams.ts";
export type * from "./types.ts";
export { type AgentLimits, agentClient } from "./users/agent/client.ts";
export { forwardedAgent } from "./users/agent/server.ts";
export { type ChannelTimeoutsOptions, channelTimeouts } from "./users/channel-timeouts/client.ts";
export type { ClientDriver, ClientMux, LoggedIn, Reconnection } from "./users/client/client.ts";
export type { ClientUser } from "./users/client/client-user.ts";
export { channelDuplex } from "./users/forward/channel-duplex.ts";
export { channelPair } from "./users/forward/channel-pair.ts";
export { listenersOf } from "./users/forward/client.ts";
export { dialOver } from "./users/forward/dial.ts";
export { type Place, parsePlace, permitsAddress, permitsTarget } from "./users/forward/places.ts";
export { checkListenAddress, type RemoteListeners } from "./users/forward/remote-listener.ts";
export {
  checkForwardPort,
  checkOriginator,
  checkSocketPath,
  checkTarget,
  formatTarget,
} from "./users/forward/target.ts";
export { type AnnouncedHostKeys, type HostKeysConnectOptions, hostKeysClient } from "./users/host-keys/client.ts";
export { BaseProcess } from "./users/session/base-process.ts";
export { BaseSession, type SessionStart } from "./users/session/base-session.ts";
export { cutShort, ExitReport } from "./users/session/exit.ts";
export { STDOUT } from "./users/session/names.ts";
export { Process } from "./users/session/process.ts";
export { encodeBreak, encodeCommand, encodeSignal, encodeSize, encodeSubsystem } from "./users/session/requests.ts";
export { Session } from "./users/session/session.ts";
export { type ProcessMaker, webProcess } from "./users/session/spawn.ts";
export { encodeTerminalModes, TERMINAL_MODES } from "./users/session/terminal-modes.ts";
export { withDescriptions } from "./watchers.ts";
export { withCaller } from "./with-caller.ts";
