import { both, held, patch, type Row } from "./types.ts";

const STRICT_GATE = patch("transport/gate", "this.#isStrict && !row.duringStrictKex", "false");
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
  "if (!row.places.includes(place)) return this.#refuse(number, MISPLACED[place]);",
  "",
);
const EXT_INFO_COUNT = patch("transport/ext-info", "extensions.length <= maxExtensions", "true");
const SENDER = patch("transport/gate", `row.sender !== "both" && row.sender !== this.#sender`, "false");
const METHOD = patch(
  "transport/gate",
  "row.method === undefined || isUnderMethod(row, { kex, auth: this.#authMethod })",
  "true",
);
const STEP = patch("transport/gate", "if (row.step !== undefined && row.step !== exchange.step)", "if (false)");
const PHASE = patch(
  "transport/gate",
  `if (row.early === this.#sender && this.#phase === "auth" && isQuiet) return "unimplemented";`,
  `if (this.#phase === "auth" && isQuiet) return "unimplemented";`,
);
const UNREAD = patch(
  "transport/outgoing",
  "if (this.#writer.pending + this.#queuedCost + costOf(payload) > this.#maxQueuedBytes) return;",
  "",
);
const DURING_REKEY = patch("transport/gate", "!isQuiet && !row.duringRekey", "false");
const QUEUE = patch("transport/outgoing", "this.#queuedCost + cost > this.#maxQueuedBytes", "false");
const QUEUE_COST = patch("transport/outgoing", "Math.max(payload.length, LEAST_COST)", "payload.length");
const MAXIMUM = patch("packet/reader", "packetLength <= this.maxPacketLength && ", "");
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
const MAX_PACKETS = patch("transport/limits", "least: 1, most: 2 ** 31 - 1", "least: 1, most: 2 ** 31");
const CIPHER_BYTES = patch(
  "transport/rekey",
  "this.#maxBytesReceived = Math.min(this.#limits.rekeyBytes, receiving.cipher.maxBytes)",
  "this.#maxBytesReceived = this.#limits.rekeyBytes",
);
const LAST_NUMBER = patch("packet/counters", "this.packetsSinceKeys >= 2 ** 32", "false");
const GUESS_ONCE = patch(
  "transport/gate",
  "this.#exchange = { ...exchange, discardsGuess: false };\n      return",
  "return",
);
const CLIENTS_ORDER = patch(
  "negotiation/negotiate",
  "const offered = new Set(server);\n  return client.find(",
  "const offered = new Set(client);\n  return server.find(",
);
const TRAILING = patch("wire/structure", "  reader.end();\n", "");
const LINE_BYTES = patch("negotiation/identification", "line.length >= limit", "false");
const LINES = patch("negotiation/identification", "this.#skipped > this.#limits.preBannerLines", "false");
const LINES_OF_CLIENT = patch(
  "negotiation/identification",
  `if (!identifies && this.#peer === "client") this.#refuse("did not begin with an identification string");`,
  "",
);
const KEX_TIME = patch("transport/schedule", "this.now >= (this.#timer.deadline ?? Infinity)", "false");

const NODE_TAG = patch(
  "node/crypto/check",
  "if (!timingSafeEqual(expected, slab.subarray(offset, offset + expected.length))) throw mismatch();",
  "",
);
const WASM_TAG = patch(
  "ciphers-wasm/program",
  "set(isWrong, isAnySet(xorLanes(get(given), loadVector(address(0), TAG_AT)))),",
  "",
);

export const TRANSPORT: readonly Row[] = [
  { title: "Terrapin (CVE-2023-48795)", ...both("key-exchange", STRICT_GATE, FIRST_PACKET, RESET) },
  { title: "strict kex on rekey", ...both("key-exchange", MARKERS_COUNT, RESET) },
  { title: "rogue EXT_INFO / session", ...both("key-exchange", EXT_INFO_PLACE, EXT_INFO_COUNT) },
  { title: "role confusion", ...both("key-exchange", SENDER, METHOD) },
  {
    title: "state skip",
    client: held(
      "key-exchange",
      patch("transport/key-exchange", "proveHostKey(algorithm, hostKey, outcome.exchangeHash, signature);", ""),
      patch(
        "transport/key-exchange",
        'this.#state = { name: "verifying", token, outcome, hostKey };',
        "this.#secure(outcome);",
      ),
      STEP,
    ),
    server: held("key-exchange", STEP, PHASE),
  },
  { title: "data during rekey", ...both("key-exchange", DURING_REKEY, QUEUE, QUEUE_COST, UNREAD, KEX_TIME) },
  { title: "length", ...both("packets", MAXIMUM, BLOCKS, LENGTH_TOLD, NODE_TAG, WASM_TAG) },
  { title: "padding, empty payload", ...both("packets", PADDING_LEAST, PADDING_MOST) },
  { title: "AEAD and MAC choice", ...both("packets", AEAD, NO_MAC) },
  { title: "nonce, sequence", ...both("packets", MAX_PACKETS, CIPHER_BYTES, LAST_NUMBER) },
  { title: "KEXINIT", ...both("packets", GUESS_ONCE, CLIENTS_ORDER, TRAILING) },
  {
    title: "banner",
    client: held("packets", LINE_BYTES, LINES, KEX_TIME),
    server: held("packets", LINE_BYTES, LINES_OF_CLIENT, KEX_TIME),
  },
  { title: "zip bomb", missing: "compression", client: "not there yet", server: "not there yet" },
];
