import { SshError } from "@nacre/wire";
import type { Channel } from "../mux/channel.ts";
import type { PairFacts, StreamKind, StreamTypes } from "../streams/stream-kind.ts";

/**
 * Returns a pair of byte streams over a channel. Each direction ends separately. The channel closes when both directions have ended or the
 * writer aborts; cancelling the reader ends its direction. If the peer closes the channel without an EOF, the reader fails with
 * `channel-closed`, because bytes may be missing.
 */
export function channelPair<K extends StreamTypes>(
  channel: Channel,
  streams: StreamKind<K>,
  facts: PairFacts = {},
): K["pair"] {
  let isInputOver = false;
  let isOutputOver = false;
  const closeIfOver = (): void => {
    if (isInputOver && isOutputOver) channel.close();
  };
  const pair = streams.pair(
    {
      consumed: (bytes) => channel.consumed(bytes),
      cancelled() {
        isInputOver = true;
        closeIfOver();
      },
    },
    {
      write: (bytes) => channel.write(bytes),
      end() {
        channel.end();
        isOutputOver = true;
        closeIfOver();
      },
      abort: () => channel.close(new SshError("closed", "the forwarded connection was aborted by this side")),
    },
    facts,
  );
  channel.handler = {
    data(stream, bytes) {
      if (stream === 0) pair.receive(bytes);
      else channel.consumed(bytes.length);
    },
    writable: () => pair.room(),
    eof() {
      pair.finish();
      isInputOver = true;
      closeIfOver();
    },
    request: (request) => channel.reply(request, false),
    closed({ error }) {
      const reason = error ?? new SshError("channel-closed", "the peer closed the forwarded connection");
      // No effect after an EOF, when all bytes have arrived.
      pair.finish(reason);
      pair.fail(reason);
    },
  };
  return pair.stream;
}
