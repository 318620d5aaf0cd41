export * from "./common.ts";
export { connect, connectDuplex, serve } from "./with-algorithms.ts";
