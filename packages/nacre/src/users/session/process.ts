import type { Channel } from "../../mux/channel.ts";
import { type WebStreams, webStreams } from "../../streams/web-streams.ts";
import { BaseProcess } from "./base-process.ts";

/** A running remote command, with Web streams. */
export class Process extends BaseProcess<WebStreams> {
  /** `hasTerminal` tells whether the command runs on a pseudo-terminal; default false. */
  constructor(channel: Channel, hasTerminal: boolean = false) {
    super(channel, webStreams, hasTerminal);
  }
}
