// The server side of `nacre/extend`. An entry of its own, because a client need not load it.
export { serverMethods } from "./methods/list.ts";
export { SERVER_LIMITS } from "./server/limits.ts";
export { checkServeOptions, serveDuplex } from "./server/server.ts";
