import type { HostKeyCheck, KnownHostEntry } from "@nacre/keyfiles/internal";
import { formatName, type HostCertificateProblem, isCertified, type SignatureAlgorithm } from "@nacre/keys/internal";
import { escapeText, SshError } from "@nacre/wire";
import type { HostKey } from "../../users/client/client.ts";
import type { HostCertificates } from "./host-certificates.ts";
import type { HostKeyVerifier, PresentedHostKey } from "./options.ts";

/** Known keys of hosts: `KnownHosts` of `@nacre/keyfiles`, or the same with a check that takes time. */
export interface KnownHostKeys {
  /** Compares a public key blob, and that of the authority if it came in a certificate, with the entries of the host. */
  check(host: string, port: number, blob: Uint8Array, authority?: Uint8Array): HostKeyCheck | Promise<HostKeyCheck>;
  /** Returns the key formats of the host's entries, such as `"ssh-ed25519"`. */
  formats(host: string, port: number): readonly string[];
  /** Returns whether an authority is trusted for the host. */
  hasAuthority(host: string, port: number): boolean;
}

/** Host, its known_hosts entries, and a callback that adds an entry. */
export interface KnownHostOptions {
  readonly host: string;
  readonly port: number;
  readonly known: KnownHostKeys;
  /** Judges certificates by the host's authorities: `hostCertificates`. Without it, a certificate counts as the plain key in it. */
  readonly certificates?: HostCertificates | undefined;
  /** Algorithms that the client offers for host keys; default any. A certificate counts as its plain key only if they have one for it. */
  readonly offered?: readonly SignatureAlgorithm[] | undefined;
  /** Name that takes the place of the host's in certificates. */
  readonly alias?: string | undefined;
  /** Returns the time in milliseconds since 1970; default `Date.now`. */
  readonly now?: (() => number) | undefined;
  /** Names of the signature algorithms that authorities may use. Default: all but SHA-1. */
  readonly authorityAlgorithms?: readonly string[] | undefined;
  /** Returns the fingerprint of a public key blob: `"SHA256:…"`. */
  readonly fingerprint: (blob: Uint8Array) => string;
  /** Returns the name of a file of `known` as messages show it. Default: as `escapeText` does. */
  readonly showFile?: ((file: string) => string) | undefined;
  /** Decides about the key of an unknown host: true accepts and adds it. If `undefined`, unknown hosts are refused. */
  readonly unknownHost: ((hostKey: PresentedHostKey) => boolean | Promise<boolean>) | undefined;
  /**
   * Adds the key. If the host was added after `known` was read, resolves with a current check instead, which then decides. Must hold a
   * lock, so that two connections cannot both accept different keys for one host.
   */
  readonly remember: (hostKey: HostKey) => Promise<HostKeyCheck | undefined>;
  /** Remedies in messages. */
  readonly remedies: {
    /** Completes "if the administrator confirms this fingerprint, …". */
    readonly add: string;
    /** Completes "…, remove the old key with …". */
    readonly remove: string;
  };
}

/** Host-key check of one host by its known_hosts entries. */
export interface KnownHostDecision {
  /** Checks a host key. Rejects with `host-key-unknown`, `host-key-changed`, `host-key-revoked` or `host-key-refused`. */
  readonly verify: HostKeyVerifier;
  /**
   * Moves the algorithms of the host's known keys to the front, after those of certificates if an authority of the host is known. Otherwise
   * a host known by its RSA key could look changed.
   */
  order(algorithms: readonly SignatureAlgorithm[]): readonly SignatureAlgorithm[];
}

/** Decides about host keys by known_hosts entries of any store. Throws `usage` for an invalid host or port. */
export function decideByKnownHosts(options: KnownHostOptions): KnownHostDecision {
  const { host, port, known } = options;
  const formats = known.formats(host, port);
  const hasAuthority = options.certificates !== undefined && known.hasAuthority(host, port);
  const rank = ({ keyFormat }: SignatureAlgorithm): number => {
    if (hasAuthority && isCertified(keyFormat)) return 0;
    return formats.includes(keyFormat) ? 1 : 2;
  };
  return {
    verify: async (hostKey) =>
      verify(options, await known.check(host, port, hostKey.blob, hostKey.certificate?.authority.blob), hostKey),
    order: (algorithms) => algorithms.toSorted((a, b) => rank(a) - rank(b)),
  };
}

