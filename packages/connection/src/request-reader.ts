import { type AskToken, type ChannelRequest } from "@nacre/wire";
import type { ConnectionEvent } from "./events.ts";

/** Reads the peer's requests on one channel, by their meaning for its type. */
export interface RequestReader {
  /**
   * Returns the event that tells of the request, the answer to one that needs no decision, or `undefined` for an unknown request, which
   * becomes a "channel-request". `token` stands for the request in its event. Throws `malformed-message`.
   */
  read(request: ChannelRequest, token: AskToken | undefined): ConnectionEvent | boolean | undefined;
}

/** The channel that a reader is made for. */
export interface RequestReaderContext {
  /** Our number of the channel. */
  readonly channel: number;
  /** Our side of the connection. */
  readonly role: "client" | "server";
  readonly isOpenedByUs: boolean;
}

/** Makes the readers of channels, by channel type. Channels of other types have none. */
export type RequestReaders = Readonly<Record<string, (context: RequestReaderContext) => RequestReader>>;
