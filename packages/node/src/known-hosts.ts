import { createHmac } from "node:crypto";
import { appendFile, mkdir, stat } from "node:fs/promises";
import { devNull } from "node:os";
import { dirname } from "node:path";
import { type HostKeyCheck, type KnownHostEntry, type KnownHosts, parseKnownHostsWith } from "@nacre/keyfiles/internal";
import { parsePublicKey, type SignatureAlgorithm } from "@nacre/keys/internal";
import { escapeText, SshError } from "@nacre/wire";
import type { HostKey, HostKeyVerifier } from "nacre/internal";
import { fingerprint } from "./crypto/fingerprint.ts";
import { withFileLock } from "./file-lock.ts";
import { expandHome, readIfThere } from "./files.ts";

/** Where OpenSSH keeps the keys of known hosts: the user's file, and the machine's. */
const DEFAULT_FILES: readonly string[] = ["~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"];

export interface HostOptions {
  readonly host: string;
  readonly port: number;
  /** Missing files count as empty. A new host is added to the first. `undefined`: OpenSSH's files. */
  readonly files: readonly string[] | undefined;
  /** Home folder of the account that runs this process; without one the account has no known_hosts of its own by default. */
  readonly home: string | undefined;
  /** Asked about the key of a host that is not known: true adds it. Without it such a host is refused. */
  readonly unknownHost: HostKeyVerifier | undefined;
  readonly warn: (text: string) => void;
}

/** What known_hosts files decide about one host. */
export interface KnownHostDecision {
  /** Accepts the host by the files. Throws `host-key-unknown`, `host-key-changed` or `host-key-revoked`. */
  readonly verify: HostKeyVerifier;
  /** The same algorithms, those that the host is known by first: a host known by its RSA key is not met as a stranger. */
  order(algorithms: readonly SignatureAlgorithm[]): readonly SignatureAlgorithm[];
}

/** Reads known_hosts files for one host. Rejects with `file-unreadable`, or with `usage` for an invalid host or port. */
export async function knownHost(options: HostOptions): Promise<KnownHostDecision> {
  const { host, port, warn } = options;
  const known = await readKnownHosts(options);
  for (const { file, line, problem } of known.problems) warn(`${escapeText(file)}:${line} is skipped: ${problem}`);
  const formats = known.formats(host, port);
  const isKnown = ({ keyFormat }: SignatureAlgorithm): boolean => formats.includes(keyFormat);
  return {
    verify: (hostKey) => verify(options, known.check(host, port, hostKey.blob), hostKey),
    order: (algorithms) => [...algorithms.filter(isKnown), ...algorithms.filter((algorithm) => !isKnown(algorithm))],
  };
}

/** A known_hosts file. `path` is `undefined` where a default file's home folder does not exist. */
interface KnownHostsFile {
  readonly name: string;
  readonly path: string | undefined;
}

function filesOf({ files, home }: HostOptions): readonly KnownHostsFile[] {
  if (files !== undefined) return files.map((name) => ({ name, path: expandHome(name, home) }));
  return DEFAULT_FILES.map((name) => ({
    name,
    path: home === undefined && name.startsWith("~/") ? undefined : expandHome(name, home),
  }));
}

async function readKnownHosts(options: HostOptions): Promise<KnownHosts> {
  const texts = await Promise.all(
    filesOf(options).map(async ({ name, path }) => {
      const bytes = path === undefined ? undefined : await readIfThere(path);
      return { name, text: Buffer.from(bytes ?? []).toString("latin1") };
    }),
  );
  return parseKnownHostsWith((key, message) => createHmac("sha1", key).update(message).digest(), ...texts);
}

