/**
 * The API of ssh2 1.17 over Nacre.
 *
 * @module
 */
export type { Ssh2Error } from "./errors.ts";
export { type ClientInfo, type ConnectionListener, Server } from "./server/server.ts";
