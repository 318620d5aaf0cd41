// Building blocks for packages that bring their own algorithms and fingerprint function. Imports no cryptography.
export { SESSION_LIMITS } from "@nacre/session";
export {
  checkKey,
  checkLimits,
  checkSignal,
  checkUser,
  isBytes,
  usage,
} from "./check.ts";
export { connectDuplex } from "./client/base-client.ts";
export { explicitHostKey, type HostKeyOption } from "./client/host-keys.ts";
export { decideByKnownHosts, type KnownHostDecision } from "./client/known-hosts.ts";
export { CONNECT_OPTIONS } from "./client/options.ts";
export * from "./common.ts";
export { channelDuplex } from "./forward/channel-duplex.ts";
export { channelPair } from "./forward/channel-pair.ts";
export { dialChannel } from "./forward/dial.ts";
export { type Place, parsePlace, permitsAddress, permitsTarget } from "./forward/places.ts";
export { checkListenAddress, type RemoteListeners } from "./forward/remote-listener.ts";
export { checkForwardPort, checkOriginator, checkSocketPath, checkTarget, formatTarget } from "./forward/target.ts";
export { FREED_FROM, freeBuffer, freeBuffers } from "./free-buffer.ts";
export { checkKeyText, passphraseNeeded } from "./key-text.ts";
export { clientMethods } from "./methods/list.ts";
export { afterEnd } from "./mux/after-end.ts";
export { isThenable, leaveUncaught } from "./mux/engine.ts";
export { EventBuffer } from "./mux/event-buffer.ts";
export type { Opener } from "./mux/open-channel.ts";
export { queueMacrotask } from "./mux/queue.ts";
export { abortedError, type Closable, onAbort, openedUnlessAborted, unlessAborted } from "./on-abort.ts";
export { checkNames, type OptionNames } from "./option-names.ts";
export { chooseAlgorithms } from "./options/algorithms.ts";
export { checkOptions, type OptionRow, type OptionRows, type ScopedRows } from "./options/schema.ts";
export { platformRandom } from "./random.ts";
export { loginId } from "./server/login-id.ts";
export { SERVE_OPTIONS } from "./server/options.ts";
export { ExitReport } from "./session/exit.ts";
export { STDOUT } from "./session/names.ts";
export { encodeBreak, encodeCommand, encodeSignal, encodeSize, encodeSubsystem } from "./session/requests.ts";
export { encodeTerminalModes } from "./session/terminal-modes.ts";
export { inSlices } from "./slices.ts";
export { Backlog, SMALL_CHUNK } from "./streams/backlog.ts";
export { offeredAlgorithms } from "./wasm.ts";
export { withDescriptions } from "./watchers.ts";
export { withCaller } from "./with-caller.ts";
