export { MAX_MESSAGE_LENGTH } from "@nacre/tunnel";

/** Time for a client to answer a close frame, in milliseconds. */
export const WEB_SOCKET_CLOSE_TIME = 2000;

/** Most frames of one message. */
export const MAX_FRAGMENTS = 256;

/** Most chunks of an unfinished frame, as read from the socket. Each chunk needs more memory than its bytes. */
export const MAX_CHUNKS = 4096;
