import { CHANNEL_OPEN_FAILURE_REASON, utf8Decode, utf8Encode } from "@nacre/wire";
import type { ChannelType } from "../channel-type.ts";

/** A session request of the client. Its data is the requested topic. */
export const NEWS_REQUEST = "news-req@example.org";

/** A channel that the server opens for each piece of news. The open's data is the topic; the channel carries the text. */
export const NEWS_CHANNEL = "news@example.org";

/** Maximum number of news channels that a client accepts at a time. */
export const MAX_NEWS = 2;

const { ADMINISTRATIVELY_PROHIBITED, RESOURCE_SHORTAGE } = CHANNEL_OPEN_FAILURE_REASON;

/** Sends news to clients that request its topic on a session. */
export class News implements ChannelType {
  readonly name = NEWS_CHANNEL;
  readonly permissions = { sessionRequests: [NEWS_REQUEST] };
  /** Texts that the client received. */
  readonly received: string[] = [];
  /** Outcome of each open of the server. */
  readonly outcomes: Promise<unknown>[] = [];
  readonly #texts: Readonly<Record<string, readonly string[]>>;
  readonly #topic: string;
  #open = 0;

  /** `texts` are the server's news by topic. `topic` is the only topic that the client accepts. */
  constructor(texts: Readonly<Record<string, readonly string[]>>, topic: string) {
    this.#texts = texts;
    this.#topic = topic;
  }

  readonly server: ChannelType["server"] = {
    sessionRequests: {
      [NEWS_REQUEST]: ({ data }, connection) => {
        const texts = this.#texts[utf8Decode(data) ?? ""];
        for (const text of texts ?? []) {
          const opening = connection.openChannel(NEWS_CHANNEL, data);
          this.outcomes.push(opening);
          opening.then(
            (channel) => {
              channel.write(utf8Encode(text));
              channel.end();
            },
            () => {},
          );
        }
        return texts !== undefined;
      },
    },
  };

  readonly client: ChannelType["client"] = {
    channels: {
      [NEWS_CHANNEL]: (open) => {
        if (utf8Decode(open.data) !== this.#topic)
          return open.reject(ADMINISTRATIVELY_PROHIBITED, "topic not requested");
        if (this.#open >= MAX_NEWS)
          return open.reject(RESOURCE_SHORTAGE, `the limit of ${MAX_NEWS} channels is reached`);
        const channel = open.accept();
        if (channel === undefined) return;
        this.#open++;
        let text = "";
        channel.handler = {
          data(_, bytes) {
            text += utf8Decode(bytes);
            channel.consumed(bytes.length);
          },
          writable() {},
          eof: () => {
            this.received.push(text);
            channel.close();
          },
          request: (request) => channel.reply(request, false),
          closed: () => void this.#open--,
        };
      },
    },
  };
}
