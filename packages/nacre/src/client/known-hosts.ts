import type { HostKeyCheck, KnownHostEntry, KnownHosts } from "@nacre/keyfiles/internal";
import { parsePublicKey, type SignatureAlgorithm } from "@nacre/keys/internal";
import { escapeText, SshError } from "@nacre/wire";
import type { HostKey, HostKeyVerifier } from "./options.ts";

/** One host, its known_hosts, and where they are kept. */
export interface KnownHostOptions {
  readonly host: string;
  readonly port: number;
  readonly known: KnownHosts;
  /** The fingerprint of a public key blob: `"SHA256:…"`. */
  readonly fingerprint: (blob: Uint8Array) => string;
  /** Asked about the key of a host that is not known: true adds it. Without it such a host is refused. */
  readonly unknownHost: HostKeyVerifier | undefined;
  /**
   * Adds the key, unless the host has become known since `known` was read: then resolves with what is known now. Nobody else may add a key of
   * the host meanwhile, so that two connections that are shown two keys do not both accept and keep theirs.
   */
  readonly remember: (hostKey: HostKey) => Promise<HostKeyCheck | undefined>;
  /** Remedies in messages. */
  readonly remedies: {
    /** Ends "If its administrator confirms this fingerprint, …". */
    readonly add: string;
    /** Ends "…, remove the old one with: …". */
    readonly remove: string;
  };
}

/** What known_hosts decide about one host. */
export interface KnownHostDecision {
  /** Accepts the host by known_hosts. Throws `host-key-unknown`, `host-key-changed`, `host-key-revoked` or `host-key-refused`. */
  readonly verify: HostKeyVerifier;
  /** The same algorithms, those that the host is known by first: a host known by its RSA key is not met as a stranger. */
  order(algorithms: readonly SignatureAlgorithm[]): readonly SignatureAlgorithm[];
}

/** Decides about host keys by known_hosts, wherever these are kept. Throws `usage` for an invalid host or port. */
export function decideByKnownHosts(options: KnownHostOptions): KnownHostDecision {
  const { host, port, known } = options;
  const formats = known.formats(host, port);
  const isKnown = ({ keyFormat }: SignatureAlgorithm): boolean => formats.includes(keyFormat);
  return {
    verify: (hostKey) => verify(options, known.check(host, port, hostKey.blob), hostKey),
    order: (algorithms) => [...algorithms.filter(isKnown), ...algorithms.filter((algorithm) => !isKnown(algorithm))],
  };
}

async function verify(options: KnownHostOptions, check: HostKeyCheck, hostKey: HostKey): Promise<boolean> {
  const { unknownHost, remember, remedies } = options;
  const presented = describe(options, hostKey.blob);
  const ofHost = `the host key of ${placeOf(options)}`;
  switch (check.status) {
    case "match":
      return true;
    case "revoked":
      throw new SshError(
        "host-key-revoked",
        `${ofHost}, ${presented}, is marked as revoked in ${check.entries.map(lineOf).join(", ")}: do not use this server until you know why`,
      );
    case "changed": {
      const known = check.entries.map((entry) => `${describeEntry(options, entry)} (${lineOf(entry)})`).join(", ");
      throw new SshError(
        "host-key-changed",
        `${ofHost} has changed: it is ${presented}, but known_hosts has ${known}. Someone may be in between; if the server has a new key, and its administrator confirms the fingerprint, remove the old one with: ${remedies.remove}`,
      );
    }
    case "unknown": {
      if (unknownHost === undefined)
        throw new SshError(
          "host-key-unknown",
          `${ofHost} is not known: it is ${presented}. If its administrator confirms this fingerprint, ${remedies.add}`,
        );
      // A caller without types may return anything; only true accepts.
      // rule: unknown-host-verdict
      if (((await unknownHost(hostKey)) as unknown) !== true)
        throw new SshError("host-key-refused", `${ofHost}, ${presented}, was refused`);
      const now = await remember(hostKey);
      return now === undefined || verify(options, now, hostKey);
    }
  }
}

function placeOf({ host, port }: KnownHostOptions): string {
  return port === 22 ? escapeText(host) : `${escapeText(host)} port ${port}`;
}

function lineOf({ file, line }: KnownHostEntry): string {
  return `${escapeText(file)}:${line}`;
}

function describe({ fingerprint }: KnownHostOptions, blob: Uint8Array): string {
  return `${parsePublicKey(blob).format} ${fingerprint(blob)}`;
}

/** Its format may be any text. */
function describeEntry({ fingerprint }: KnownHostOptions, { format, blob }: KnownHostEntry): string {
  return `${escapeText(format)} ${fingerprint(blob)}`;
}
