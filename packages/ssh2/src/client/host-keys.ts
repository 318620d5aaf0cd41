import { createHash } from "node:crypto";
import { addressScope, hostName } from "@nacre/keyfiles/internal";
import { parsePublicKey } from "@nacre/keys";
import { RSA_BITS, type SignatureAlgorithm } from "@nacre/keys/internal";
import { fingerprint } from "@nacre/node";
import { showPath } from "@nacre/node/extend";
import {
  decideByKnownHosts,
  escapeText,
  type HostKey,
  type HostKeyVerifier,
  hostCertificates,
  SshError,
} from "nacre/extend";
import { warnIfShort } from "../keys/rsa-size.ts";
import { warn } from "../warnings.ts";
import type { HostKeyMode } from "./host-key-mode.ts";
import { knownHostNames, underNames } from "./host-names.ts";
import { knownHostsFiles, readKnownHostsFiles } from "./known-hosts.ts";
import type { HostVerifier } from "./options.ts";

/** Settings for checking the host key of one connection. */
export interface HostKeyOptions {
  readonly host: string;
  /** The option `port`: perhaps text. */
  readonly port: number | string;
  /** Whether the program passed the stream of the connection: the name of its peer is not known for sure. */
  readonly isStream: boolean;
  readonly mode: HostKeyMode;
  readonly hostVerifier: HostVerifier | undefined;
  readonly hostHash: string | undefined;
  /** Signature algorithms that the program allows for host keys. */
  readonly offered: readonly SignatureAlgorithm[];
  /** Algorithms of certificates, which are offered too if known_hosts has an authority for the host. */
  readonly certificates: readonly SignatureAlgorithm[];
  /** Paths of known_hosts files; default those of the account and of the system. */
  readonly files?: readonly string[] | undefined;
}

/** The check of a host key, and the algorithms to offer for it in order of preference. */
export interface HostKeyCheck {
  readonly verify: HostKeyVerifier;
  readonly algorithms: readonly SignatureAlgorithm[];
}

/** Prepares the check of a host key: reads known_hosts if the mode needs it. Never rejects. */
export async function hostKeyCheck(options: HostKeyOptions): Promise<HostKeyCheck> {
  const { hostVerifier, mode, offered } = options;
  const check =
    hostVerifier === undefined ? await byMode(options) : { verify: byVerifier(options), algorithms: offered };
  if (mode === "off" && hostVerifier === undefined) return check;
  return {
    ...check,
    verify: (hostKey) => {
      if (hostKey.algorithm.includes("rsa"))
        warnIfShort(parsePublicKey(hostKey.blob, { minRsaBits: RSA_BITS.least }), `host key of ${placeOf(options)}`);
      return check.verify(hostKey);
    },
  };
}

function byVerifier({ hostVerifier, hostHash }: HostKeyOptions): HostKeyVerifier {
  return ({ blob }) => {
    const key = Buffer.from(blob);
    const shown = hostHash === undefined ? key : createHash(hostHash).update(key).digest("hex");
    return new Promise((resolve, reject) => {
      let earlier: Promise<void> = Promise.resolve();
      // The first answer counts, even if it is a promise and a later one is not.
      const answer = (verdict: unknown): void => {
        const given = Promise.resolve(verdict);
        given.catch(() => {});
        earlier = earlier
          .then(() => given)
          .then((one) => {
            // An async function that answers by its callback resolves with `undefined`.
            if (one !== undefined) resolve(Boolean(one));
          });
        earlier.catch(reject);
      };
      // In ssh2 a returned promise is truthy and accepts every key. Here it is awaited.
      const returned = hostVerifier!(shown, (verdict) => answer(verdict === undefined ? false : verdict));
      if (returned !== undefined) answer(returned);
    });
  };
}

