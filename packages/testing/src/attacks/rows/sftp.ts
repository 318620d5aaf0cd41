import type { Patch } from "./rules.ts";
import { type Held, heldBy, patch, type Row, remove } from "./types.ts";

/** A test of the package sftp, whose name is that of the row with its side. */
function byMachine(title: string, side: "client" | "server", ...patches: readonly Patch[]): Held {
  return heldBy("sftp/test/attacks", `${title} · ${side}`, ...patches);
}

/** Returns a row that touches one side only. */
function row(title: string, side: "client" | "server", ...patches: readonly Patch[]): Row {
  const held = byMachine(title, side, ...patches);
  return side === "client"
    ? { title, client: held, server: "not touched" }
    : { title, client: "not touched", server: held };
}

/** Returns a row whose test attacks `sftpServer` of nacre. */
function bySftpServer(title: string, ...patches: readonly Patch[]): Row {
  const server = heldBy("files/test/server/attacks", `${title} · server`, ...patches);
  return { title, client: "not touched", server };
}

/** Returns a row whose test attacks `diskFileSystem` of node. */
function byDisk(title: string, ...patches: readonly Patch[]): Row {
  const server = heldBy("node/test/disk/attacks", `${title} · server`, ...patches);
  return { title, client: "not touched", server };
}

/** Returns a row whose test attacks `diskFileSystem` of node with long files. */
function byLongFiles(title: string, ...patches: readonly Patch[]): Row {
  const server = heldBy("node/test/disk/long-files", `${title} · server`, ...patches);
  return { title, client: "not touched", server };
}

/** Returns a row whose test attacks the SFTP of `nacre serve`. */
function byServe(title: string, ...patches: readonly Patch[]): Row {
  const server = heldBy("cli/test/serve-sftp", `${title} · server`, ...patches);
  return { title, client: "not touched", server };
}

/** Returns a row on transfers, which touch the client only. */
function transferRow(title: string, ...patches: readonly Patch[]): Row {
  return { title, client: heldBy("files/test/client/attacks", `${title} · client`, ...patches), server: "not touched" };
}

/** Returns a row on what a transfer takes from a server. */
function takenRow(title: string, ...patches: readonly Patch[]): Row {
  const client = heldBy("files/test/client/transfer-attacks", `${title} · client`, ...patches);
  return { title, client, server: "not touched" };
}

/** Returns a row on the local side of transfers on Node. */
function nodeRow(title: string, ...patches: readonly Patch[]): Row {
  return { title, client: heldBy("node/test/attacks", `${title} · client`, ...patches), server: "not touched" };
}

