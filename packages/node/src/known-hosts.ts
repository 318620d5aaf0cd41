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

/** Default known_hosts files, as in OpenSSH: the user's and the system's. */
const DEFAULT_FILES: readonly string[] = ["~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"];

export interface HostOptions {
  readonly host: string;
  readonly port: number;
  /** Paths of known_hosts files; default OpenSSH's. Missing files count as empty. A new host is added to the first file. */
  readonly files: readonly string[] | undefined;
  /** Home folder of the account that runs this process. If `undefined`, the default files include no user file. */
  readonly home: string | undefined;
  /** Decides about the key of an unknown host: true accepts and adds it. If `undefined`, unknown hosts are refused. */
  readonly unknownHost: HostKeyVerifier | undefined;
  readonly warn: (text: string) => void;
}

/** Decision of the known_hosts files about one host. */
export interface KnownHostDecision {
  /** Checks a host key against the files. Throws `host-key-unknown`, `host-key-changed` or `host-key-revoked`. */
  readonly verify: HostKeyVerifier;
  /** Moves the algorithms of the host's known keys to the front, so that a host known by its RSA key does not count as changed. */
  order(algorithms: readonly SignatureAlgorithm[]): readonly SignatureAlgorithm[];
}

/** Reads the known_hosts files for one host. Rejects with `file-unreadable`, or with `usage` for an invalid host or port. */
export async function knownHost(options: HostOptions): Promise<KnownHostDecision> {
  const { host, port, warn } = options;
  const known = await readKnownHosts(options);
  for (const { file, line, problem } of known.problems) warn(`${escapeText(file)}:${line} is ignored: ${problem}`);
  const formats = known.formats(host, port);
  const isKnown = ({ keyFormat }: SignatureAlgorithm): boolean => formats.includes(keyFormat);
  return {
    verify: (hostKey) => verify(options, known.check(host, port, hostKey.blob), hostKey),
    order: (algorithms) => [...algorithms.filter(isKnown), ...algorithms.filter((algorithm) => !isKnown(algorithm))],
  };
}

/** A known_hosts file. `path` is `undefined` if the account has no home folder for a default file. */
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
        `the host key of ${hostOf(options)}, ${describe(hostKey.blob)}, is revoked in ${places(check.entries)}; do not connect until the administrator explains the reason`,
      );
    case "changed":
      throw new SshError(
        "host-key-changed",
        `the host key of ${hostOf(options)} has changed: got ${describe(hostKey.blob)}, but known_hosts has ${known(check.entries)}; an attacker may be intercepting the connection; if the administrator confirms the new fingerprint, remove the old key with \`ssh-keygen -R '${nameOf(options)}'\``,
      );
    case "unknown":
      if (options.unknownHost === undefined)
        throw new SshError(
          "host-key-unknown",
          `the host key of ${hostOf(options)} is unknown: ${describe(hostKey.blob)}; if the administrator confirms this fingerprint, pin it, or connect once with "accept-new" to add it to ${escapeText(filesOf(options)[0]?.name ?? "known_hosts")}`,
        );
      // An untyped callback may return any value; only true accepts.
      if (((await options.unknownHost(hostKey)) as unknown) !== true)
        throw new SshError(
          "host-key-refused",
          `the host key of ${hostOf(options)}, ${describe(hostKey.blob)}, was refused`,
        );
      return remember(options, hostKey);
  }
}

/**
 * Adds the key of a new host. If the host has been added since the files were read, the file decides instead. A lock serializes this across
 * processes, so that two connections with different keys for the same host cannot both accept theirs.
 */
async function remember(options: HostOptions, hostKey: HostKey): Promise<boolean> {
  const [file] = filesOf(options);
  if (file === undefined) return true;
  const { path } = file;
  const couldNot = (reason: string): true => {
    options.warn(`the host key of ${hostOf(options)} is accepted, but cannot be saved: ${escapeText(reason)}`);
    return true;
  };
  if (path === undefined) return couldNot("this account has no home folder");
  const kind = await stat(path).catch(() => undefined);
  // Devices and pipes store no keys; /dev/null deliberately disables saving.
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
  // Imported on demand: only new hosts need it.
  const { addKnownHost } = await import("@nacre/keyfiles");
  const text = Buffer.from((await readIfThere(path)) ?? []).toString("latin1");
  const added = addKnownHost(text, host, port, hostKey.blob).slice(text.length);
  // A single append does not overwrite lines that OpenSSH, which does not use the lock, adds concurrently.
  await appendFile(path, added, { encoding: "latin1", mode: 0o600 });
}

function hostOf({ host, port }: HostOptions): string {
  return port === 22 ? escapeText(host) : `${escapeText(host)} port ${port}`;
}

/** Returns the host's name in known_hosts format. */
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
