import { held, heldBy, patch, type Row, remove, together } from "./types.ts";

const FILE = "edges";
const NODE = "node/test/attacks";
const CLI = "cli/test/attacks";
const NACRE = "nacre/test/attacks";

const SHORTER_PACKETS = patch("packet-length-before-login", "maxPacketLength: limits.maxPacketLength");
const PAYLOAD_ONLY = patch("keep-payloads-only", "{ client, server, ...$& }");
const UNTIL_LOGIN = patch("packet-length-until-login", "true");

const TURN_ENDS = remove("turn-ends");
const SHORT_PACKETS_COST = patch("short-packet-cost", "this.left -= length;");
const SENDING_COUNTS = patch("sending-in-turn", "true");
const ENGINE_YIELDS = patch("engine-yields", "false");
const FROM_THE_LOOP = patch("from-event-loop", "{ const queueMacrotask = queueMicrotask; $& }");
const REMARKS_CUT = patch("remark-length", "return utf8DecodeLossy(bytes);");
const SENT_PACKET_COST = remove("sent-packet-cost");
const DRAINED = patch("drained-from-event-loop", "{ this.#writable = true; this.turn(); }");
const ONE_LOOP = [
  TURN_ENDS,
  SHORT_PACKETS_COST,
  SENT_PACKET_COST,
  SENDING_COUNTS,
  ENGINE_YIELDS,
  DRAINED,
  FROM_THE_LOOP,
  REMARKS_CUT,
];

const ORIGIN = patch("own-text-only", "true");
const LOCAL = patch("disconnect-is-local", `this.#fail(error, "protocol");`);
const VERDICT = patch("refusal-is-local", `"protocol"`);
const RANDOM = patch("guarded-random", "random");

const HOME = patch("home-of-account", "const home = facts.homeVariable ?? facts.entry();");

/** Replaces the terminal host: the server opens terminals itself, so programs it starts inherit them. */
const TERMINALS_HELD = patch(
  "terminal-host",
  `const { spawn } = await import("@lydell/node-pty");
    return async (session, pty, { file, words, cwd, env }) => {
      const terminal = spawn(file, [...words], { name: pty.term, cols: 80, rows: 24, cwd, env });
      terminal.onData((text) => session.stdout.write(text));
      return new Promise((resolve) => terminal.onExit(({ exitCode }) => resolve({ status: exitCode })));
    };`,
);

