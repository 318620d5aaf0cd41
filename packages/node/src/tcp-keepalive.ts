/**
 * Milliseconds of silence before TCP asks whether the client is there: the system's own default. Node sets it whenever it turns
 * SO_KEEPALIVE on, and gives up ten seconds later, so a short one would end sessions in a short loss of the network.
 */
export const TCP_KEEPALIVE_DELAY = 7_200_000;
