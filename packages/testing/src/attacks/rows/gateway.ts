import { heldBy, patch, type Row, remove } from "./types.ts";

const BOUNDS = "gateway/test/bounds";
const DESTINATIONS = "gateway/test/destinations";
const FAIR_QUEUE = "wire/test/fair-queue";
const GATEWAY = "gateway/test/gateway";
const HALF_CLOSED = "gateway/test/half-closed";
const INLET = "gateway/test/inlet";
const REQUESTS = "gateway/test/request-check";
const RESUME = "gateway/test/resume";
const SMALL_MESSAGES = "gateway/test/small-messages";
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
      heldBy(
        REQUESTS,
        "is required unless `allowMissingOrigin` is set",
        patch("origin-missing", "if (origin === undefined) return true;"),
      ),
      heldBy(REQUESTS, "for another host", remove("host-header")),
      heldBy(WEB_SOCKET, "with two Host headers is refused, even if both are allowed", remove("host-once")),
      heldBy(REQUESTS, "without the subprotocol while plain mode is off", remove("plain-off")),
    ],
  },
  {
    title: "gateway: bytes of another connection",
    client: "not touched",
    server: [
      heldBy(
        INLET,
        "unacknowledged bytes stay unchanged while other connections are read",
        patch("read-copied", "SHARED.subarray(0, 1 + length)"),
      ),
    ],
  },
  {
    title: "gateway: stolen tickets",
    client: "not touched",
    server: [
      heldBy(TICKETS, "is valid for one WebSocket only", remove("ticket-once")),
      heldBy(
        TICKETS,
        "that was never issued is refused before the destination is dialled",
        remove("ticket-before-dial"),
      ),
      heldBy(
        TICKETS,
        "is valid for its destination, origin and HTTP session only, and any other use consumes it",
        remove("ticket-origin"),
        remove("ticket-destination"),
        remove("ticket-session"),
      ),
      heldBy(
        TICKETS,
        "expires, and can be revoked",
        patch("ticket-expiry", "if (entry === undefined) return undefined;"),
      ),
      heldBy(TICKETS, "is required even if the store has a value for every key", remove("ticket-needed")),
      heldBy(TICKETS, "is rejected by a full store", remove("ticket-store-room")),
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
        "issues a page of its own origin a ticket that is valid with the page's cookie only",
        patch("cookie-attributes", `return \`\${COOKIE}=\${secret}; Path=/; Secure\`;`),
      ),
      heldBy(TICKETS, "a form's content type", remove("ticket-body")),
      heldBy(TICKETS, "refuses a body of more than 4 KiB", remove("ticket-body-length")),
      heldBy(TICKETS, "everyone by default", remove("authorize")),
      heldBy(BOUNDS, "refuses ticket requests above the rate", remove("ticket-rate")),
      heldBy(
        TICKETS,
        "the ticket route refuses clients of other machines without TLS, for GET and POST",
        remove("secure-transport"),
      ),
    ],
  },
  {
    title: "gateway: another site's page",
    client: "not touched",
    server: [
      heldBy(
        TICKETS,
        "that sends requests in a loop (fetch) uses up no rate of its visitor's address",
        patch("ticket-origin-first", "const refused = undefined;"),
        patch("refused-rate", ""),
      ),
      heldBy(
        TICKETS,
        "that sends requests in a loop (image) uses up no rate of its visitor's address",
        remove("ticket-fetch-site"),
      ),
      heldBy(
        TICKETS,
        "that sends requests in a loop (old browser) uses up no rate of its visitor's address",
        patch("ticket-same-origin", 'if (!isOwn && method === "POST") return originRefusal("");'),
      ),
      heldBy(TICKETS, "is refused at a rate of its own", patch("refused-rate", "if (isRefused) return true;")),
      heldBy(
        TICKETS,
        "that leads its visitor to the route (same-origin) replaces no cookie, so that a tunnel resumes afterwards",
        remove("ticket-navigation"),
      ),
      heldBy(
        TICKETS,
        "that leads its visitor to the route (cross-site) replaces no cookie, so that a tunnel resumes afterwards",
        [...patch("ticket-navigation", ""), ...patch("ticket-fetch-site", "")],
      ),
      heldBy(
        GATEWAY,
        "refuses to serve metrics to another host, as a page that rebinds its name would ask",
        remove("metrics-host"),
      ),
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
      heldBy(TICKETS, "refuses port 65536, also if `allow` has every port", remove("destination-port")),
      heldBy(DESTINATIONS, "169.254.169.254", patch("destination-address", "const permitted = addresses;")),
      heldBy(
        DESTINATIONS,
        "with a network may resolve into it, and otherwise only to public addresses",
        patch(
          "destination-address",
          "const permitted = addresses.some((address) => isPermitted(target, entries, address)) ? addresses : [];",
        ),
      ),
      heldBy(DESTINATIONS, "is refused if its lookup returns a zone, a name or nothing", remove("destination-zone")),
      heldBy(DESTINATIONS, "2130706433", remove("spelled-address")),
      heldBy(
        DESTINATIONS,
        "is dialled at the checked address, even if the system resolves it to another",
        patch(
          "gateway-dial-checked-address",
          `lookup: (_host, options, found) => void import("node:dns").then((dns) => dns.lookup(host, options, found))`,
        ),
      ),
    ],
  },
  {
    title: "lookups",
    client: heldBy("node/test/lookup", "drops the names of a caller that gave up", remove("lookup-left")),
    server: [
      heldBy(
        FAIR_QUEUE,
        "gives a user half of the slots that others leave, rounded up",
        patch("fair-queue-share", "return true;"),
      ),
      heldBy(
        "node/test/forward-lookups",
        "one login's names that are never found hold up no other login, and leave the queue with their connection",
        patch("fair-queue-share", "return true;"),
      ),
      heldBy(
        DESTINATIONS,
        "that is never found holds up no other client: one has at most half of the lookups that others leave",
        patch("fair-queue-share", "return true;"),
      ),
      heldBy(
        FAIR_QUEUE,
        "lets users wait in line, the one whose work started longest ago first",
        patch("fair-queue-turns", "if (next !== undefined) continue;"),
      ),
      heldBy(FAIR_QUEUE, "keeps slots free for work that leaves fewer", remove("fair-queue-room")),
      heldBy(
        DESTINATIONS,
        "that `allow` lists has a lookup even if all others are taken by names that it does not list",
        remove("fair-queue-room"),
      ),
      heldBy(
        FAIR_QUEUE,
        "refuses work of a user for whom too much waits, and no other's",
        remove("fair-queue-waiting"),
      ),
      heldBy(DESTINATIONS, "is refused if 256 of the client's names wait", remove("fair-queue-waiting")),
      heldBy(DESTINATIONS, "of a client that gave up leaves the queue", remove("gateway-lookup-left")),
    ],
  },
  {
    title: "gateway: floods",
    client: "not touched",
    server: [
      heldBy(
        BOUNDS,
        "limits each client and the total, recovers rates with time, and forgets idle clients",
        patch("client-rate", "return this.#rate.take(now);"),
        remove("client-connections"),
        remove("total-connections"),
        remove("client-records"),
      ),
      heldBy(BOUNDS, "maxNewPerSecond", patch("total-rate", "true")),
      heldBy(
        BOUNDS,
        "closes the oldest silent WebSocket above maxPending, so that a client with a ticket connects",
        remove("pending-room"),
      ),
      heldBy(
        BOUNDS,
        "closes a WebSocket that sends no first message, or no proof, after firstMessageTimeout",
        remove("first-message-timeout"),
      ),
      heldBy(BOUNDS, "idleTimeout", remove("idle-timeout")),
      heldBy(BOUNDS, "maxTime", remove("max-time")),
      heldBy(BOUNDS, "a connection ends after maxBytes", remove("max-bytes")),
      heldBy(BOUNDS, "ends the WebSocket of a client that reads no pong, above maxUnreadPongs", remove("unread-pongs")),
      heldBy(BOUNDS, "a client that answers no ping loses its WebSocket, and may resume", remove("ping-timeout")),
      heldBy(
        BOUNDS,
        "at maxBufferedBytes, each connection buffers only its share and still makes progress",
        patch("buffered-bytes", "return true;"),
      ),
      heldBy(
        GATEWAY,
        "plain: each side is read no faster than the other accepts",
        patch("plain-backpressure-down", "this.socket.resume();"),
        patch("plain-backpressure-up", "ws.resume();"),
      ),
    ],
  },
  {
    title: "gateway: small messages",
    client: "not touched",
    server: [
      heldBy(SMALL_MESSAGES, "messages of one byte are joined while the socket is full", remove("outlet-joins")),
      heldBy(
        SMALL_MESSAGES,
        "five tunnels of one-byte messages to a destination that reads nothing need little more memory than their bytes",
        remove("outlet-joins"),
      ),
      heldBy(
        SMALL_MESSAGES,
        "plain: messages of one byte to a client that reads nothing count with their overhead",
        patch("web-socket-queue", "return this.bufferedAmount;"),
      ),
      heldBy(
        SMALL_MESSAGES,
        "bytes that a tunnel's WebSocket has no room for leave in few messages",
        patch("web-socket-queue", "return this.bufferedAmount;"),
      ),
      heldBy(
        BOUNDS,
        "at maxBufferedBytes, a tunnel whose destination takes nothing is not read beyond its share",
        remove("tunnel-backpressure-up"),
      ),
      heldBy(
        HALF_CLOSED,
        "a connection counts until its destination has read a client's last bytes",
        patch("last-bytes-counted", "0"),
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
      heldBy(TUNNEL, "a violation of the tunnel protocol ends an open tunnel", remove("binary-only")),
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
        "a tunnel is resumed only with the same HTTP session and origin",
        remove("resume-session"),
        patch("resume-origin", "return true;"),
      ),
      heldBy(RESUME, "a parked tunnel counts as a connection, and ends after resumeTime", remove("resume-time")),
      heldBy(RESUME, "maxParkedBytes", remove("parked-bytes")),
      heldBy(
        RESUME,
        "tunnels that one address parks leave room for those of another",
        patch("parked-bytes", "if (sum > left) return false;"),
      ),
      heldBy(RESUME, "maxParkedBytesPerClient", remove("parked-bytes-per-client")),
    ],
  },
  {
    title: "gateway: proxies and TLS",
    client: "not touched",
    server: [
      heldBy(
        REQUESTS,
        "sets the client's address and scheme only if it is trusted",
        patch("trusted-proxies", "const isForwarded = true;"),
      ),
      heldBy(REQUESTS, "only this machine may connect unless `allowInsecure` is set", remove("secure-transport")),
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
        "closes connections of a client above maxPerClient, and counts each client separately",
        remove("client-sockets"),
      ),
      heldBy(
        "cli/test/gateway",
        "refuses a file of --issue-token that other users can read or write",
        remove("secret-file-mode"),
      ),
      heldBy(
        "cli/test/gateway",
        "refuses a file of --key that other users can read or write",
        remove("secret-file-mode"),
      ),
      heldBy("cli/test/gateway", "refuses an --issue-token of less than 32 characters", remove("issue-token-length")),
    ],
  },
];
