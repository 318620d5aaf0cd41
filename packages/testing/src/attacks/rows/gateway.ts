import { heldBy, patch, type Row, remove } from "./types.ts";

const BOUNDS = "gateway/test/bounds";
const DESTINATIONS = "gateway/test/destinations";
const GATEWAY = "gateway/test/gateway";
const REQUESTS = "gateway/test/request-check";
const RESUME = "gateway/test/resume";
const SLABS = "gateway/test/slab-pool";
const TICKETS = "gateway/test/tickets";
const TUNNEL = "gateway/test/tunnel";
const WEB_SOCKET = "gateway/test/web-socket";

/** Attacks on a gateway by pages, programs and clients. */
export const GATEWAY_ROWS: readonly Row[] = [
  {
    title: "gateway: other pages",
    client: "not touched",
    server: [
      heldBy(REQUESTS, "of another origin", patch("origin-exact", "return true;")),
      heldBy(
        REQUESTS,
        "https://app.example.org.evil.example",
        patch("origin-exact", "return [...this.#origins].some((one) => origin.startsWith(one));"),
      ),
      heldBy(
        REQUESTS,
        "https://evil-app.example.org",
        patch("origin-exact", "return [...this.#origins].some((one) => origin.endsWith(new URL(one).host));"),
      ),
      heldBy(REQUESTS, "is needed, unless said", patch("origin-missing", "if (origin === undefined) return true;")),
      heldBy(REQUESTS, "for another host", remove("host-header")),
      heldBy(WEB_SOCKET, "with two Host headers is refused, also if the first one is allowed", remove("host-once")),
      heldBy(REQUESTS, "without the subprotocol, as plain mode is off", remove("plain-off")),
      heldBy(GATEWAY, "an unknown option", remove("gateway-option-names")),
    ],
  },
  {
    title: "gateway: bytes of another connection",
    client: "not touched",
    server: [
      heldBy(SLABS, "only after each holder has released it", patch("slab-holders", "--this.#holders;")),
      heldBy(SLABS, "until the WebSocket has sent it", remove("slab-held-while-sent")),
      heldBy(SLABS, "while other connections use the slabs", remove("slab-held-while-unacknowledged")),
    ],
  },
  {
    title: "gateway: stolen tickets",
    client: "not touched",
    server: [
      heldBy(TICKETS, "is used up by the first that shows it", remove("ticket-once")),
      heldBy(
        TICKETS,
        "that was never issued leads to no connection with the destination",
        remove("ticket-before-dial"),
      ),
      heldBy(
        TICKETS,
        "is for its destination, its origin and its session only, and used up by any other",
        remove("ticket-origin"),
        remove("ticket-destination"),
        remove("ticket-session"),
      ),
      heldBy(
        TICKETS,
        "expires, and can be revoked",
        patch("ticket-expiry", "if (entry === undefined) return undefined;"),
      ),
      heldBy(TICKETS, "is needed even where the store has a value for anything", remove("ticket-needed")),
      heldBy(TICKETS, "finds no room in a full store", remove("ticket-store-room")),
      heldBy(
        "gateway/test/redis",
        "a ticket store over Redis takes with GETDEL, keeps milliseconds, and prefixes its keys",
        patch(
          "redis-take-once",
          `async take(key) {
            const value = await client.getDel(prefix + key);
            if (value !== null) await client.set(prefix + key, value, { PX: 30_000 });
            return value ?? undefined;
          }`,
        ),
      ),
    ],
  },
  {
    title: "gateway: requests for tickets",
    client: "not touched",
    server: [
      heldBy(TICKETS, "refuses an origin that may connect but is not the gateway's own", remove("ticket-same-origin")),
      heldBy(TICKETS, "no token", remove("csrf-token")),
      heldBy(TICKETS, "another cookie", remove("csrf-token")),
      heldBy(
        TICKETS,
        "gives a page of its own origin a ticket that opens a connection of its session",
        patch("cookie-attributes", `return \`\${COOKIE}=\${secret}; Path=/; Secure\`;`),
      ),
      heldBy(TICKETS, "a form's content type", remove("ticket-body")),
      heldBy(TICKETS, "refuses a body of more than 4 KiB", remove("ticket-body-length")),
      heldBy(TICKETS, "everyone by default", remove("authorize")),
      heldBy(BOUNDS, "refuses more ticket requests than the rate", remove("ticket-rate")),
    ],
  },
  {
    title: "gateway: destinations",
    client: "not touched",
    server: [
      heldBy(
        TICKETS,
        "refuses a destination that is not allowed, before it asks the application",
        remove("destination-allowed"),
      ),
      heldBy(DESTINATIONS, "169.254.169.254", patch("destination-address", "const permitted = addresses;")),
      heldBy(
        DESTINATIONS,
        "with a network may lead there, and nowhere else that is not public",
        patch(
          "destination-address",
          "const permitted = addresses.some((address) => isPermitted(target, entries, address)) ? addresses : [];",
        ),
      ),
      heldBy(DESTINATIONS, "that a resolver answers with no address or a zone is refused", remove("destination-zone")),
      heldBy(DESTINATIONS, "2130706433", remove("spelled-address")),
      heldBy(
        DESTINATIONS,
        "is dialled at the address that was checked, not at the system's",
        patch(
          "gateway-dial-checked-address",
          `lookup: (_host, options, found) => void import("node:dns").then((dns) => dns.lookup(host, options, found))`,
        ),
      ),
      heldBy(
        DESTINATIONS,
        "is looked up once by those that come at the same time, and no more than 64 at once",
        remove("lookups-bounded"),
      ),
    ],
  },
  {
    title: "gateway: floods",
    client: "not touched",
    server: [
      heldBy(
        BOUNDS,
        "clients are counted apart, recover with time, and are forgotten",
        patch("client-rate", "return this.#rate.take(now);"),
        remove("client-connections"),
        remove("total-connections"),
        remove("client-records"),
      ),
      heldBy(BOUNDS, "maxNewPerSecond", patch("total-rate", "true")),
      heldBy(
        BOUNDS,
        "too many that send nothing end the oldest of them, and a client with a ticket gets in",
        remove("pending-room"),
      ),
      heldBy(
        BOUNDS,
        "a WebSocket without a first message, and one without a proof, end in time",
        remove("first-message-timeout"),
      ),
      heldBy(BOUNDS, "idleTimeout", remove("idle-timeout")),
      heldBy(BOUNDS, "maxTime", remove("max-time")),
      heldBy(BOUNDS, "a connection ends after maxBytes", remove("max-bytes")),
      heldBy(BOUNDS, "a client that answers no ping loses its WebSocket, and may resume", remove("ping-timeout")),
      heldBy(
        BOUNDS,
        "full memory makes each connection read only its share, and it still moves",
        patch("buffered-bytes", "return true;"),
      ),
      heldBy(
        GATEWAY,
        "plain: neither side is read faster than the other one takes it",
        patch("plain-backpressure-down", "socket.resume();"),
        patch("plain-backpressure-up", "ws.resume();"),
      ),
      heldBy(
        GATEWAY,
        "shuts down: refuses new ones, gives the others their time, then closes them, and leaves nothing",
        remove("closing-refuses"),
      ),
    ],
  },
  {
    title: "gateway: WebSocket messages",
    client: "not touched",
    server: [
      heldBy(WEB_SOCKET, "a message of more than 64 KiB", remove("message-size")),
      heldBy(WEB_SOCKET, "a message of more than 256 fragments", remove("message-parts")),
      heldBy(WEB_SOCKET, "a compressed frame", patch("no-compression", "perMessageDeflate: true")),
      heldBy(
        TUNNEL,
        "a first message of more than 4 KiB",
        patch("first-message-length", 'if (!isBinary) return this.refuse("protocol-error");'),
      ),
      heldBy(TUNNEL, "a violation in an open tunnel ends it", remove("binary-only")),
    ],
  },
  {
    title: "gateway: parked tunnels",
    client: "not touched",
    server: [
      heldBy(
        RESUME,
        "a new WebSocket displaces the old one only after the proof",
        remove("displace-after-proof"),
        patch("displace-after-proof", 'if (this.ws !== undefined) closeWebSocket(this.ws, "displaced"); $&'),
      ),
      heldBy(
        RESUME,
        "is resumed under the same session and origin only",
        remove("resume-session"),
        patch("resume-origin", "return true;"),
      ),
      heldBy(RESUME, "counts as a connection while it waits, and ends when its time is over", remove("resume-time")),
      heldBy(RESUME, "maxParkedBytes", remove("parked-bytes")),
      heldBy(RESUME, "maxParkedBytesPerClient", remove("parked-bytes-per-client")),
    ],
  },
  {
    title: "gateway: proxies and TLS",
    client: "not touched",
    server: [
      heldBy(REQUESTS, "is believed only where it is trusted", patch("trusted-proxies", "const isForwarded = true;")),
      heldBy(REQUESTS, "only this machine may connect, unless said", remove("secure-transport")),
    ],
  },
  {
    title: "gateway: command",
    client: "not touched",
    server: [
      heldBy("cli/test/gateway-issue", "without a token", remove("issue-token")),
      heldBy(
        "cli/test/gateway-issue",
        "with another token",
        patch(
          "issue-token",
          `if (!/^Bearer .+$/.test(request.headers.authorization ?? "")) return [401, { error: "token" }];`,
        ),
      ),
      heldBy(
        "cli/test/gateway-sockets",
        "closes the connections of a client beyond its number, and counts the others",
        remove("client-sockets"),
      ),
      heldBy("cli/test/gateway", "refuses an --issue-token of less than 32 characters", remove("issue-token-length")),
    ],
  },
];
