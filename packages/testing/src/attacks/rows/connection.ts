import { both, held, heldBy, patch, type Row, remove, together } from "./types.ts";

const WINDOW_OVERFLOW = remove("window-overflow");
const WINDOW_EXCEEDED = remove("window-exceeded");
const ON_CONSUMPTION = patch("credit-on-consumption", "{ $& this.#returnCredit(state.peer, window, data.length); }");
const MAXIMUM_ZERO = remove("confirmed-maximum-zero");
const MAXIMUM_ZERO_OPEN = patch("open-maximum-zero", "false");
const MAXIMUM_OURS = remove("data-over-maximum");
const UNKNOWN_TYPE = patch("extended-data-type", "true");
const NOBODY_READS = patch(
  "dropped-data",
  `this.#context.emit({ type: "data", channel: this.number, stream: stream!, data });`,
);
const CREDIT_OF_DROPPED = patch("dropped-data", "return;");
const UNASKED_REPLIES = remove("unasked-replies");
const CHANNEL_REPLY = patch("unasked-channel-reply", "return;");
const GLOBAL_REPLY = patch("unasked-global-reply", "return;");
const NOT_UNDERSTOOD = patch("unimplemented-request", "const place = requests.length - 1;");
const KNOWN_CHANNEL = patch("channel-known", "return state;");
const LATE_REQUESTS = patch("late-requests", "return closed !== undefined;");
const NO_LATE_REQUEST = patch("late-requests", "return false;");
const RESTING_NUMBERS = patch("resting-numbers", "return oldest?.number ?? this.#channels.length;");
const AFTER_EOF = patch("data-after-eof", "return;");
const AFTER_CLOSE = patch("data-after-close", "false");
const ROOM = together(patch("room-for-open", "false"), patch("pending-opens", "false"));
const OWN_ROOM = together(patch("channel-count", "return false;"), remove("channel-count-on-accept"));
const PEER_REQUESTS = remove("channel-request-count");
const PEER_GLOBAL_REQUESTS = remove("global-request-count");
const DEAF = remove("reply-backlog");
const ALLOWED = patch("unsolicited-open", "false");
const DISALLOW = remove("disallow-opens");
const FORWARDED_UNKNOWN = patch("forwarded-open-unknown", "entry ??= this.#entries[0]!;");
const FORWARDED_AFTER_CANCEL = remove("forwarded-open-after-cancel");

const RAW = "nacre/test/raw-sessions";

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
  { title: "late requests", ...both("connection", LATE_REQUESTS, NO_LATE_REQUEST, RESTING_NUMBERS) },
  {
    title: "channel count",
    client: [
      held("connection", ROOM, OWN_ROOM),
      heldBy("nacre/test/forward/attacks", "channel count, by a listener's connections · client", ROOM),
    ],
    server: [
      held("connection", ROOM, OWN_ROOM, PEER_REQUESTS, PEER_GLOBAL_REQUESTS, DEAF),
      heldBy(
        "nacre/test/attacks",
        "channel count: forwarding · server",
        patch("forwarded-connections", "true"),
        patch("forward-listeners", "false"),
        patch("queued-forward-requests", "false"),
        patch("pending-opens", "this.size >= 32"),
      ),
    ],
  },
  {
    title: "unsolicited opens",
    client: [
      held("connection", ALLOWED, DISALLOW),
      heldBy(
        "nacre/test/forward/attacks",
        "unsolicited opens, with and without a listener · client",
        FORWARDED_UNKNOWN,
        FORWARDED_AFTER_CANCEL,
      ),
    ],
    server: held("connection", ALLOWED),
  },
  {
    title: "raw sessions",
    client: "not touched",
    server: [
      heldBy(RAW, "raw sessions: 10,000 requests without an answer · server", PEER_REQUESTS),
      heldBy(
        RAW,
        "raw sessions: a request before the channel is confirmed · server",
        patch("late-requests", "return true;"),
      ),
      heldBy(RAW, "raw sessions: opens that wait for a decision · server", patch("session-count", "false")),
      heldBy(
        RAW,
        "raw sessions: a login whose permissions restrict its sessions · server",
        remove("raw-session-restrictions"),
      ),
    ],
  },
];
