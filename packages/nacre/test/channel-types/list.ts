import type { ChannelType } from "./channel-type.ts";
import { News } from "./news/news.ts";

/** Channel types that the tests add to both sides, through the public doors alone. */
export const CHANNEL_TYPES: readonly ChannelType[] = [new News({}, "weather")];