/** Attacks on SFTP by servers and clients. */
export const SFTP: readonly Row[] = [
  {
    title: "sftp: packet lengths",
    client: byMachine("sftp: packet lengths", "client", remove("sftp-packet-length")),
    server: byMachine("sftp: packet lengths", "server", remove("sftp-packet-length")),
  },
  row("sftp: a reply to an unknown request, or a second one", "client", remove("sftp-reply-id")),
  row("sftp: a reply of another type", "client", patch("sftp-reply-type", "true")),
  row("sftp: success without a result", "client", remove("sftp-success-without-result")),
  row(
    "sftp: more data than requested",
    "client",
    remove("sftp-data-length"),
    patch("sftp-into-length", "true"),
    patch("sftp-into-field", "true"),
  ),
  {
    title: "sftp: a listed name that is a path",
    client: heldBy(
      "files/test/client/attacks",
      "sftp: a listed name that is a path · client",
      patch("sftp-listed-name", "false"),
    ),
    server: "not touched",
  },
  {
    title: "sftp: control characters in names",
    client: heldBy(
      "cli/test/sftp/attacks",
      "sftp: control characters in names · client",
      patch("progress-name-escaped", "const name = state.name;"),
      patch("sftp-name-escaped", "return name;"),
      patch("sftp-completed-name", "return true;"),
    ),
    server: "not touched",
  },
  {
    title: "sftp: a name that a server chooses for a local file",
    client: heldBy(
      "cli/test/sftp/attacks",
      "sftp: a name that a server chooses for a local file · client",
      patch("copy-expanded-name", "return sftp.expandPath(path, { signal });"),
      patch("copy-name-local", "undefined"),
      patch("sftp-name-local", "undefined"),
    ),
    server: "not touched",
  },
  row(
    "sftp: replies that make a reader ask forever",
    "client",
    patch("sftp-empty-data", "true"),
    remove("sftp-empty-names"),
  ),
  {
    title: "sftp: names",
    client: byMachine(
      "sftp: names",
      "client",
      remove("sftp-name-count"),
      remove("sftp-name-length"),
      remove("sftp-one-name"),
      remove("sftp-names-of-ids"),
      remove("sftp-path-nul"),
    ),
    server: byMachine("sftp: names", "server", remove("sftp-path-length"), remove("sftp-path-nul")),
  },
  row("sftp: a handle that is too long", "client", remove("sftp-handle-length")),
  row("sftp: a handle for an abandoned open", "client", remove("sftp-abandoned-handle")),
  row(
    "sftp: a handle that is given twice",
    "client",
    patch("sftp-shared-handle", "false"),
    patch("sftp-shared-reply", "false"),
    patch("sftp-shared-request", "return false;"),
  ),
  row("sftp: limits that a server states", "client", patch("sftp-stated-limits", "false")),
  row(
    "sftp: forged and closed handles",
    "server",
    patch("sftp-handle-forged", "if (handle === undefined) return undefined;"),
  ),
  row("sftp: a handle used after its close, or closed twice", "server", patch("sftp-handle-closed", "false")),
  row("sftp: a close that overtakes a read", "server", patch("sftp-handle-order", "true")),
  row("sftp: a handle of another kind", "server", patch("sftp-handle-kind", "false")),
  row("sftp: too many handles", "server", remove("sftp-handle-count")),
  row("sftp: a request before the handshake", "server", remove("sftp-init-first")),
  row("sftp: an extension that is not announced", "server", remove("sftp-unannounced-extension")),
  row(
    "sftp: a flood of requests",
    "server",
    patch("sftp-requests-under-way", "true"),
    patch("sftp-bytes-under-way", "true"),
    patch("sftp-read-length", "const request = received;"),
  ),
  row(
    "sftp: requests that take much more memory than bytes",
    "server",
    remove("sftp-extended-count"),
    patch("sftp-packets-under-way", 'const bytes = request.type === "read" ? request.length : 0;'),
  ),
  row("sftp: replies that the client does not read", "server", patch("sftp-unsent", "true")),
  bySftpServer("sftp: a change on a read-only server", remove("sftp-read-only")),
  bySftpServer("sftp: a request that the server denies", remove("sftp-denied-request")),
  bySftpServer(
    "sftp: a handle used for what it is not open for",
    remove("sftp-open-for-reading"),
    remove("sftp-open-for-writing"),
    remove("sftp-open-for-truncation"),
    patch("sftp-open-for-copying", "false"),
    patch("sftp-open-for-copies", "false"),
  ),
  bySftpServer("sftp: a copy of a file to its own end", patch("sftp-copy-end", "Number.MAX_SAFE_INTEGER")),
  bySftpServer(
    "sftp: the text of a fault",
    patch("sftp-fault-text", "return { status: SSH_FX.FAILURE, message: String(error) };"),
  ),
  bySftpServer("sftp: a flood to a slow file system", remove("sftp-server-backpressure")),
  byDisk(
    "sftp disk: a path or link that leads out of the root",
    remove("sftp-disk-dot-dot"),
    patch("sftp-disk-directory-link", "const flags = O_PATH | O_DIRECTORY;"),
    patch("sftp-disk-pinned-link", "const flags = O_PATH;"),
    remove("sftp-disk-checked-link"),
    remove("sftp-disk-file-link"),
  ),
  byDisk("sftp disk: a directory that is moved out of the root", remove("sftp-disk-kept-moved")),
  byDisk(
    "sftp disk: a directory that is moved while it is opened",
    patch("sftp-disk-kept-place", "const isInPlace = true;"),
  ),
  byDisk("sftp disk: a change on a read-only file system", remove("sftp-disk-read-only")),
  byDisk(
    "sftp disk: a FIFO, a device and the files of procfs",
    remove("sftp-disk-special-file"),
    remove("sftp-disk-procfs"),
  ),
  byDisk(
    "sftp disk: modes of the root and of special files, setuid and setgid",
    remove("sftp-disk-root-mode"),
    remove("sftp-disk-special-mode"),
    patch("sftp-disk-setuid", "0o7777"),
  ),
  byDisk("sftp disk: too many open files", remove("sftp-disk-handles")),
  byDisk("sftp disk: one login that opens all files", patch("sftp-disk-share", "left <= 0")),
  byDisk("sftp disk: a client that keeps the disk busy", remove("sftp-disk-turn")),
  byDisk("sftp disk: a call that takes longer than a turn", patch("sftp-disk-debt", "BUDGET")),
  byDisk(
    "sftp disk: a login whose calls fill every turn",
    patch("sftp-disk-login-turns", "if (tasks.length === 0) this.#waiting.delete(login);"),
  ),
  byDisk(
    "sftp disk: a path of very many directories",
    remove("sftp-disk-steps"),
    patch("sftp-disk-remote-above", "false"),
  ),
  byDisk("sftp disk: a path of very many directories in one turn", remove("sftp-disk-steps-in-turn")),
  byDisk("sftp disk: a directory that is moved while a path is followed", remove("sftp-disk-paused-place")),
  byDisk("sftp disk: very many paths that take several turns", remove("sftp-disk-paused-count")),
  byLongFiles(
    "sftp disk: a call that takes as long as the file is long",
    remove("sftp-disk-long-resize"),
    patch("sftp-disk-long-removal", "const held = undefined;"),
  ),
  byLongFiles(
    "sftp disk: the last close of a long file that was removed",
    patch("sftp-disk-last-close", "closeSync(this.#descriptor);"),
  ),
  byLongFiles("sftp disk: a long file that is renamed over another one", remove("sftp-disk-store-first")),
  byLongFiles(
    "sftp disk: the close of a long file that was emptied before",
    patch("sftp-disk-emptied", "const wasEmptied = false;"),
  ),
  byLongFiles(
    "sftp disk: a file that is used while it is truncated",
    remove("sftp-disk-busy-read"),
    patch("sftp-disk-busy-write", "true"),
    patch("sftp-disk-busy-attributes", "changeOpen(this.#descriptor, others);"),
    patch("sftp-disk-busy-path", "const busy = undefined;"),
    patch("sftp-disk-busy-paths", "const busy = undefined;"),
  ),
  {
    title: "sftp disk: logins whose calls take seconds",
    client: "not touched",
    server: heldBy(
      "node/test/disk/slow-calls",
      "sftp disk: logins whose calls take seconds · server",
      remove("sftp-disk-slow-at-once"),
      patch("sftp-disk-slow-login", "true"),
    ),
  },
  byServe(
    "nacre serve: SFTP beyond what a login may do",
    patch("serve-sftp-root", "return true;"),
    remove("serve-sftp-read-only"),
  ),
  transferRow(
    "sftp: a downloaded name that leaves its directory",
    patch("transfer-name-path", "false"),
    patch("transfer-name-windows", "false"),
    patch("transfer-name-trailing", "false"),
    patch("transfer-name-device", "false"),
    patch("transfer-name-short", "false"),
    patch("transfer-pattern-name", "false"),
  ),
  transferRow(
    "sftp: a link inside a download that redirects later files",
    patch("transfer-directory-link", "await this.#files.stat(path)"),
  ),
  transferRow(
    "sftp: a partial file that passes for the whole one",
    patch("transfer-local-temporary", "const temporary = path;"),
    patch("transfer-remote-temporary", "const temporary = path;"),
    patch("transfer-partial-record", "true"),
    patch("transfer-partial-content", "true"),
  ),
  transferRow("sftp: a part with the bytes of two files", remove("transfer-shared-part")),
  transferRow(
    "sftp: a partial file that another user placed on the server",
    remove("transfer-partial-remote-links"),
    remove("transfer-partial-remote-owner"),
    patch("transfer-partial-remote-same", "true"),
  ),
  transferRow(
    "sftp: a limit for writes that a server lowers late",
    patch("sftp-lowered-limit", "const length = this.#pendingLength;"),
  ),
  transferRow("sftp: a downloaded file with set-user-ID", patch("transfer-mode", "0o7777")),
  transferRow(
    "sftp: a directory tree without an end",
    patch("transfer-depth", "false"),
    patch("transfer-entries", "true"),
    patch("transfer-target-entries", "false"),
    patch("transfer-source-entries", "false"),
  ),
  takenRow("sftp: a download that ends before the stated size", remove("transfer-truncated")),
  takenRow("sftp: a copy of which the server gives no digest", patch("transfer-verified", "file.digest!")),
  takenRow("sftp: a file without an end", remove("transfer-file-growth"), remove("transfer-read-back-end")),
  takenRow("sftp: files without an end", remove("transfer-file-count")),
  {
    title: "sftp: a link that an earlier copy made in place of the target",
    client: heldBy(
      "cli/test/cp/attacks",
      "sftp: a link that an earlier copy made in place of the target · client",
      patch("copy-typed-target", "followTarget: true"),
      patch("sftp-typed-target", "followTarget: true"),
    ),
    server: "not touched",
  },
  transferRow(
    "sftp: a tree without an end, in a call for all of it",
    patch("sftp-tree-depth", "false"),
    patch("sftp-tree-entries", "false"),
    patch("sftp-names-length", "false"),
  ),
  transferRow(
    "sftp: a link that takes the place of a directory before it is opened",
    patch("transfer-held-link", "true"),
  ),
  nodeRow(
    "sftp: a link that takes the place of a directory during a download",
    remove("transfer-hold"),
    patch("transfer-hold-link", "0"),
  ),
  nodeRow(
    "sftp: a partial file that another user placed in the folder of a download",
    patch("transfer-partial-local-link", "0"),
    patch("transfer-partial-local-links", "true"),
    patch("transfer-partial-local-owner", "true"),
  ),
  nodeRow("sftp: a link in place of a file that a download creates", patch("transfer-exclusive", "0")),
];
