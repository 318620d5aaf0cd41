/** Receive window in bytes, and high-water mark of the writable side. */
export const MAX_WINDOW: number = 2 * 1024 * 1024;

/** Maximum packet size in bytes that we announce. */
export const PACKET_SIZE: number = 32 * 1024;

/** Half of the window. */
export const WINDOW_THRESHOLD: number = MAX_WINDOW / 2;
