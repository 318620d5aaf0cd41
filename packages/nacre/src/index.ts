export * from "./common.ts";
export { connect, connectDuplex, serve, serveDuplex } from "./with-defaults.ts";
