import type { ChannelType } from "./channel-type.ts";
import { News } from "./news/news.ts";

/** Channel types that tests add on both sides, using only the public API. */
export const CHANNEL_TYPES: readonly ChannelType[] = [new News({}, "weather")];
