// What connections are made of, for those who have algorithms and a hash of their own: no cryptography is imported.
export { SESSION_LIMITS } from "@nacre/session";
export { Backlog, SMALL_CHUNK } from "./backlog.ts";
export { checkKey, checkLimits, checkSignal, checkUser } from "./check.ts";
export { connectDuplex } from "./client.ts";
export * from "./common.ts";
export { CONNECT_OPTIONS, checkNames, type OptionNames, SERVE_OPTIONS } from "./option-names.ts";
export { checkKeyText, passphraseNeeded } from "./private-key.ts";
export { encodeBreak, encodeSignal, encodeSize } from "./requests.ts";
export { checkServeOptions, serveDuplex } from "./server.ts";
export { SERVER_LIMITS } from "./server-limits.ts";
export { inSlices } from "./slices.ts";
export { offeredAlgorithms } from "./wasm.ts";
