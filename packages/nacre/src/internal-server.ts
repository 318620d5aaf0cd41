// Building blocks of a server, for packages that build on `nacre/internal`. Apart from it because a client needs none of this code.
export { SERVER_LIMITS } from "./server/limits.ts";
export { checkServeOptions, serveDuplex } from "./server/server.ts";
