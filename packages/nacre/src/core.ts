export * from "./common.ts";
export { type PrivateKeyOptions, privateKey } from "./private-key.ts";
export { connect, serve } from "./with-algorithms.ts";
