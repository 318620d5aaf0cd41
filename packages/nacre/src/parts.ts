// What connections are made of, for those who have algorithms and a hash of their own: no cryptography is imported.
export { SESSION_LIMITS } from "@nacre/session";
export { checkKey, checkLimits, checkSignal, checkUser } from "./check.ts";
export { connectDuplex } from "./client/client.ts";
export * from "./common.ts";
export { channelPair } from "./forward/channel-pair.ts";
export { type Place, parsePlace, permitsAddress, permitsTarget } from "./forward/places.ts";
export { checkSocketPath, formatTarget } from "./forward/target.ts";
export { CONNECT_OPTIONS, checkNames, type OptionNames, SERVE_OPTIONS } from "./option-names.ts";
export { checkKeyText, passphraseNeeded } from "./private-key.ts";
export { SERVER_LIMITS } from "./server/limits.ts";
export { checkServeOptions, serveDuplex } from "./server/server.ts";
export { encodeBreak, encodeSignal, encodeSize } from "./session/requests.ts";
export { inSlices } from "./slices.ts";
export { Backlog, SMALL_CHUNK } from "./streams/backlog.ts";
export { offeredAlgorithms } from "./wasm.ts";
