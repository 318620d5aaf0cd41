export { MAX_MESSAGE_LENGTH } from "@nacre/tunnel";

/** Milliseconds for a client to answer a close frame. */
export const WEB_SOCKET_CLOSE_TIME = 2000;