async function verify(options: KnownHostOptions, check: HostKeyCheck, hostKey: HostKey): Promise<boolean> {
  const { host, port, certificates, unknownHost, remember, remedies } = options;
  const problem = problemOf(options, check, hostKey);
  // rule: host-certificate
  if (check.status !== "revoked" && hostKey.certificate !== undefined && problem === undefined) return true;
  const note = certificates?.note(hostKey.certificate, problem) ?? "";
  const presented = `${describe(options, hostKey.blob)}${note}`;
  const ofHost = `the host key of ${placeOf(options)}`;
  const format = formatName(hostKey.blob);
  const isOffered = options.offered?.some(({ keyFormat }) => keyFormat === format) ?? true;
  // rule: only-certificates
  if (check.status !== "revoked" && problem !== undefined && !isOffered)
    throw new SshError(
      "host-key-refused",
      `${ofHost}, ${presented}, was refused: only certificates of such keys are offered, not the plain ${format}`,
    );
  switch (check.status) {
    case "match":
      return true;
    case "revoked":
      throw new SshError(
        "host-key-revoked",
        `${ofHost}, ${presented}, is revoked in ${check.entries.map((entry) => lineOf(options, entry)).join(", ")}; do not connect until the administrator explains the reason`,
      );
    case "changed": {
      const known = check.entries
        .map((entry) => `${describeEntry(options, entry)} (${lineOf(options, entry)})`)
        .join(", ");
      throw new SshError(
        "host-key-changed",
        `${ofHost} has changed: got ${presented}, but known_hosts has ${known}; an attacker may be intercepting the connection; if the administrator confirms the new fingerprint, remove the old key with ${remedies.remove}`,
      );
    }
    case "unknown": {
      if (unknownHost === undefined)
        throw new SshError(
          "host-key-unknown",
          `${ofHost} is unknown: ${presented}; if the administrator confirms this fingerprint, ${remedies.add}`,
        );
      // An untyped callback may return any value; only true accepts.
      // rule: unknown-host-verdict
      if (((await unknownHost({ ...hostKey, host, port, certificateProblem: problem })) as unknown) !== true)
        throw new SshError("host-key-refused", `${ofHost}, ${presented}, was refused`);
      const now = await remember(hostKey);
      return now === undefined || verify(options, now, hostKey);
    }
  }
}

/** Returns why the certificate, if there is one, does not count. */
function problemOf(
  { host, alias = host, now = Date.now, authorityAlgorithms, certificates }: KnownHostOptions,
  { authorities }: HostKeyCheck,
  { certificate }: HostKey,
): HostCertificateProblem | undefined {
  if (certificate === undefined) return undefined;
  if (certificates === undefined) return { reason: "authority" };
  // rule: host-certificate-authority
  if (authorities.length === 0) return { reason: "authority" };
  const seconds = BigInt(Math.floor(now() / 1000));
  return certificates.problem(certificate, { host: alias, now: seconds, authorityAlgorithms });
}

function placeOf({ host, port }: KnownHostOptions): string {
  return port === 22 ? escapeText(host) : `${escapeText(host)} port ${port}`;
}

function lineOf({ showFile = escapeText }: KnownHostOptions, { file, line }: KnownHostEntry): string {
  return `${showFile(file)}:${line}`;
}

function describe({ fingerprint }: KnownHostOptions, blob: Uint8Array): string {
  return `${formatName(blob)} ${fingerprint(blob)}`;
}

/** Describes an entry. Escapes its format, which may be arbitrary text. */
function describeEntry({ fingerprint }: KnownHostOptions, { format, blob }: KnownHostEntry): string {
  return `${escapeText(format)} ${fingerprint(blob)}`;
}
