import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { constants, copyFile, readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { getSystemErrorMap } from "node:util";
import { randomart } from "@nacre/keyfiles";
import { hashName, type KnownHostsLine, linesOf, readKnownHostsLine } from "@nacre/keyfiles/internal";
import { fingerprint, keyLabel, type PublicKey, parsePublicKey } from "@nacre/keys";
import { certifiedKeyBlob, defaultKeyFormats } from "@nacre/keys/internal";
import { expandHome } from "@nacre/node";
import { showPath } from "@nacre/node/extend";
import { base64Decode, escapeText } from "@nacre/wire";
import { unwritable } from "../ssh/unwritable.ts";
import type { KeygenArguments } from "./keygen-arguments.ts";
import { SHOWN_KEYS } from "./list-keys.ts";

type Arguments = Extract<KeygenArguments, { action: "known-hosts" }>;
type Entry = Extract<KnownHostsLine, { kind: "entry" }>;

/** What a pass over a file found and made. */
interface Outcome {
  /** Lines to write in place of the file's, or to print. */
  readonly lines: string[];
  readonly messages: string[];
  isFound: boolean;
  isInvalid: boolean;
  hasUnhashed: boolean;
}

/** Runs `nacre keygen -F`, `-H` and `-R`, with the output and status of ssh-keygen. Resolves with the exit status. */
export async function editKnownHosts(parsed: Arguments): Promise<number> {
  const file = expandHome(parsed.file);
  const shown = showPath(file);
  let text: string;
  try {
    text = await readFile(file, "latin1");
  } catch (cause) {
    const { errno, message } = cause as NodeJS.ErrnoException;
    const [, reason = message] = getSystemErrorMap().get(errno ?? 0) ?? [];
    say(`Cannot stat ${shown}: ${reason.slice(0, 1).toUpperCase()}${reason.slice(1)}`);
    return 255;
  }
  const lines = linesOf(text).map((line) => ({ line, parsed: readKnownHostsLine(line, hmacSha1) }));
  const outcome: Outcome = { lines: [], messages: [], isFound: false, isInvalid: false, hasUnhashed: false };
  for (const [index, { line, parsed: read }] of lines.entries())
    if (parsed.edit.kind === "find") find(outcome, parsed, read, line, index + 1);
    else if (parsed.edit.kind === "remove") remove(outcome, parsed, parsed.edit.host, read, line, index + 1, shown);
    else hash(outcome, read, line, index + 1, shown);
  for (const message of outcome.messages) say(message);

  if (parsed.edit.kind === "find") {
    process.stdout.write(outcome.lines.map((line) => `${line}\n`).join(""));
    return outcome.isFound ? 0 : 1;
  }
  if (outcome.isInvalid) {
    say(`${shown} is not a valid known_hosts file.`);
    say("Not replacing existing known_hosts file because of errors");
    return 1;
  }
  if (parsed.edit.kind === "remove" && !outcome.isFound) {
    say(`Host ${escapeText(parsed.edit.host)} not found in ${shown}`);
    return 0;
  }
  await replace(file, outcome.lines.map((line) => `${line}\n`).join(""));
  process.stdout.write(`${shown} updated.\nOriginal contents retained as ${shown}.old\n`);
  if (outcome.hasUnhashed) {
    say(`WARNING: ${shown}.old contains unhashed entries`);
    say("Delete this file to ensure privacy of hostnames");
  }
  return 0;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Adds what `-F` prints of a line. */
function find(outcome: Outcome, parsed: Arguments, read: KnownHostsLine, line: string, number: number): void {
  const { host, hashed } = parsed.edit as Extract<Arguments["edit"], { kind: "find" }>;
  if (read.kind !== "entry" || read.matches?.(host) !== true) return;
  const key = parsed.list ? keyOf(read) : undefined;
  if (parsed.list && key === undefined) return;
  outcome.isFound = true;
  const marker = read.marker === undefined ? "" : read.marker === "revoked" ? "REVOKED" : "CA";
  if (!parsed.quiet) outcome.lines.push(`# Host ${escapeText(host)} found: line ${number} ${marker}`);
  if (hashed) {
    const made: Outcome = { ...outcome, lines: [], messages: [] };
    hash(made, read, line, number, undefined);
    outcome.lines.push(...made.lines.map(printable));
  } else if (key === undefined) {
    outcome.lines.push(printable(line));
  } else {
    const comment = read.comment === "" ? "" : ` ${printable(read.comment)}`;
    const shown = fingerprint(certifiedKeyBlob(key.blob, defaultKeyFormats), parsed.hash);
    outcome.lines.push(`${escapeText(host)} ${keyLabel(key.format)} ${shown}${comment}`);
    if (parsed.picture) outcome.lines.push(randomart(key.blob, parsed.hash));
  }
}

/** Keeps a line, or drops it if it names the host. Lines with a marker stay. */
function remove(
  outcome: Outcome,
  parsed: Arguments,
  host: string,
  read: KnownHostsLine,
  line: string,
  number: number,
  file: string,
): void {
  if (read.kind === "entry" && read.marker === undefined && read.matches?.(host) === true) {
    outcome.isFound = true;
    if (!parsed.quiet) process.stdout.write(`# Host ${escapeText(host)} found: line ${number}\n`);
    return;
  }
  if (read.kind === "invalid" || (read.kind === "entry" && read.matches === undefined)) invalid(outcome, file, number);
  outcome.lines.push(line);
}

/** Adds a line for each name of an entry, with a hash in its place. Patterns and marked lines stay; `file` is for a message about them. */
function hash(outcome: Outcome, read: KnownHostsLine, line: string, number: number, file: string | undefined): void {
  if (read.kind === "invalid") invalid(outcome, file!, number);
  if (read.kind !== "entry") return void outcome.lines.push(line);
  const isPattern = /[*?!]/.test(read.names);
  if (isPattern && file !== undefined)
    outcome.messages.push(
      `${file}:${number}: ignoring host name with wildcard: ${escapeText(read.names.slice(0, 64))}`,
    );
  if (isPattern || read.names.startsWith("|") || read.marker !== undefined) return void outcome.lines.push(line);
  const names = read.names.split(",");
  const end = names.indexOf("");
  for (const name of end < 0 ? names : names.slice(0, end)) {
    outcome.lines.push(`${hashName(name.toLowerCase(), (length) => randomBytes(length), hmacSha1)} ${read.key}`);
    outcome.hasUnhashed = true;
  }
}

function invalid(outcome: Outcome, file: string, number: number): void {
  outcome.isInvalid = true;
  outcome.messages.push(`${file}:${number}: invalid line`);
}

/** Returns the key of an entry; `undefined` if it cannot be read. */
function keyOf({ base64, format }: Entry): PublicKey | undefined {
  try {
    const key = parsePublicKey(base64Decode(base64.trimEnd()) ?? new Uint8Array(0), SHOWN_KEYS);
    return key.format === format ? key : undefined;
  } catch {
    return undefined;
  }
}

const hmacSha1 = (key: Uint8Array, message: Uint8Array): Uint8Array => createHmac("sha1", key).update(message).digest();

/** Returns text of a file, read as Latin-1, for the terminal: as UTF-8, with control characters other than tabs escaped. */
function printable(line: string): string {
  const [, text = "", end = ""] = /^(.*?)(\r?)$/s.exec(line) ?? [];
  return escapeText(Buffer.from(text, "latin1").toString("utf8"), { keepLines: true }) + end;
}

/** Replaces a file at once, and keeps the old one under its name with `.old`. */
async function replace(path: string, text: string): Promise<void> {
  // A link may lead to another file system.
  const file = await realpath(path).catch(() => path);
  const made = `${file}.${randomUUID()}`;
  try {
    const { mode } = await stat(file);
    await writeFile(made, text, { encoding: "latin1", flag: "wx", mode: mode & 0o644 });
    await rm(`${path}.old`, { force: true });
    await copyFile(file, `${path}.old`, constants.COPYFILE_EXCL);
    await rename(made, file);
  } catch (cause) {
    await rm(made, { force: true });
    throw unwritable("known_hosts", cause);
  }
}
