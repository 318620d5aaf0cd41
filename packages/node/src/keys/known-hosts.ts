import { createHmac } from "node:crypto";
import { appendFile, mkdir, stat } from "node:fs/promises";
import { devNull } from "node:os";
import { dirname } from "node:path";
import { type HostKeyCheck, type KnownHosts, parseKnownHostsWith } from "@nacre/keyfiles/internal";
import { escapeText } from "@nacre/wire";
import { decideByKnownHosts, type HostKey, type KnownHostDecision, type PresentedHostKey } from "nacre/extend";
import { fingerprint } from "../crypto/fingerprint.ts";
import { withFileLock } from "./file-lock.ts";
import { expandHome, readIfThere } from "./files.ts";

/** Default known_hosts files, as in OpenSSH: the user's and the system's. */
const DEFAULT_FILES: readonly string[] = ["~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"];

/** Ignored lines that are named one by one: a file that is no known_hosts file has thousands. */
const MAX_PROBLEMS = 10;

export interface HostOptions {
  readonly host: string;
  readonly port: number;
  /** Paths of known_hosts files; default OpenSSH's. Missing files count as empty. A new host is added to the first file. */
  readonly files: readonly string[] | undefined;
  /** Home folder of the account that runs this process. If `undefined`, the default files include no user file. */
  readonly home: string | undefined;
  /** Decides about the key of an unknown host: true accepts and adds it. If `undefined`, unknown hosts are refused. */
  readonly unknownHost: ((hostKey: PresentedHostKey) => boolean | Promise<boolean>) | undefined;
  readonly warn: (text: string) => void;
}

/** Reads the known_hosts files for one host. Rejects with `file-unreadable`, or with `usage` for an invalid host or port. */
export async function knownHost(options: HostOptions): Promise<KnownHostDecision> {
  const { host, port, unknownHost, warn } = options;
  const known = await readKnownHosts(options);
  for (const { file, line, problem } of known.problems.slice(0, MAX_PROBLEMS))
    warn(`${escapeText(file)}:${line} is ignored: ${problem}`);
  const more = known.problems.length - MAX_PROBLEMS;
  if (more > 0) warn(`${more} more lines of known_hosts files are ignored`);
  return decideByKnownHosts({
    host,
    port,
    known,
    fingerprint,
    unknownHost,
    remember: (hostKey) => remember(options, hostKey),
    remedies: {
      add: `pin it, or connect once with "accept-new" to add it to ${escapeText(filesOf(options)[0]?.name ?? "known_hosts")}`,
      remove: `\`ssh-keygen -R '${nameOf(options)}'\``,
    },
  });
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

/**
 * Adds the key of a new host. If the host has been added since the files were read, the file decides instead. A lock serializes this across
 * processes, so that two connections with different keys for the same host cannot both accept theirs.
 */
async function remember(options: HostOptions, hostKey: HostKey): Promise<HostKeyCheck | undefined> {
  const [file] = filesOf(options);
  if (file === undefined) return undefined;
  const { path } = file;
  const couldNot = (reason: string): undefined => {
    options.warn(`the host key of ${hostOf(options)} is accepted, but cannot be saved: ${escapeText(reason)}`);
    return undefined;
  };
  if (path === undefined) return couldNot("this account has no home folder");
  const kind = await stat(path).catch(() => undefined);
  // Devices and pipes store no keys; /dev/null deliberately disables saving.
  // rule: known-hosts-regular
  if (kind !== undefined && !kind.isFile())
    return path === devNull ? undefined : couldNot(`${path} is not a regular file`);
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  } catch (cause) {
    return couldNot(String(cause));
  }
  return withFileLock(path, options.warn, async () => {
    const check = (await readKnownHosts(options)).check(options.host, options.port, hostKey.blob);
    // rule: known-hosts-reread
    if (check.status !== "unknown") return check;
    try {
      await append(path, options, hostKey);
    } catch (cause) {
      return couldNot(String(cause));
    }
    return undefined;
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
