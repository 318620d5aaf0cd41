import { held, heldBy, patch, type Row, remove } from "./types.ts";

const SIGN_TOKEN = patch("sign-token", "false");
const SUCCESS_WHILE_ASKED = patch("success-once-sent", "true");
const AUTH_TIME = patch("auth-timeout", "undefined");
const BANNERS = patch("banner-count", "false");
const ROUNDS = remove("kbd-int-rounds");
const CHANGES = remove("password-changes");
const PROMPTS = remove("kbd-int-prompts");
const COUNT = remove("item-count");
const TRACED = patch(
  "trace-password",
  `if (method?.describeRequest === undefined) return \`\${userName} \${methodName} \${utf8DecodeLossy(methodData)}\`;`,
);
const SERVICE_FIRST = patch("service-first", "false");

const ONLY_SERVERS = remove("message-sender");
const AFTER_LOGIN = patch("message-phase", `this.#phase === "kex"`);
const VERIFIED = patch("login-signature", "if (signature !== undefined) return {};");
const HOST_BOUND_KEY = patch("host-bound-key", "false");
const FIRST_OFFERED = patch("asked-key", "Object.assign(key, ((progress as { first?: LoginKey }).first ??= key)); $&");
const KEY_TOKEN = patch("verdict-token", "false");
const WAITS = remove("input-waits-for-answer");
const FORGOTTEN = remove("user-change-forgets");
const CHANGE_COUNTS = remove("user-change-counts");
const FAILURES = remove("failed-attempts");
const QUERIES = remove("key-queries");
const NONES = remove("none-once");
const RESPONSE_COUNT = remove("kbd-int-responses");
const SAME_WORK = patch("same-work", `!(signature !== undefined && subject.userName === "root") && $&`);
const PASSWORD_LENGTH = patch("password-length", "false");
const REQUEST_LENGTH = remove("auth-request-length");
const TOO_MANY = patch("full-drops-all", "if (unauthenticated >= full) return 0;");
const ALL_DROPPED = patch("random-drop", "percent > 0");
const THOSE_INSIDE = patch("login-settles", "false");
const THOSE_GONE = remove("count-settled");
const CHOSEN = patch("chosen-attempts", "this.#chosen++;");
const RESTRICTED = patch("restricted-methods", "return true;");
const NONE_BY_NAME = remove("none-by-name");
const EMPTY_USER = patch("user-change-forgets", `if (userName !== "") $&`);
const REFUSES = remove("refusal-refuses");
const QUERY_REFUSED = patch("refused-query", "false");
const RSA_BOUND = remove("min-rsa-bits");
const RSA_LEAST = patch("rsa-least-bound", "return minRsaBits;");
const OWN_RSA = patch("own-rsa-bits", "const isShort = (_key: PublicKey): boolean => false;");
const HOST_RSA = remove("host-key-bits");
const GRACE_TIME = patch("login-grace-time", "loginGraceTime > 10_000");

export const AUTHENTICATION: readonly Row[] = [
  {
    title: "CVE-2018-10933",
    client: "not touched",
    server: held("authentication-server", ONLY_SERVERS),
  },
  { title: "CVE-2025-32433", client: "not touched", server: held("authentication-server", AFTER_LOGIN, WAITS) },
  { title: "CVE-2024-45337", client: "not touched", server: held("authentication-server", VERIFIED, FIRST_OFFERED) },
  {
    title: "asynchronous answers",
    client: held("authentication-client", SIGN_TOKEN, SUCCESS_WHILE_ASKED),
    server: held("authentication-server", VERIFIED, KEY_TOKEN),
  },
  {
    title: "host-bound logins for another host",
    client: "not touched",
    server: held("authentication-server", HOST_BOUND_KEY, VERIFIED),
  },
  {
    title: "user or service change",
    client: "not touched",
    server: held("authentication-server", FORGOTTEN, CHANGE_COUNTS),
  },
  {
    title: "limits",
    client: held("authentication-client", AUTH_TIME, BANNERS, ROUNDS, CHANGES),
    server: [
      held("authentication-limits-server", AUTH_TIME, FAILURES, QUERIES, NONES),
      heldBy(
        "node/test/attacks",
        "limits: unauthenticated connections at once · server",
        TOO_MANY,
        ALL_DROPPED,
        THOSE_INSIDE,
        THOSE_GONE,
        GRACE_TIME,
      ),
    ],
  },
  {
    title: "kbd-int",
    client: held("authentication-client", COUNT, PROMPTS),
    server: held("authentication-limits-server", COUNT, RESPONSE_COUNT),
  },
  {
    title: "enumeration",
    client: "not touched",
    server: held("authentication-limits-server", SAME_WORK),
  },
  {
    title: "passwords",
    client: held("authentication-client", TRACED, SERVICE_FIRST),
    server: held("authentication-limits-server", PASSWORD_LENGTH, REQUEST_LENGTH, TRACED),
  },
  {
    title: "chosen attempts",
    client: held("authentication-client", CHOSEN, RESTRICTED),
    server: "not touched",
  },
  {
    title: "logins without proof",
    client: "not touched",
    server: held("authentication-server", NONE_BY_NAME, NONES),
  },
  {
    title: "empty user names",
    client: "not touched",
    server: held("authentication-server", EMPTY_USER, CHANGE_COUNTS),
  },
  {
    title: "refusals with methods",
    client: "not touched",
    server: heldBy("nacre/test/server-refusals", "refusals with methods · server", REFUSES, QUERY_REFUSED),
  },
  {
    title: "short RSA keys",
    client: heldBy("nacre/test/identification-and-key-sizes", "short RSA keys · client", OWN_RSA),
    server: [
      heldBy("nacre/test/identification-and-key-sizes", "short RSA keys · server", RSA_BOUND, HOST_RSA),
      heldBy("keys/test/vectors", "short RSA keys: least bound · server", RSA_LEAST),
    ],
  },
];
