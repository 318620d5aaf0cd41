import { held, heldBy, patch, type Row } from "./types.ts";

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
      patch("nacre/client/driver", "if (verdict === true) return true;", "if (verdict) return true;"),
      patch(
        "nacre/client/driver",
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
      patch(
        "keyfiles/public-key-line",
        'instanceof SshError) return "is malformed";',
        "instanceof SshError) return blob;",
      ),
    ),
    server: "not touched",
  },
  {
    // The server's known_hosts: who may come in, where the client's says whom to trust.
    title: "authorized_keys",
    client: "not touched",
    server: heldBy(
      "node/test/attacks",
      "authorized_keys · server",
      patch(
        "keyfiles/key-options",
        "return negated === undefined ? unknown(name) : negated(draft, false);",
        "return negated?.(draft, false);",
      ),
      patch(
        "keyfiles/key-options",
        `(_, on) => (on ? "verify-required cannot be enforced here" : undefined)`,
        "() => undefined",
      ),
      patch(
        "keyfiles/key-options",
        `["cert-authority", () => "cert-authority: certificates are not supported"]`,
        `["cert-authority", () => undefined]`,
      ),
      patch("keyfiles/authorized-keys", "one.options.from?.(use) === false", "false"),
      patch("keyfiles/authorized-keys", "else if (isExpired(one.options, use))", "else if (false)"),
      patch(
        "keyfiles/authorized-keys",
        `if (!("key" in one)) reasons.push({ line, reason: "problem" });`,
        `if (!("key" in one)) return { allowed: true, key: { line, format: "", blob, comment: "", restrictions: { environment: {}, pty: true } as never } };`,
      ),
      patch("node/owned-file", "if ((file.mode & OTHERS_WRITE) !== 0)", "if (false)"),
      patch("node/authorized-keys", "      pty,\n      portForwarding,\n", "      portForwarding,\n"),
      patch("node/authorized-keys", "      ...(permitOpen !== undefined && { permitOpen }),\n", ""),
      patch("node/authorized-keys", "      ...(permitListen !== undefined && { permitListen }),\n", ""),
      patch("node/authorized-keys", "if (!permitted)\n", "if (!permitted) return true;\n    if (!permitted)\n"),
    ),
  },
  {
    title: "hostile text",
    missing: "SFTP, and with it names of files",
    client: held(
      FILE,
      GOODBYE_TEXT,
      TRACE_TEXT,
      QUOTED,
      patch("nacre/mux/open-channel", "escapeText(description)", "description"),
      patch("cli/questions", "`(${login}) ${escapeText(prompt, { keepLines: true })}`", "prompt"),
    ),
    server: held("hostile-text-server", GOODBYE_TEXT, TRACE_TEXT, QUOTED),
  },
  { title: "server-sent names", missing: "SFTP", client: "not there yet", server: "not touched" },
  { title: "SFTP root", missing: "SFTP", client: "not touched", server: "not there yet" },
  {
    title: "agent",
    missing: "an agent of Nacre's own, which would be asked for constraints",
    client: held(FILE, patch("node/agent-messages", "length === 0 || length > MAX_AGENT_MESSAGE", "length === 0")),
    server: "not there yet",
  },
];
