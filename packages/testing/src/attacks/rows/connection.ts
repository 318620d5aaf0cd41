import { both, held, patch, type Row } from "./types.ts";

const WINDOW_OVERFLOW = patch("connection/channel", "window > 0xffff_ffff", "false");
const WINDOW_EXCEEDED = patch("connection/receive-window", "length > this.#left", "false");
const ON_CONSUMPTION = patch(
  "connection/channel",
  `else this.#context.emit({ type: "data", channel: this.number, stream, data });`,
  `else {
      this.#context.emit({ type: "data", channel: this.number, stream, data });
      this.#returnCredit(state.peer, window, data.length);
    }`,
);
const MAXIMUM_ZERO = patch("connection/channel", "if (maximum === 0)", "if (false)");
const MAXIMUM_ZERO_OPEN = patch("connection/peer-opens", "maximumPacketSize === 0", "false");
const MAXIMUM_OURS = patch("connection/channel", "data.length > limits.maximumPacketSize", "false");
const UNKNOWN_TYPE = patch(
  "connection/connection",
  `dataTypeCode === SSH_EXTENDED_DATA_STDERR ? "stderr" : undefined`,
  `"stderr"`,
);
const NOBODY_READS = patch("connection/channel", "stream === undefined || state.discarded.includes(stream)", "false");
const CREDIT_OF_DROPPED = patch(
  "connection/channel",
  "state.discarded.includes(stream)) this.#returnCredit(state.peer, window, data.length);",
  "state.discarded.includes(stream)) return;",
);
const UNASKED_REPLIES = patch("connection/context", "++this.#unaskedReplies > this.limits.maxUnaskedReplies", "false");
const CHANNEL_REPLY = patch(
  "connection/channel",
  "if (pending === undefined) this.#context.admitUnaskedReply(what);",
  "if (pending === undefined) return;",
);
const GLOBAL_REPLY = patch(
  "connection/global-requests",
  "if (pending === undefined) this.#context.admitUnaskedReply(what);",
  "if (pending === undefined) return;",
);
const NOT_UNDERSTOOD = patch(
  "connection/pending-request",
  "requests.findIndex((pending) => pending.sequenceNumber === sequenceNumber)",
  "requests.length - 1",
);
const KNOWN_CHANNEL = patch("connection/channel", `state.kind === "open" || state.kind === "closing"`, "true");
const AFTER_EOF = patch(
  "connection/channel",
  `if (state.incoming.kind === "ended") throw this.#unexpected(what, "after its end");`,
  `if (state.incoming.kind === "ended") return;`,
);
const AFTER_CLOSE = patch(
  "connection/channel",
  `if (state.kind === "closing" || data.length === 0) return;`,
  "if (data.length === 0) return;",
);
const ROOM = patch(
  "connection/peer-opens",
  "!hasRoom || this.#pending(channelType) >= this.#context.limits.maxPendingOpens",
  "false",
);
const OWN_ROOM = patch(
  "connection/connection",
  "this.#channelCount + this.#peerOpens.size >= this.#context.limits.maxChannels",
  "false",
);
const PEER_REQUESTS = patch(
  "connection/channel",
  "state.replies.length >= this.#context.limits.maxPeerRequests",
  "false",
);
const PEER_GLOBAL_REQUESTS = patch(
  "connection/global-requests",
  "this.#replies.length >= limits.maxPeerRequests",
  "false",
);
const DEAF = patch("connection/context", "if (this.sink.pending > most)", "if (false)");
const SESSIONS_ONLY = patch("connection/channel", "if (!isSession || sender === role) return false;", "");
const ALLOWED = patch("connection/peer-opens", "(!this.#allowed.includes(channelType)) {", "(false) {");
const DISALLOW = patch(
  "connection/peer-opens",
  "this.#allowed = this.#allowed.filter((allowed) => allowed !== channelType);",
  "",
);

export const CONNECTION: readonly Row[] = [
  { title: "window", ...both("connection", WINDOW_OVERFLOW, WINDOW_EXCEEDED, ON_CONSUMPTION) },
  {
    title: "packet size",
    client: held("connection", MAXIMUM_ZERO, MAXIMUM_OURS),
    server: held("connection", MAXIMUM_ZERO_OPEN, MAXIMUM_OURS),
  },
  { title: "extended data", ...both("connection", UNKNOWN_TYPE, NOBODY_READS, CREDIT_OF_DROPPED) },
  { title: "unasked replies", ...both("connection", UNASKED_REPLIES, CHANNEL_REPLY, GLOBAL_REPLY, NOT_UNDERSTOOD) },
  { title: "channel numbers", ...both("connection", KNOWN_CHANNEL, AFTER_EOF, AFTER_CLOSE) },
  {
    title: "channel count",
    client: held("connection", ROOM, OWN_ROOM),
    server: held("connection", ROOM, OWN_ROOM, PEER_REQUESTS, PEER_GLOBAL_REQUESTS, DEAF),
  },
  {
    title: "unsolicited opens",
    client: held("connection", ALLOWED, DISALLOW),
    server: held("connection", ALLOWED, SESSIONS_ONLY),
  },
];
