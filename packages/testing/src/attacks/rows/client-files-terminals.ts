import { held, heldBy, patch, type Row, remove } from "./types.ts";

const GOODBYE_TEXT = patch("goodbye-text", "description");
const GOODBYE_LENGTH = patch("disconnect-length", 'return { type: "disconnect", reasonCode, description };');
const TRACE_TEXT = patch("trace-text", `DESCRIBERS[message]?.(payload) ?? ""`);
const QUOTED = patch("quoted-line", "utf8DecodeLossy(Uint8Array.from(line.slice(0, 60)))");
const FILE = "client-files-terminals";

export const CLIENT_FILES_TERMINALS: readonly Row[] = [
  {
    title: "CVE-2025-26465",
    client: held(
      FILE,
      patch("host-key-verdict", "if (verdict) return true;"),
      patch("host-key-check-fails", "return true;"),
      patch("verdict-is-true", "verdict instanceof SshError"),
    ),
    server: "not touched",
  },
  {
    title: "host key on rekey",
    client: held(FILE, patch("host-key-on-rekey", "true")),
    server: "not touched",
  },
  {
    title: "known_hosts",
    client: held(
      FILE,
      remove("revoked-host-key"),
      patch("negated-host", "true"),
      remove("key-format-inside"),
      remove("known-hosts-problem"),
      patch("host-key-marker", "return true;"),
      patch("malformed-key", "if (error instanceof SshError) return blob;"),
    ),
    server: "not touched",
  },
  {
    // The server's counterpart of known_hosts: it states which users may log in.
    title: "authorized_keys",
    client: "not touched",
    server: heldBy(
      "node/test/attacks",
      "authorized_keys · server",
      patch("unknown-key-option", "return negated?.(draft, false);"),
      remove("line-verify-required"),
      remove("authority-line"),
      remove("principals-authority"),
      remove("key-from"),
      patch("key-expired", "return undefined;"),
      patch(
        "unusable-key",
        `return { allowed: true, key: { line, format: "", blob, comment: "", restrictions: { environment: {}, pty: true } as never } };`,
      ),
      remove("owned-file-mode"),
      remove("login-pty"),
      remove("login-permitopen"),
      remove("login-permitlisten"),
      patch("permitted-environment", "if (!permitted) return true; $&"),
    ),
  },
  {
    title: "hostile text",
    missing: "SFTP, and with it names of files",
    client: held(
      FILE,
      GOODBYE_TEXT,
      GOODBYE_LENGTH,
      TRACE_TEXT,
      QUOTED,
      patch("refusal-text", "description"),
      patch("prompt-names-login", "answers.push(await asker.ask(prompt, { echo }));"),
    ),
    server: held("hostile-text-server", GOODBYE_TEXT, TRACE_TEXT, QUOTED),
  },
  { title: "server-sent names", missing: "SFTP", client: "not there yet", server: "not touched" },
  { title: "SFTP root", missing: "SFTP", client: "not touched", server: "not there yet" },
  {
    title: "agent",
    client: held(FILE, remove("agent-message-length")),
    server: heldBy(
      "agent/test/agent-attacks",
      "agent: constraints that are unknown, repeated or malformed · server",
      remove("agent-unknown-constraint"),
    ),
  },
];
