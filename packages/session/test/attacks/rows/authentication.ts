import { held, patch, type Row } from "./types.ts";

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
const CLIENT_AUTH_TIME = patch(
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

export const AUTHENTICATION: readonly Row[] = [
  { title: "CVE-2018-10933", client: "not touched", server: "not there yet" },
  { title: "CVE-2025-32433", client: "not touched", server: "not there yet" },
  { title: "CVE-2024-45337", client: "not touched", server: "not there yet" },
  {
    title: "asynchronous answers",
    client: held("authentication-client", SIGN_TOKEN, SUCCESS_WHILE_ASKED),
    server: "not there yet",
  },
  { title: "user or service change", client: "not touched", server: "not there yet" },
  {
    title: "limits",
    client: held("authentication-client", CLIENT_AUTH_TIME, BANNERS, ROUNDS, CHANGES),
    server: "not there yet",
  },
  { title: "kbd-int", client: held("authentication-client", COUNT, PROMPTS), server: "not there yet" },
  { title: "enumeration", client: "not touched", server: "not there yet" },
  { title: "passwords", client: held("authentication-client", TRACED, SERVICE_FIRST), server: "not there yet" },
];
