/** Window of a channel in bytes, and what its streams buffer before they ask for a pause. */
export const MAX_WINDOW: number = 2 * 1024 * 1024;

/** Maximum packet size in bytes that we announce. */
export const PACKET_SIZE: number = 32 * 1024;

/** Half of the window. */
export const WINDOW_THRESHOLD: number = MAX_WINDOW / 2;