async function verify(options: HostOptions, check: HostKeyCheck, hostKey: HostKey): Promise<boolean> {
  switch (check.status) {
    case "match":
      return true;
    case "revoked":
      throw new SshError(
        "host-key-revoked",
        `the host key of ${hostOf(options)}, ${describe(hostKey.blob)}, is marked as revoked in ${places(check.entries)}: do not use this server until you know why`,
      );
    case "changed":
      throw new SshError(
        "host-key-changed",
        `the host key of ${hostOf(options)} has changed: it is ${describe(hostKey.blob)}, but known_hosts has ${known(check.entries)}. Someone may be in between; if the server has a new key, and its administrator confirms the fingerprint, remove the old one with: ssh-keygen -R '${nameOf(options)}'`,
      );
    case "unknown":
      if (options.unknownHost === undefined)
        throw new SshError(
          "host-key-unknown",
          `the host key of ${hostOf(options)} is not known: it is ${describe(hostKey.blob)}. If its administrator confirms this fingerprint, pin it, or connect once with accept-new, which adds it to ${escapeText(filesOf(options)[0]?.name ?? "known_hosts")}`,
        );
      // A caller without types may return anything; only true accepts.
      if (((await options.unknownHost(hostKey)) as unknown) !== true)
        throw new SshError(
          "host-key-refused",
          `the host key of ${hostOf(options)}, ${describe(hostKey.blob)}, was refused`,
        );
      return remember(options, hostKey);
  }
}

/**
 * Adds the key of a new host, unless the host has become known since it was looked up: then the file decides. One connection at a time does
 * so, in this process and in others, so that two connections that are shown two keys do not both accept and keep theirs.
 */
async function remember(options: HostOptions, hostKey: HostKey): Promise<boolean> {
  const [file] = filesOf(options);
  if (file === undefined) return true;
  const { path } = file;
  const couldNot = (reason: string): true => {
    options.warn(`the host key of ${hostOf(options)} is accepted, but could not be added: ${escapeText(reason)}`);
    return true;
  };
  if (path === undefined) return couldNot("this account has no home folder");
  const kind = await stat(path).catch(() => undefined);
  // A device or a pipe keeps nothing; /dev/null is how to ask for that.
  // rule: known-hosts-regular
  if (kind !== undefined && !kind.isFile()) return path === devNull || couldNot(`${path} is not a regular file`);
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  } catch (cause) {
    return couldNot(String(cause));
  }
  return withFileLock(path, async () => {
    const check = (await readKnownHosts(options)).check(options.host, options.port, hostKey.blob);
    // rule: known-hosts-reread
    if (check.status !== "unknown") return verify(options, check, hostKey);
    try {
      await append(path, options, hostKey);
    } catch (cause) {
      return couldNot(String(cause));
    }
    return true;
  });
}

async function append(path: string, { host, port }: HostOptions, hostKey: HostKey): Promise<void> {
  // Imported late: only new hosts need it.
  const { addKnownHost } = await import("@nacre/keyfiles");
  const text = Buffer.from((await readIfThere(path)) ?? []).toString("latin1");
  const added = addKnownHost(text, host, port, hostKey.blob).slice(text.length);
  // One append: what OpenSSH, which has no lock, adds at the same time stays whole.
  await appendFile(path, added, { encoding: "latin1", mode: 0o600 });
}

function hostOf({ host, port }: HostOptions): string {
  return port === 22 ? escapeText(host) : `${escapeText(host)} port ${port}`;
}

/** As known_hosts names it. */
function nameOf({ host, port }: HostOptions): string {
  return port === 22 ? escapeText(host) : `[${escapeText(host)}]:${port}`;
}

function places(entries: readonly KnownHostEntry[]): string {
  return entries.map(({ file, line }) => `${escapeText(file)}:${line}`).join(", ");
}

function known(entries: readonly KnownHostEntry[]): string {
  return entries
    .map(({ file, line, format, blob }) => `${escapeText(format)} ${fingerprint(blob)} (${escapeText(file)}:${line})`)
    .join(", ");
}

function describe(blob: Uint8Array): string {
  return `${parsePublicKey(blob).format} ${fingerprint(blob)}`;
}
