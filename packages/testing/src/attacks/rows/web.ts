import { heldBy, patch, type Row, remove } from "./types.ts";

const TUNNEL = "tunnel/test/tunnel";
const DUPLEX = "web/test/tunnel-duplex";
const PLAIN = "web/test/plain";
const KNOWN_HOSTS = "web/test/known-hosts";
const WEB_KEY = "web/test/keys/web-key";

/** Attacks on web pages' connections by the gateway, by its other users, and by scripts in the page. */
export const WEB: readonly Row[] = [
  {
    title: "tunnel positions and windows",
    client: [
      heldBy(TUNNEL, "data before the client's tunnel is open", remove("tunnel-before-attach")),
      heldBy(
        TUNNEL,
        "a gateway whose position goes back while the client attaches",
        remove("tunnel-challenge-position"),
      ),
    ],
    server: [
      heldBy(TUNNEL, "a message of more than 64 KiB", remove("tunnel-message-length")),
      heldBy(TUNNEL, "data after the end of its direction", remove("tunnel-data-after-end")),
      heldBy(TUNNEL, "a second end of its direction", remove("tunnel-second-end")),
      heldBy(
        TUNNEL,
        "more data than was acknowledged and allowed",
        remove("tunnel-window"),
        patch("tunnel-window", "if (length > MAX_SEND_BUFFER) $&"),
      ),
      heldBy(
        TUNNEL,
        "an acknowledgement of bytes that were not sent",
        remove("tunnel-position"),
        patch("tunnel-position", "if (position < this.#acknowledged) $&"),
      ),
      heldBy(
        TUNNEL,
        "an acknowledgement that goes back",
        remove("tunnel-position"),
        patch("tunnel-position", "if (position > this.#sent) $&"),
      ),
    ],
  },
  {
    title: "attaching to a tunnel",
    client: [
      heldBy(DUPLEX, "it picks another subprotocol", remove("web-resume-subprotocol")),
      heldBy(
        DUPLEX,
        "without encryption, after a WebSocket with encryption",
        patch("web-resume-encrypted", 'if (target === undefined) throw new SshError("malformed-message", address);'),
      ),
      heldBy(DUPLEX, "makes exactly one attempt if the resume time is 1 ms", remove("web-resume-deadline")),
      heldBy(
        DUPLEX,
        "ends without another attempt after a final close code",
        patch("web-close-decision", "const isLost = true;"),
        patch(
          "web-resume-lost-only",
          "if (reattach === undefined || !this.#tunnel.detach()) return this.#fail(error);",
        ),
      ),
      heldBy(
        DUPLEX,
        "is replaced, with a close code that does not end the tunnel",
        remove("web-resume-close-code"),
        patch("web-resume-close-code", "void socket?.close(1000);"),
      ),
    ],
    server: [
      heldBy(
        TUNNEL,
        "fails for an answer with any byte changed, and for the right one after it",
        remove("tunnel-proof"),
        patch("tunnel-proof-once", "if (this.isOver) return false;"),
      ),
      heldBy(TUNNEL, "fails for an answer to another challenge", remove("tunnel-proof")),
      heldBy(
        TUNNEL,
        "fails if the tunnel ends between the challenge and the answer",
        patch("tunnel-proof-once", "if (isUsed) return false;"),
      ),
      heldBy(TUNNEL, "ends the tunnel for a proved position that was never sent", remove("tunnel-position")),
    ],
  },
  {
    title: "messages of a WebSocket",
    client: [heldBy(PLAIN, "ends the connection if more than 64 MiB are unread", remove("web-unread-limit"))],
    server: "not touched",
  },
  {
    title: "host keys in a page",
    client: [
      heldBy(
        KNOWN_HOSTS,
        "a truthy value that is not true",
        remove("unknown-host-verdict"),
        patch(
          "unknown-host-verdict",
          'if (!(await unknownHost(hostKey))) throw new SshError("host-key-refused", ofHost);',
        ),
      ),
      heldBy(KNOWN_HOSTS, "is refused if another tab accepted another key meanwhile", remove("web-known-hosts-reread")),
    ],
    server: "not touched",
  },
  {
    title: "keys in a page",
    client: [
      heldBy(WEB_KEY, "generates keys that no script can export", patch("web-key-not-extractable", "true")),
      heldBy(
        WEB_KEY,
        "imports keys so that no script can export them",
        patch("web-key-import-not-extractable", "true"),
      ),
    ],
    server: "not touched",
  },
];
