// What connections are made of, for those who have algorithms and a hash of their own: no cryptography is imported.
export { Backlog, SMALL_CHUNK } from "./backlog.ts";
export { checkKey, checkNames, checkSignal, checkUser } from "./check.ts";
export { connectDuplex } from "./client.ts";
export * from "./common.ts";
export { encodeBreak, encodeSignal, encodeSize } from "./requests.ts";
export { checkServeOptions, serveDuplex } from "./server.ts";
export { completeServerLimits } from "./server-driver.ts";
export { offeredAlgorithms } from "./wasm.ts";
