import { createHmac } from "node:crypto";
import { appendFile, mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import {
  addressScope,
  appendKnownHost,
  type HostKeyCheck,
  hashName,
  hostName,
  type KnownHosts,
  parseKnownHostsWith,
} from "@nacre/keyfiles/internal";
import type { SignatureAlgorithm } from "@nacre/keys/internal";
import { escapeText, SshError } from "@nacre/wire";
import {
  decideByKnownHosts,
  type HostKey,
  hostCertificates,
  type KnownHostDecision,
  type PresentedHostKey,
} from "nacre/extend";
import { nodeRandom } from "../crypto/bytes.ts";
import { fingerprint } from "../crypto/fingerprint.ts";
import type { CommandEnd } from "../net/run-command.ts";
import { isNullDevice, showPath, systemFile } from "../windows/system.ts";
import { withFileLock } from "./file-lock.ts";
import { expandHome, readIfThere } from "./files.ts";
import { checkCommand, type HostKeyLookup, type KnownHostsOptions, pathsOf } from "./known-hosts-options.ts";

/** Default known_hosts file: OpenSSH's first one. */
const USER_FILE = "~/.ssh/known_hosts";

/** Ignored lines that are named one by one: a file that is no known_hosts file has thousands. */
const MAX_PROBLEMS = 10;

/** Maximum bytes of a command's output. */
const MAX_OUTPUT = 1024 * 1024;

export interface HostOptions extends KnownHostsOptions {
  readonly host: string;
  readonly port: number;
  /** Name to look up and store in place of the host and port, and to find in certificates. */
  readonly alias?: string | undefined;
  /** Home folder of the account that runs this process. If `undefined`, the default files include no user file. */
  readonly home: string | undefined;
  /** Algorithms that are offered for host keys; default any. */
  readonly offered?: readonly SignatureAlgorithm[] | undefined;
  /** Names of the signature algorithms that authorities may use; default all but SHA-1. */
  readonly authorityAlgorithms?: readonly string[] | undefined;
  /** Decides about the key of an unknown host: true accepts and adds it. If `undefined`, unknown hosts are refused. */
  readonly unknownHost: ((hostKey: PresentedHostKey) => boolean | Promise<boolean>) | undefined;
  /** Whether to go on with restrictions, after a warning, if the key of a known host has changed; default false. */
  readonly restrictChanged?: boolean | undefined;
  /** Returns the address that the TCP connection was made to, if it was. */
  readonly address?: (() => string | undefined) | undefined;
  readonly warn: (text: string) => void;
  /** Hash of the fingerprints in messages, and for the command; default `"sha256"`. */
  readonly fingerprintHash?: "sha256" | "md5" | undefined;
  /** Called with the name of a new host in known_hosts, when its key has been added. */
  readonly added?: ((name: string, hostKey: HostKey) => void) | undefined;
  /** Ends the command early. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds that a command may take; default no limit. */
  readonly commandTimeout?: number | undefined;
}

/** Host-key check of one host, and whether the user's own files had the key. */
export interface HostDecision extends KnownHostDecision {
  isTrusted(): boolean;
}

/**
 * Reads the known_hosts files for one host. Rejects with `file-unreadable`, with `usage` for an invalid host or port, and the errors of
 * the command.
 */
export async function knownHost(options: HostOptions): Promise<HostDecision> {
  const { host, port, alias, offered, authorityAlgorithms, unknownHost, fingerprintHash, warn } = options;
  const shownFingerprint = (blob: Uint8Array): string => fingerprint(blob, fingerprintHash);
  const known = await readKnownHosts(options, { reason: "order", hostKey: undefined });
  for (const { file, line, problem } of known.problems.slice(0, MAX_PROBLEMS))
    warn(`${showPath(file)}:${line} is ignored: ${problem}`);
  const more = known.problems.length - MAX_PROBLEMS;
  if (more > 0) warn(`${more} more lines of known_hosts files are ignored`);
  const ofUser = userFiles(options).map(({ name }) => name);
  let isTrusted = false;
  let changedIn: string | undefined;
  const decision = decideByKnownHosts({
    host,
    port,
    alias,
    offered,
    certificates: hostCertificates,
    authorityAlgorithms,
    known: {
      formats: () => known.formats(...lookedUp(options)),
      hasAuthority: () => known.hasAuthority(...lookedUp(options)),
      async check(_host, _port, blob, authority) {
        const hostKey = { blob, fingerprint: shownFingerprint(blob) };
        const current =
          options.command === undefined ? known : await readKnownHosts(options, { reason: "host", hostKey });
        const check = checkBoth(options, current, blob, authority);
        changedIn = check.entries[0]?.file;
        isTrusted = check.status === "match" && check.entries.some(({ file }) => ofUser.includes(file));
        return check;
      },
    },
    fingerprint: shownFingerprint,
    showFile: showPath,
    unknownHost,
    remember: (hostKey) => remember(options, hostKey),
    remedies: {
      add: `pin it, or connect once with "accept-new" to add it to ${showPath(userFiles(options)[0]?.name ?? "known_hosts")}`,
      get remove() {
        return `\`ssh-keygen -R '${escapeText(hostName(...lookedUp(options)))}'${fileOption(options, changedIn)}\``;
      },
    },
  });
  return {
    verify: (hostKey) => verify(options, decision, hostKey),
    order: (algorithms) => decision.order(algorithms),
    isTrusted: () => isTrusted,
  };
}

/** Returns the option of ssh-keygen for a file, unless it is the one that ssh-keygen changes by default. */
function fileOption(options: HostOptions, file: string | undefined): string {
  const { home } = options;
  const path = filesOf(options).find(({ name }) => name === file)?.path;
  if (path === undefined || (home !== undefined && path === expandHome(USER_FILE, home))) return "";
  return ` -f '${showPath(path)}'`;
}

async function verify(
  options: HostOptions,
  decision: KnownHostDecision,
  hostKey: HostKey,
): Promise<boolean | "restricted"> {
  if (options.trustLoopback && options.alias === undefined && isOfMachine(options.address?.())) return true;
  try {
    return await decision.verify(hostKey);
  } catch (error) {
    if (!options.restrictChanged || !(error instanceof SshError) || error.code !== "host-key-changed") throw error;
    options.warn(
      `${error.message}; going on without passwords, keyboard-interactive, agent forwarding and forwarded connections`,
    );
    // rule: changed-restricted
    return "restricted";
  }
}

function isOfMachine(address: string | undefined): boolean {
  return address !== undefined && addressScope(address) === "machine";
}

/** Checks a key for the name and, with `checkAddress`, for the address. Authorities are trusted for the name alone. */
function checkBoth(options: HostOptions, known: KnownHosts, blob: Uint8Array, authority?: Uint8Array): HostKeyCheck {
  const check = known.check(...lookedUp(options), blob, authority);
  const address = checkedAddress(options);
  if (address === undefined || (check.status !== "match" && check.status !== "unknown")) return check;
  const ofAddress = known.check(address, options.port, blob, authority);
  const { authorities } = check;
  // rule: changed-address
  return ofAddress.status === "changed" || ofAddress.status === "revoked" ? { ...ofAddress, authorities } : check;
}

/** Returns the address to look up beside the name, if any. */
function checkedAddress({ checkAddress, host, alias, address }: HostOptions): string | undefined {
  const connected = checkAddress === true && alias === undefined ? address?.() : undefined;
  return connected === host || isOfMachine(connected) ? undefined : connected;
}

/** Returns the host and port to look up. An alias stands for both, and may be `[host]:port`, as known_hosts has it. */
export function lookedUp({ host, port, alias }: HostOptions): [host: string, port: number] {
  if (alias === undefined) return [host, port];
  const [, name = alias, own = "22"] = /^\[([^[\]]+)\]:(\d+)$/.exec(alias) ?? [];
  return [name, Number(own)];
}

/** A known_hosts file. `path` is `undefined` if the account has no home folder for a default file. */
export interface KnownHostsPath {
  readonly name: string;
  readonly path: string | undefined;
}

/** Returns the user's files. */
export function userFiles({ files, home }: HostOptions): readonly KnownHostsPath[] {
  if (files === undefined)
    return [{ name: USER_FILE, path: home === undefined ? undefined : expandHome(USER_FILE, home) }];
  return pathsOf(files)!.map((name) => ({ name, path: expandHome(name, home) }));
}

function filesOf(options: HostOptions): readonly KnownHostsPath[] {
  const { files, globalFiles = files === undefined ? (systemFile("ssh_known_hosts") ?? []) : [], home } = options;
  return [...userFiles(options), ...pathsOf(globalFiles)!.map((name) => ({ name, path: expandHome(name, home) }))];
}

/** HMAC-SHA1 of a hashed name. */
export function hmacSha1(key: Uint8Array, message: Uint8Array): Uint8Array {
  return createHmac("sha1", key).update(message).digest();
}

/** Reads files. Missing ones have no text. */
export function readTexts(
  files: readonly KnownHostsPath[],
): Promise<readonly (KnownHostsPath & { readonly text: string })[]> {
  return Promise.all(
    files.map(async ({ name, path }) => {
      const bytes = path === undefined ? undefined : await readIfThere(path);
      return { name, path, text: Buffer.from(bytes ?? []).toString("latin1") };
    }),
  );
}

/** Reads the files, and the lines that the command prints. */
async function readKnownHosts(options: HostOptions, lookup: Omit<HostKeyLookup, "name">): Promise<KnownHosts> {
  const { command } = options;
  const texts = [...(await readTexts(filesOf(options)))];
  if (command !== undefined) {
    const text = await outputOf(command({ ...lookup, name: hostName(...lookedUp(options)) }), options);
    texts.push({ name: "the output of the command", path: undefined, text });
  }
  return parseKnownHostsWith(hmacSha1, ...texts);
}

/**
 * Returns the known_hosts lines that a command prints. Rejects with `usage` for an invalid command, `host-key-refused` if it fails or
 * exceeds a bound, or `aborted`.
 */
async function outputOf(command: readonly string[], { signal, commandTimeout }: HostOptions): Promise<string> {
  checkCommand(command);
  // Imported here because few programs run commands.
  const { runCommand } = await import("../net/run-command.ts");
  const what = "the command for known hosts";
  const [program, ...words] = command;
  const end = await runCommand(
    { program, words, options: {} },
    { what, maxOutput: MAX_OUTPUT, timeout: commandTimeout, signal },
  );
  if (end.type === "exit" && /* rule: known-hosts-status */ end.status === 0)
    return Buffer.from(end.output).toString("latin1");
  throw new SshError("host-key-refused", `${what}, ${showPath(program)}, ${failureOf(end, commandTimeout)}`);
}

function failureOf(end: CommandEnd, timeout: number | undefined): string {
  switch (end.type) {
    case "exit":
      return `ended with status ${end.status}`;
    case "killed":
      return `was killed by ${end.by}`;
    case "not-started":
      return `cannot run: ${showPath(end.cause.message)}`;
    case "too-long":
      return "prints more than 1 MiB";
    case "too-late":
      return `has not ended within ${timeout} ms`;
  }
}

/**
 * Adds the key of a new host. If the host has been added since the files were read, the file decides instead. A lock serializes this across
 * processes, so that two connections with different keys for the same host cannot both accept theirs.
 */
async function remember(options: HostOptions, hostKey: HostKey): Promise<HostKeyCheck | undefined> {
  const [file] = userFiles(options);
  if (file === undefined) return undefined;
  const { path } = file;
  const couldNot = (reason: string): undefined => {
    options.warn(`the host key of ${hostOf(options)} is accepted, but cannot be saved: ${showPath(reason)}`);
    return undefined;
  };
  if (path === undefined) return couldNot("this account has no home folder");
  const isNull = isNullDevice(path);
  const kind = isNull ? undefined : await stat(path).catch(() => undefined);
  // Devices and pipes store no keys; /dev/null deliberately disables saving.
  // rule: known-hosts-regular
  if (isNull || (kind !== undefined && !kind.isFile())) {
    if (!isNull) return couldNot(`${path} is not a regular file`);
    options.added?.(namesOf(options).join(","), hostKey);
    return undefined;
  }
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  } catch (cause) {
    return couldNot(String(cause));
  }
  return withFileLock(path, options.warn, async () => {
    const known = parseKnownHostsWith(hmacSha1, ...(await readTexts(filesOf(options))));
    const check = known.check(...lookedUp(options), hostKey.blob, hostKey.certificate?.authority.blob);
    // rule: known-hosts-reread
    if (check.status !== "unknown") return check;
    try {
      await append(path, options, hostKey);
    } catch (cause) {
      return couldNot(String(cause));
    }
    options.added?.(namesOf(options).join(","), hostKey);
    return undefined;
  });
}

async function append(path: string, options: HostOptions, hostKey: HostKey): Promise<void> {
  const text = Buffer.from((await readIfThere(path)) ?? []).toString("latin1");
  const added = withKey(text, options, hostKey.blob).slice(text.length);
  // A single append does not overwrite lines that OpenSSH, which does not use the lock, adds concurrently.
  await appendFile(path, added, { encoding: "latin1", mode: 0o600 });
}

/** Returns the text of a known_hosts file with lines for the host's key. */
export function withKey(text: string, options: HostOptions, blob: Uint8Array): string {
  const names = namesOf(options);
  const lines = options.hash ? names.map((name) => hashName(name, nodeRandom, hmacSha1)) : [names.join(",")];
  return lines.reduce((made, line) => appendKnownHost(made, line, blob), text);
}

/** Returns the names of a new host. */
function namesOf(options: HostOptions): readonly string[] {
  const address = checkedAddress(options);
  return [hostName(...lookedUp(options)), ...(address === undefined ? [] : [hostName(address, options.port)])];
}

/** Returns the host and port for messages. */
export function hostOf({ host, port }: HostOptions): string {
  return port === 22 ? escapeText(host) : `${escapeText(host)} port ${port}`;
}