async function byMode(options: HostKeyOptions): Promise<HostKeyCheck> {
  const { host, mode, isStream, offered } = options;
  const isLocal = isStream || isLoopback(host);
  if (mode === "off") return { verify: () => true, algorithms: offered };
  if (mode === "warn" || (isLocal && mode === "known"))
    return { verify: unverified(options, isLocal), algorithms: offered };
  const names = knownHostNames(host);
  if (names.length === 0 && mode === "known")
    // known_hosts cannot hold this name, for example a path.
    return { verify: unverified(options, false), algorithms: offered };
  try {
    return await byKnownHosts(options, names);
  } catch (cause) {
    return { verify: () => Promise.reject(cause), algorithms: offered };
  }
}

/** Throws `usage` for an invalid port, and for a name that known_hosts cannot hold: then `names` is empty. */
async function byKnownHosts(options: HostKeyOptions, names: readonly string[]): Promise<HostKeyCheck> {
  const { mode, offered } = options;
  // Programs pass the text of an environment variable.
  const port = Number(options.port);
  const [host = options.host] = names;
  const place = hostName(host, port);
  const files = options.files ?? knownHostsFiles();
  const known = underNames(await readKnownHostsFiles(files), names);
  const hasAuthority = known.hasAuthority(host, port);
  const algorithms = hasAuthority ? [...options.certificates, ...offered] : offered;
  const formats = offered.map(({ keyFormat }) => keyFormat);
  // A key of a type that is not offered cannot be presented: such a host counts as unknown.
  const isKnown = known.formats(host, port).some((format) => formats.includes(format)) || hasAuthority;
  const decision = decideByKnownHosts({
    host,
    port,
    known,
    certificates: hostCertificates,
    offered: algorithms,
    fingerprint,
    showFile: showPath,
    unknownHost: undefined,
    remember: async () => undefined,
    remedies: {
      add: `add it to ${showPath(files[0] ?? "known_hosts")}`,
      remove: `\`ssh-keygen -R '${escapeText(place)}'\``,
    },
  });
  const unknown = mode === "strict" ? undefined : unverified(options, false);
  return {
    algorithms: decision.order(algorithms),
    async verify(hostKey) {
      try {
        return await decision.verify(hostKey);
      } catch (cause) {
        const isUnknown =
          cause instanceof SshError &&
          (cause.code === "host-key-unknown" || (cause.code === "host-key-changed" && !isKnown));
        if (!isUnknown || unknown === undefined) throw cause;
        return unknown(hostKey);
      }
    },
  };
}

/** Accepts a key with a warning: once for each host, and once for all loopback addresses and all streams. */
function unverified(options: HostKeyOptions, isLocal: boolean): (hostKey: HostKey) => true {
  return (hostKey) => {
    const place = placeOf(options);
    const remedy =
      options.mode === "warn"
        ? 'pass "hostVerifier", or set the mode "known"'
        : isLocal
          ? 'loopback addresses and streams are not looked up in known_hosts; pass "hostVerifier"'
          : 'add it to ~/.ssh/known_hosts, or pass "hostVerifier"';
    const once = options.mode === "known" && isLocal ? (options.isStream ? "stream" : "loopback") : place;
    warn(
      "NACRE_SSH2_HOST_KEY",
      `the host key of ${place} was not verified: ${hostKey.fingerprint}; ${remedy} (README of @nacre/ssh2, "Host keys")`,
      once,
    );
    return true;
  };
}

function placeOf({ host, port, isStream }: HostKeyOptions): string {
  const shown = escapeText(host);
  const place = shown.includes(":") ? `[${shown}]:${port}` : `${shown}:${port}`;
  return isStream ? `${place} (over a stream)` : place;
}

/** Returns whether a name or address is one of this machine. Checks the name as given, without resolving it. */
function isLoopback(host: string): boolean {
  return /^(?:.*\.)?localhost\.?$/i.test(host) || addressScope(host.replace(/^\[(.*)\]$/, "$1")) === "machine";
}
