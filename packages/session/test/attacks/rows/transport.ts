import { held, patch, type Row } from "./types.ts";

const STRICT_GATE = patch("transport/gate", "this.strict && !row.duringStrictKex", "false");
const RESET = patch(
  "transport/key-exchange",
  "reader.useOpener(this.#state.opener, { resetSequence: this.#strict })",
  "reader.useOpener(this.#state.opener, { resetSequence: false })",
);
const FIRST_PACKET = patch("transport/key-exchange", "this.#strict && reader.sequenceNumber !== 0", "false");
const MARKERS_COUNT = patch(
  "transport/key-exchange",
  "if (this.#sessionId === undefined) this.#agreeOnStrictKex",
  "this.#agreeOnStrictKex",
);
const EXT_INFO_PLACE = patch(
  "transport/gate",
  `if (place === "nowhere" || place === "success-must-follow") return this.#refuse(number);`,
  "",
);
const EXT_INFO_COUNT = patch("transport/ext-info", "extensions.length <= maxExtensions", "true");
const SENDER = patch("transport/gate", `row.sender !== "both" && row.sender !== this.#sender`, "false");
const METHOD = patch("transport/gate", "row.method === undefined || row.method === method", "true");
const DURING_REKEY = patch("transport/gate", `this.step !== "kexinit" && !row.duringRekey`, "false");
const QUEUE = patch("transport/outgoing", "this.#queuedCost + cost > this.#maxQueuedBytes", "false");
const QUEUE_COST = patch("transport/outgoing", "Math.max(payload.length, LEAST_COST)", "payload.length");
const MAXIMUM = patch("packet/reader", "packetLength <= this.#maximum && ", "");
const BLOCKS = patch("packet/reader", " && padded % blockSize === 0", "");
const LENGTH_TOLD = patch("packet/reader", "tagLength === 0 ? `a packet", "true ? `a packet");
const PADDING_LEAST = patch("packet/reader", "padding < 4 || ", "");
const PADDING_MOST = patch("packet/reader", "padding > packetLength - 2", "padding > packetLength - 1");
const AEAD = patch("negotiation/negotiate", "isAead(cipher) ? undefined : pick", "pick");
const NO_MAC = patch(
  "negotiation/negotiate",
  `isAead(cipher) ? undefined : pick("MAC", "mac")`,
  `isAead(cipher) ? undefined : client[\`macAlgorithms\${from}\`].at(0)`,
);
const MAX_PACKETS = patch("transport/rekey", "Math.min(limits.rekeyPackets, 2 ** 31 - 1)", "limits.rekeyPackets");
const CIPHER_BYTES = patch(
  "transport/rekey",
  "this.#maxBytesReceived = Math.min(this.#limits.rekeyBytes, receiving.cipher.maxBytes)",
  "this.#maxBytesReceived = this.#limits.rekeyBytes",
);
const LAST_NUMBER = patch("packet/counters", "this.packetsSinceKeys >= 2 ** 32", "false");
const GUESS_ONCE = patch("transport/gate", "this.discardsGuess = false;\n      return", "return");
const CLIENTS_ORDER = patch(
  "negotiation/negotiate",
  "const offered = new Set(server);\n  return client.find(",
  "const offered = new Set(client);\n  return server.find(",
);
const TRAILING = patch("wire/structure", "  reader.end();\n", "");
const LINE_BYTES = patch("negotiation/identification", "line.length >= limit", "false");
const LINES = patch("negotiation/identification", "this.#skipped > this.#limits.preBannerLines", "false");
const KEX_TIME = patch("transport/transport", "now >= (this.#kexTimer.deadline ?? Infinity)", "false");

export const TRANSPORT: readonly Row[] = [
  {
    title: "Terrapin (CVE-2023-48795)",
    client: held("key-exchange-client", STRICT_GATE, FIRST_PACKET, RESET),
    server: "not there yet",
  },
  {
    title: "strict kex on rekey",
    client: held("key-exchange-client", MARKERS_COUNT, RESET),
    server: "not there yet",
  },
  {
    title: "rogue EXT_INFO / session",
    client: held("key-exchange-client", EXT_INFO_PLACE, EXT_INFO_COUNT),
    server: "not there yet",
  },
  {
    title: "role confusion",
    client: held("key-exchange-client", SENDER, METHOD),
    server: "not there yet",
  },
  {
    title: "state skip",
    client: held(
      "key-exchange-client",
      patch("transport/key-exchange", "proveHostKey(algorithm, hostKey, outcome.exchangeHash, signature);", ""),
      patch(
        "transport/key-exchange",
        'this.#state = { name: "verifying", token, outcome, hostKey };',
        "this.#secure(outcome);",
      ),
      patch("transport/gate", "if (row.step !== undefined && row.step !== this.step)", "if (false)"),
    ),
    server: "not there yet",
  },
  {
    title: "data during rekey",
    client: held("key-exchange-client", DURING_REKEY, QUEUE, QUEUE_COST, KEX_TIME),
    server: "not there yet",
  },
  {
    title: "length",
    client: held("packets-client", MAXIMUM, BLOCKS, LENGTH_TOLD),
    server: "not there yet",
  },
  {
    title: "padding, empty payload",
    client: held("packets-client", PADDING_LEAST, PADDING_MOST),
    server: "not there yet",
  },
  {
    title: "AEAD and MAC choice",
    client: held("packets-client", AEAD, NO_MAC),
    server: "not there yet",
  },
  {
    title: "nonce, sequence",
    client: held("packets-client", MAX_PACKETS, CIPHER_BYTES, LAST_NUMBER),
    server: "not there yet",
  },
  {
    title: "KEXINIT",
    client: held("packets-client", GUESS_ONCE, CLIENTS_ORDER, TRAILING),
    server: "not there yet",
  },
  {
    title: "banner",
    client: held("packets-client", LINE_BYTES, LINES, KEX_TIME),
    server: "not there yet",
  },
  { title: "zip bomb", client: "not there yet", server: "not there yet" },
];
