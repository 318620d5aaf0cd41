import type { Patch } from "./rules.ts";
import { type Held, heldBy, patch, type Row, remove } from "./types.ts";

type Side = "client" | "server";

/** A test of the state machines, in the package sftp. */
function byMachine(title: string, side: Side, ...patches: readonly Patch[]): Held {
  return heldBy("sftp/test/scp-attacks", `${title} · ${side}`, ...patches);
}

/** A test of transfers and of `scpServer`. */
function byTransfer(title: string, side: Side, ...patches: readonly Patch[]): Held {
  return heldBy("files/test/scp/attacks", `${title} · ${side}`, ...patches);
}

/** Returns a row that touches both sides, whose machine has the same rules. */
function sinkRow(title: string, ...patches: readonly Patch[]): Row {
  return { title, client: byMachine(title, "client", ...patches), server: byMachine(title, "server", ...patches) };
}

function clientRow(title: string, by: typeof byMachine, ...patches: readonly Patch[]): Row {
  return { title, client: by(title, "client", ...patches), server: "not touched" };
}

function serverRow(title: string, ...patches: readonly Patch[]): Row {
  return { title, client: "not touched", server: byTransfer(title, "server", ...patches) };
}

/** Attacks on scp by servers and clients. */
export const SCP: readonly Row[] = [
  sinkRow(
    "scp: a name that leaves its directory",
    patch("scp-name-empty", "false"),
    patch("scp-name-dots", "false"),
    patch("scp-name-slash", "false"),
    patch("scp-name-nul", "false"),
  ),
  clientRow("scp: a file that was not requested", byMachine, remove("scp-one-requested"), remove("scp-requested-name")),
  clientRow(
    "scp: escape sequences in an error",
    byMachine,
    patch("scp-shown-text", "return decodePath(bytes.subarray(0, SHOWN_LENGTH));"),
  ),
  sinkRow(
    "scp: sizes, lengths and depths without a bound",
    remove("scp-size"),
    remove("scp-line-length"),
    remove("scp-name-length"),
    patch("scp-depth", "false"),
  ),
  sinkRow("scp: records out of order", remove("scp-times-twice"), remove("scp-end-of-nothing"), remove("scp-report")),
  clientRow("scp: an answer that is neither yes nor no", byMachine, remove("scp-answer")),
  sinkRow("scp: a transfer that is cut short", remove("scp-truncated")),
  clientRow(
    "scp: a downloaded name that is reserved here",
    byTransfer,
    patch("scp-name-backslash", "false"),
    patch("scp-name-local", "undefined"),
  ),
  clientRow("scp: files that were not requested", byTransfer, remove("scp-recursive")),
  clientRow(
    "scp: a link inside a download that redirects later files",
    byTransfer,
    patch("scp-directory-link", "await this.files.stat(to)"),
  ),
  {
    title: "scp: a partial file that passes for the whole one",
    client: byTransfer(
      "scp: a partial file that passes for the whole one",
      "client",
      patch("scp-local-temporary", "const temporary = to;"),
      remove("scp-invalid"),
    ),
    server: byTransfer(
      "scp: a partial file that passes for the whole one",
      "server",
      patch("scp-server-temporary", "const temporary = path;"),
      remove("scp-server-invalid"),
    ),
  },
  {
    title: "scp: a file with set-user-ID",
    client: byTransfer("scp: a file with set-user-ID", "client", patch("scp-mode", "0o7777")),
    server: byTransfer("scp: a file with set-user-ID", "server", patch("scp-server-mode", "0o7777")),
  },
  clientRow(
    "scp: escape sequences in names and error output",
    byTransfer,
    patch("scp-problem-text", "const shown = text;"),
    patch("scp-stderr", "const text = utf8DecodeLossy(this.#stderr);"),
  ),
  clientRow("scp: a path that is a command", byTransfer, patch("scp-quoted-path", "true")),
  serverRow(
    "scp: a command line that a shell would expand",
    patch("scp-command-form", "return { text: character, length: 1 };"),
  ),
  clientRow("scp: entries without an end", byTransfer, patch("scp-entries", "return;"), remove("scp-file-count")),
  {
    title: "scp: a link that an earlier copy made in place of the target",
    client: heldBy(
      "cli/test/cp/attacks",
      "scp: a link that an earlier copy made in place of the target · client",
      patch("copy-scp-typed-target", "followTarget: true"),
    ),
    server: "not touched",
  },
  serverRow("scp: a command of scp that is not understood", patch("scp-unparsed", "true")),
  {
    title: "nacre serve: a command of scp that is not understood",
    client: "not touched",
    server: heldBy(
      "cli/test/serve-sftp",
      "nacre serve: a command of scp that is not understood · server",
      patch("serve-scp-unparsed", "const passUnparsed = true;"),
    ),
  },
  serverRow("scp: a flood to a slow file system", patch("scp-backpressure", "const bytes = this.#unconsumed;")),
  serverRow("scp: a change on a read-only server", remove("scp-read-only")),
  serverRow("scp: the text of a fault", patch("scp-fault-text", "return String(error);")),
  serverRow(
    "scp: an upload through a link, or of a directory without -r",
    patch("scp-server-directory-link", "statOf(fileSystem, path)"),
    remove("scp-server-recursive"),
  ),
  serverRow("scp: an upload in place of a device", remove("scp-server-special")),
  serverRow("scp: directories below each other without a bound", remove("scp-server-depth")),
  serverRow("scp: links in a circle", remove("scp-server-link-loop")),
];
