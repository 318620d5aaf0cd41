import { held, patch, type Row } from "./types.ts";

const GOODBYE_TEXT = patch("transport/endings", "escapeText(cut)", "cut");
const TRACE_TEXT = patch(
  "session/describe",
  `escapeText(DESCRIBERS[message]?.(payload) ?? "")`,
  `DESCRIBERS[message]?.(payload) ?? ""`,
);
const QUOTED = patch(
  "negotiation/identification",
  "escapeText(utf8DecodeLossy(Uint8Array.from(line.slice(0, 60))))",
  "utf8DecodeLossy(Uint8Array.from(line.slice(0, 60)))",
);
const FILE = "client-files-terminals";

export const CLIENT_FILES_TERMINALS: readonly Row[] = [
  {
    title: "CVE-2025-26465",
    client: held(
      FILE,
      patch("nacre/driver", "if (verdict === true) return true;", "if (verdict) return true;"),
      patch(
        "nacre/driver",
        'if (cause instanceof SshError) return cause;\n      return new SshError("host-key-refused"',
        'if (cause instanceof SshError) return cause;\n      return true;\n      return new SshError("host-key-refused"',
      ),
      patch("transport/transport", "if (verdict !== true) {", "if (verdict instanceof SshError) {"),
    ),
    server: "not touched",
  },
  {
    title: "host key on rekey",
    client: held(
      FILE,
      patch("transport/key-exchange", "} else if (equalBytes(this.#hostKey, hostKey)) {", "} else if (true) {"),
    ),
    server: "not touched",
  },
  {
    title: "known_hosts",
    client: held(
      FILE,
      patch("keyfiles/known-hosts", "if (revoked.length > 0)", "if (false)"),
      patch("keyfiles/known-host-names", " && !negated.some((pattern) => matchPattern(name, pattern))", ""),
      patch(
        "keyfiles/public-key-line",
        "length !== format.length || utf8Decode(blob.subarray(4, 4 + length)) !== format",
        "length === 0",
      ),
      patch(
        "keyfiles/known-hosts",
        'if (typeof parsed === "string") problems.push({ ...at, problem: parsed });\n      else',
        'if (typeof parsed !== "string")',
      ),
      patch("keyfiles/known-hosts", `return marker === undefined;`, "return true;"),
    ),
    server: "not touched",
  },
  {
    title: "hostile text",
    missing: "file names",
    client: held(
      FILE,
      GOODBYE_TEXT,
      TRACE_TEXT,
      QUOTED,
      patch("nacre/driver", "escapeText(description)", "description"),
      patch("cli/questions", "`(${login}) ${escapeText(prompt, { keepLines: true })}`", "prompt"),
    ),
    server: held("hostile-text-server", GOODBYE_TEXT, TRACE_TEXT, QUOTED),
  },
  { title: "server-sent names", client: "not there yet", server: "not touched" },
  { title: "SFTP root", client: "not touched", server: "not there yet" },
  {
    title: "agent",
    missing: "an agent that is asked for constraints",
    client: held(FILE, patch("node/agent", "length === 0 || length > MAX_FRAME", "length === 0")),
    server: "not there yet",
  },
];
