import { type HostKeyCheck, parseKnownHosts } from "@nacre/keyfiles";
import { appendKnownHost, drawRandomart, hostName } from "@nacre/keyfiles/internal";
import { defaultKeyFormats, readPublicKey, type SignatureAlgorithm, sha256Fingerprint } from "@nacre/keys";
import { escapeText } from "@nacre/wire";
import { sha256 } from "@noble/hashes/sha2.js";
import type { HostKey } from "nacre";
import { decideByKnownHosts, type KnownHostDecision } from "nacre/extend";
import { indexedDbKnownHosts, type KnownHostsStore } from "./known-hosts-store.ts";
import type { ConnectOptions } from "./options.ts";

/** Name of the stored text in error messages. */
const NAME = "known_hosts";

/** Reads the known hosts and returns the host-key decision for the host of `options`. `offered` are the algorithms of host keys. */
export async function knownHost(
  options: ConnectOptions,
  offered: readonly SignatureAlgorithm[],
): Promise<KnownHostDecision> {
  const { host, port = 22, hostKey, unknownHost, hostCertificates: certificates } = options;
  const { knownHosts: store = indexedDbKnownHosts(), warn = () => {} } = options;
  const known = parse(await store.read());
  for (const { line, problem } of known.problems) warn(`${NAME}:${line} is ignored: ${problem}`);
  if (certificates === undefined && known.hasAuthority(host, port))
    warn("an authority of the host is ignored; pass `hostCertificates` to judge its certificate");
  return decideByKnownHosts({
    host,
    port,
    known,
    certificates,
    offered,
    fingerprint: sha256Fingerprint,
    unknownHost:
      hostKey === "accept-new"
        ? () => true
        : unknownHost && ((key) => unknownHost({ ...key, randomart: sha256Randomart(key.blob) })),
    remember: (key) => remember(store, host, port, key, warn),
    remedies: {
      add: "pin it, or let `unknownHost` accept it",
      remove: `forgetHost(${JSON.stringify(host)}, ${port})`,
    },
  });
}

async function remember(
  store: KnownHostsStore,
  host: string,
  port: number,
  { blob, certificate }: HostKey,
  warn: (text: string) => void,
): Promise<HostKeyCheck | undefined> {
  let found: HostKeyCheck | undefined;
  try {
    await store.update((text) => {
      const check = parse(text).check(host, port, blob, certificate?.authority.blob);
      // rule: web-known-hosts-reread
      if (check.status !== "unknown") {
        found = check;
        return text;
      }
      return appendKnownHost(text, hostName(host, port), blob);
    });
  } catch (cause) {
    const reason = escapeText(cause instanceof Error ? cause.message : String(cause));
    warn(`the host key of ${escapeText(host)} is accepted, but cannot be saved: ${reason}`);
  }
  return found;
}

function parse(text: string): ReturnType<typeof parseKnownHosts> {
  return parseKnownHosts({ name: NAME, text });
}

function sha256Randomart(blob: Uint8Array): string {
  return drawRandomart(readPublicKey(blob, defaultKeyFormats), "sha256", sha256(blob));
}