/** Attacks on accounts, files, processes, and the shared event loop. */
export const EDGES: readonly Row[] = [
  {
    title: "work before login",
    client: held(FILE, SHORTER_PACKETS, PAYLOAD_ONLY),
    server: held(FILE, SHORTER_PACKETS, PAYLOAD_ONLY, UNTIL_LOGIN),
  },
  {
    title: "one event loop",
    client: held(FILE, ...ONE_LOOP),
    server: held(FILE, ...ONE_LOOP, patch("key-comment", "/^([^ \\t]+)[ \\t]+([^ \\t]+)(?:[ \\t]+(.*))?$/.exec(text)")),
  },
  {
    title: "what leaves",
    client: held(FILE, ORIGIN, LOCAL, VERDICT, RANDOM),
    server: held(FILE, ORIGIN, LOCAL, RANDOM),
  },
  {
    title: "grants",
    missing: "X11: a login is not granted it by default, and nothing asks for it yet",
    client: "not touched",
    server: [
      heldBy(
        NACRE,
        "grants: forwarding · server",
        remove("forwarding-grant"),
        patch("factor-forwarding", "values.some((value) => value === true)"),
        patch("factor-places", "const found = values.filter((list) => list !== undefined).slice(0, 1);"),
        patch("login-permit-open", "false"),
        patch("login-permit-listen", "false"),
      ),
      heldBy(
        NACRE,
        "grants · server",
        patch("factor-permissions", "this.#permissions = this.#permissions.concat(permissions);"),
        patch("factor-pty", "combine: (values) => values.at(-1) !== false"),
        patch("factor-command", "combine: (values) => values.at(-1)"),
        patch("factor-names", "const names = [first, ...others].flatMap((list) => list ?? []);"),
        patch("channel-grants", "Object.keys(channels ?? {})"),
        patch("pty-permission", "true"),
        patch("forced-command", "const forced = undefined;"),
      ),
      heldBy(
        NACRE,
        "grants: unrestricted handlers · server",
        patch("channel-grants", "Object.keys(channels ?? {})"),
        patch("global-request-grants", "Object.keys(globalRequests ?? {})"),
        patch("message-phase", `this.#phase === "kex"`),
      ),
    ],
  },
  {
    title: "forwarding",
    client: "not touched",
    server: [
      heldBy(
        NODE,
        "forwarding · server",
        patch("address-after-lookup", "return addresses;"),
        patch("named-places", "const named = permitOpen;"),
        patch("mapped-address", "const inner = undefined;"),
        patch("dial-checked-address", "host"),
        remove("permit-open"),
        remove("permit-listen"),
        patch("gateway-ports", `if (gatewayPorts === "no") return host === "" ? "all" : [host];`),
        remove("socket-mode"),
      ),
      heldBy("node/test/address-place", "an address of this machine's interfaces · server", remove("own-address")),
      heldBy(
        "cli/test/serve-forwarding",
        "nacre serve: forwarding to this machine · server",
        patch("serve-forwarding-machine", "const mayRunCommands = true;"),
      ),
    ],
  },
  {
    title: "lost bytes",
    client: heldBy(
      NODE,
      "lost bytes · client",
      patch(
        "stream-errors",
        `export const nodeStreams = nodeStreamsWith({
          add() {}, drops: (stream) => stream.listenerCount("error") === 0, usedLate() {}, gaveUp() {},
        });`,
      ),
      patch("pair-errors", `const isOwn = event === "error";`),
      patch("process-loss", "const isDropped = true;"),
      remove("output-cut-short"),
    ),
    server: "not touched",
  },
  {
    title: "whose file",
    client: [
      heldBy(NODE, "whose file · client", HOME, patch("key-file-mode", "false"), remove("identity-private")),
      heldBy(
        "cli/test/compile-cache",
        "does not keep compiled code in a folder that another user owns or can open",
        remove("compile-cache-private"),
      ),
      heldBy(
        "cli/test/compile-cache",
        "does not keep compiled code in a folder that another user could replace",
        remove("compile-cache-parents"),
      ),
    ],
    server: heldBy(
      NODE,
      "whose file · server",
      HOME,
      patch("owned-file-owner", "uid !== (system.owner || file.uid)"),
      patch("owned-folder-mode", "false"),
    ),
  },
  {
    title: "key queries before login",
    client: "not touched",
    server: heldBy(
      NODE,
      "key queries before login · server",
      patch("offered-key-only", "const file = parseAuthorizedKeys(text);"),
      remove("owned-file-size"),
      patch("key-word-end", "false"),
      remove("refused-key-queries"),
    ),
  },
  {
    title: "one source",
    client: "not touched",
    server: heldBy(
      NODE,
      "one source · server",
      patch("source-pressure", "true"),
      patch("source-count", "false"),
      remove("source-penalty"),
      remove("source-room"),
      patch("penalty-doubles", "1"),
      remove("hold-refusal"),
    ),
  },
  {
    title: "trust on first use",
    client: heldBy(
      NODE,
      "trust on first use · client",
      remove("lock-queue"),
      patch("file-lock", "const release = async () => {};"),
      remove("known-hosts-reread"),
    ),
    server: "not touched",
  },
  {
    title: "special files",
    client: [
      heldBy(NODE, "special files · client", remove("known-hosts-regular")),
      heldBy(
        CLI,
        "special files: key log · client",
        remove("key-log-regular"),
        remove("key-log-before-opening"),
        remove("key-log-opened"),
      ),
    ],
    server: heldBy(NODE, "special files · server", remove("owned-file-regular")),
  },
  {
    title: "descriptors",
    client: "not touched",
    server: heldBy(
      CLI,
      "descriptors · server",
      remove("close-inherited-at-start"),
      remove("close-inherited"),
      TERMINALS_HELD,
    ),
  },
  {
    title: "characters in names",
    client: [
      heldBy("cli/test/ssh-arguments", "characters in names · client", remove("typed-user"), remove("typed-host")),
      heldBy("cli/test/keywords", "refuses control characters in a user name", remove("config-user-controls")),
    ],
    server: "not touched",
  },
  {
    title: "options dropped in silence",
    client: [
      heldBy("cli/test/keywords", "options dropped in silence · client", remove("config-not-dropped")),
      heldBy(
        "cli/test/questions",
        "does not ask about an unknown host with StrictHostKeyChecking yes",
        remove("strict-host-keys"),
      ),
    ],
    server: "not touched",
  },
  {
    title: "type-ahead",
    client: [
      heldBy(
        CLI,
        "type-ahead · client",
        remove("discard-type-ahead"),
        patch("discard-port", "discard() {}"),
        patch("discard-terminal", "const length = 0;"),
        together(patch("raw-before-discard", "this.#discard(); $&"), remove("discard-type-ahead")),
        remove("discard-unread"),
        remove("discard-input"),
        remove("discard-half-character"),
        remove("discard-typed-line"),
      ),
      heldBy(
        "cli/test/terminal",
        "ignores input typed before it where the system cannot discard it",
        remove("discard-until-quiet"),
      ),
    ],
    server: "not touched",
  },
  {
    title: "signals",
    client: "not touched",
    server: heldBy(
      CLI,
      "signals · server",
      remove("stop-on-hangup"),
      remove("stop-grace"),
      remove("second-signal-kills"),
      together(remove("second-signal-kills"), remove("second-signal-ends")),
      remove("kill-descendants"),
      patch("found-by-parent", "false"),
      patch("found-by-group", "false"),
    ),
  },
  {
    title: "proxy answers",
    client: [
      heldBy(
        "node/test/proxy-answers",
        "proxy answers: success · client",
        remove("proxy-status"),
        remove("proxy-reply-code"),
        patch("proxy-method", "true"),
        patch("proxy-login-status", "true"),
        patch("proxy-rest", "new Uint8Array(0)"),
      ),
      heldBy("node/test/proxy-answers", "proxy answers: endless · client", remove("proxy-answer-length")),
      heldBy("node/test/proxy-answers", "proxy answers: names · client", remove("proxy-target")),
      heldBy(
        "node/test/proxy-answers",
        "proxy answers: password · client",
        patch("proxy-url-unquoted", 'throw new SshError("usage", proxy);'),
      ),
      heldBy(
        "node/test/proxy",
        "proxy answers: silent · client",
        patch("connect-deadline", "undefined"),
        remove("proxy-abandoned"),
      ),
    ],
    server: "not touched",
  },
];
