/**
 * Idle time in milliseconds before the first TCP keepalive probe: the system's default. Node sets it together with SO_KEEPALIVE and gives
 * up about ten seconds after the first probe. A shorter time would end sessions during brief network failures.
 */
export const TCP_KEEPALIVE_DELAY = 7_200_000;
