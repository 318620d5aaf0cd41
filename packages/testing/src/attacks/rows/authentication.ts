import { held, heldBy, patch, type Row } from "./types.ts";

const SIGN_TOKEN = patch(
  "auth/client/client-auth",
  `state.method !== "publickey" || state.step !== "asked" || state.token !== token`,
  `state.method !== "publickey" || state.step !== "asked"`,
);
const SUCCESS_WHILE_ASKED = patch(
  "auth/client/client-auth",
  `number === SSH_MSG_USERAUTH_SUCCESS.number && this.#state.step === "sent"`,
  "number === SSH_MSG_USERAUTH_SUCCESS.number",
);
const AUTH_TIME = patch(
  "session/session-machine",
  "if (now >= (this.#authDeadline() ?? Number.POSITIVE_INFINITY))",
  "if (false)",
);
const BANNERS = patch("auth/client/client-auth", "this.#banners > authBanners || ", "");
const ROUNDS = patch("auth/client/keyboard-interactive", "rounds > limits.keyboardInteractiveRounds", "false");
const CHANGES = patch("auth/client/password", "changes > driver.limits.passwordChanges", "false");
const PROMPTS = patch("auth/client/keyboard-interactive", "prompts.length > limits.promptsPerRound", "false");
const COUNT = patch("wire/structure", "count * minimum > reader.remaining", "false");
const TRACED = patch(
  "session/describe",
  `if (methodName !== "publickey") return \`\${userName} \${methodName}\`;`,
  `if (methodName !== "publickey") return \`\${userName} \${methodName} \${utf8DecodeLossy(methodData)}\`;`,
);
const SERVICE_FIRST = patch("auth/client/client-auth", "} else if (!this.#serviceAccepted) {", "} else if (false) {");

const ONLY_SERVERS = patch("transport/gate", `row.sender !== "both" && row.sender !== this.#sender`, "false");
const AFTER_LOGIN = patch("transport/gate", "!row.phases.includes(this.#phase)", `this.#phase === "kex"`);
const VERIFIED = patch(
  "auth/server/publickey",
  "(signature !== undefined && !verified(algorithm, publicKey, signedData, signature))",
  "false",
);
const FIRST_OFFERED = patch(
  "auth/server/publickey",
  `driver.emit({ type: about, token, ...subject, ...key });
  return { step: "asked", about, token, subject, key, sent };`,
  `const cache = driver as { first?: LoginKey };
  const first = (cache.first ??= key);
  driver.emit({ type: about, token, ...subject, ...first });
  return { step: "asked", about, token, subject, key: first, sent };`,
);
const KEY_TOKEN = patch(
  "auth/server/server-auth",
  `state.step !== "asked" || state.about !== "publickey" || state.token !== token`,
  `state.step !== "asked" || state.about !== "publickey"`,
);
const WAITS = patch("session/server-session", "if (this.#isAsking && !this.transport.closed) return undefined;", "");
const FORGOTTEN = patch("auth/server/standing", "      this.#factors = [];\n", "");
const CHANGE_COUNTS = patch(
  "auth/server/standing",
  "      this.#canContinue = this.#methods;\n      this.countFailure();",
  "      this.#canContinue = this.#methods;",
);
const FAILURES = patch("auth/server/standing", "++this.#failures >= this.#limits.failedAttempts", "false");
const QUERIES = patch("auth/server/standing", "++this.#queries > this.#limits.keyQueries", "false");
const NONES = patch("auth/server/standing", "if (this.#noneSeen) this.countFailure();", "");
const RESPONSE_COUNT = patch(
  "auth/server/keyboard-interactive",
  "if (responses.length !== state.promptCount) return undefined;",
  "",
);
const SAME_WORK = patch(
  "auth/server/publickey",
  "const refused =\n",
  `const refused =
    (signature !== undefined && subject.userName === "root") ||
`,
);
const PASSWORD_LENGTH = patch("auth/server/password", "utf8Encode(password).length > passwordBytes", "false");
const REQUEST_LENGTH = patch("auth/server/server-auth", "payload.length > authRequestBytes", "false");
const TOO_MANY = patch(
  "node/listen",
  "if (unauthenticated >= full) return 100;",
  "if (unauthenticated >= full) return 0;",
);
const ALL_DROPPED = patch("node/listen", "randomInt(100) < percent", "percent > 0");
const THOSE_INSIDE = patch(
  "node/listen",
  `event.type === "login" || event.type === "closed"`,
  `event.type === "closed"`,
);
const THOSE_GONE = patch("node/listen", "this.#unauthenticated--;", "");
const GRACE_TIME = patch("nacre/server/driver", "if (loginGraceTime > 0) {", "if (loginGraceTime > 200) {");

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
];
