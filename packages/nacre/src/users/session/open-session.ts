import type { Channel } from "../../mux/channel.ts";
import { type Opener, openChannel } from "../../mux/open-channel.ts";

/** Opens a session channel. Rejects as `openChannel` does. */
export function openSession(mux: Opener): Promise<Channel> {
  return openChannel(mux, "session", undefined, "; the server may limit concurrent sessions (MaxSessions)");
}
