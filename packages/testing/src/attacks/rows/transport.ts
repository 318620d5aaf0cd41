import { both, held, patch, type Row, remove } from "./types.ts";

const STRICT_GATE = remove("message-during-strict-kex");
const RESET = patch("strict-kex-reset", "false");
const FIRST_PACKET = remove("strict-kex-first-message");
const MARKERS_COUNT = patch("strict-kex-initial", "true");
const EXT_INFO_PLACE = remove("ext-info-place");
const EXT_INFO_COUNT = patch("ext-info-count", `return { type: "ext-info", extensions };`);
const SENDER = remove("message-sender");
const METHOD = patch("message-method", "return row;");
const STEP = remove("message-step");
const PHASE = patch("early-sender", "true");
const UNREAD = remove("answer-room");
const DURING_REKEY = remove("message-during-rekey");
const QUEUE = remove("queued-bytes");
const QUEUE_COST = patch("queued-packet-cost", "return payload.length;");
const MAXIMUM = patch("packet-length-most", "true");
const BLOCKS = patch("packet-length-blocks", "true");
const LENGTH_TOLD = patch("packet-length-untold", "true");
const PADDING_LEAST = patch("padding-least", "false");
const PADDING_MOST = patch("padding-most", "padding > packetLength - 1");
const AEAD = patch("aead-without-mac", `mac: pick("MAC", "mac")`);
const NO_MAC = patch("aead-without-mac", "mac: isAead(cipher) ? undefined : client[`macAlgorithms${from}`].at(0)");
const MAX_PACKETS = patch("rekey-packets-most", "2 ** 31");
const CIPHER_BYTES = patch("cipher-bytes", "limits.rekeyBytes");
const LAST_NUMBER = remove("sequence-exhausted");
const GUESS_ONCE = remove("one-wrong-guess");
const CLIENTS_ORDER = patch("client-order", "return server.find((name) => client.includes(name));");
const TRAILING = remove("trailing-bytes");
const LINE_BYTES = remove("identification-length");
const LINES = remove("banner-lines");
const KEPT_LINES = patch("kept-lines", "this.#linesBefore.push(textOf(this.#line));");
const LINES_OF_CLIENT = remove("client-identifies-first");
const KEX_TIME = patch("kex-timeout", "return false;");

const NODE_TAG = remove("node-tag");
const WASM_TAG = remove("wasm-tag");

export const TRANSPORT: readonly Row[] = [
  { title: "Terrapin (CVE-2023-48795)", ...both("key-exchange", STRICT_GATE, FIRST_PACKET, RESET) },
  { title: "strict kex on rekey", ...both("key-exchange", MARKERS_COUNT, RESET) },
  { title: "rogue EXT_INFO / session", ...both("key-exchange", EXT_INFO_PLACE, EXT_INFO_COUNT) },
  { title: "role confusion", ...both("key-exchange", SENDER, METHOD) },
  {
    title: "state skip",
    client: held(
      "key-exchange",
      remove("host-key-signature"),
      patch("host-key-verification", "this.#secure(outcome, signature);"),
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
    client: held("packets", LINE_BYTES, LINES, KEPT_LINES, KEX_TIME),
    server: held("packets", LINE_BYTES, LINES_OF_CLIENT, KEX_TIME),
  },
  { title: "zip bomb", missing: "compression", client: "not there yet", server: "not there yet" },
];
