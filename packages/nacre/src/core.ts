export * from "./common.ts";
export { connect, serve } from "./with-algorithms.ts";
