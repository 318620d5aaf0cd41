import type { Channel } from "../../mux/channel.ts";
import { type WebStreams, webStreams } from "../../streams/web-streams.ts";
import { BaseSession, type SessionStart } from "./base-session.ts";

/** A session requested by a client, with Web streams. */
export class Session extends BaseSession<WebStreams> {
  constructor(channel: Channel, start: SessionStart) {
    super(channel, start, webStreams);
  }
}
