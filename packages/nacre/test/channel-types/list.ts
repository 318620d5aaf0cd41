import type { ChannelType } from "./channel-type.ts";

/** Channel types that the tests add to both sides, through the public doors alone. */
export const CHANNEL_TYPES: readonly ChannelType[] = [];
