/**
 * The API of ssh2 1.17 over Nacre.
 *
 * @module
 */
export { Client } from "./client/client.ts";
export type { Ssh2Error } from "./errors.ts";
export { parseKey } from "./keys/parse-key.ts";
