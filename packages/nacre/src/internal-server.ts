// The server side of `nacre/extend`. An entry of its own, because a client need not load it.

export { serverMethods } from "./login/methods/list.ts";
export { SERVER_LIMITS } from "./login/server/limits.ts";
export { checkServeOptions, serveDuplex } from "./login/server/server.ts";
