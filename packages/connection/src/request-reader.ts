import { type AskToken, type ChannelRequest } from "@nacre/wire";
import type { ConnectionEvent } from "./events.ts";

/** Decodes the peer's requests on one channel by its type. */
export interface RequestReader {
  /**
   * Returns an event for the request, or a boolean if the answer needs no decision. Returns `undefined` for an unknown request, which
   * becomes a "channel-request". `token` identifies the request in its event. Throws `malformed-message`.
   */
  read(request: ChannelRequest, token: AskToken | undefined): ConnectionEvent | boolean | undefined;
}

/** The channel that a reader is created for. */
export interface RequestReaderContext {
  /** Our number for the channel. */
  readonly channel: number;
  readonly isOpenedByUs: boolean;
}

/** Creates the readers of channels, by channel type. Channels of other types have no reader. */
export type RequestReaders = Readonly<Record<string, (context: RequestReaderContext) => RequestReader>>;
