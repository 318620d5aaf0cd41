export { MAX_MESSAGE_LENGTH } from "@nacre/tunnel";

/** Milliseconds for a client to answer a close frame. */
export const WEB_SOCKET_CLOSE_TIME = 2000;

/** Frames of one message. */
export const MAX_FRAGMENTS = 256;

/** Pieces of an unfinished frame, as the system hands them over: each costs more than its bytes. */
export const MAX_CHUNKS = 4096;
