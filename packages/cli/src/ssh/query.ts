import { defaultBlobFormats, defaultKeyFormats, isCertified } from "@nacre/keys/internal";
import { nodeAlgorithms } from "@nacre/node";
import { escapeText } from "@nacre/wire";
import { say } from "../say.ts";

const names = (algorithms: readonly { readonly name: string }[]): readonly string[] =>
  algorithms.map(({ name }) => name);

const KEYS = names(defaultBlobFormats);
const SIGNATURES = names(nodeAlgorithms.hostKeys);

/** The queries of `ssh -Q help`. */
const QUERIES: Readonly<Record<string, readonly string[]>> = {
  cipher: names(nodeAlgorithms.ciphers),
  "cipher-auth": names(nodeAlgorithms.ciphers).filter((name) => /gcm|poly1305/.test(name)),
  compression: ["none"],
  kex: names(nodeAlgorithms.kex),
  "kex-gss": [],
  key: KEYS,
  "key-cert": KEYS.filter(isCertified),
  "key-plain": names(defaultKeyFormats),
  "key-sig": SIGNATURES,
  mac: names(nodeAlgorithms.macs),
  "protocol-version": ["2"],
  sig: SIGNATURES.filter((name) => !isCertified(name)),
};

/** Keywords of ssh_config(5) that name the same lists, in lower case. */
const KEYWORDS: Readonly<Record<string, string>> = {
  ciphers: "cipher",
  macs: "mac",
  kexalgorithms: "kex",
  hostkeyalgorithms: "key-sig",
  hostbasedacceptedalgorithms: "key-sig",
  hostbasedkeytypes: "key-sig",
  pubkeyacceptedalgorithms: "key-sig",
  pubkeyacceptedkeytypes: "key-sig",
  casignaturealgorithms: "sig",
};

/** Prints what Nacre has of a kind of algorithms (`-Q`), one a line. Returns the exit status. */
export function query(kind: string): number {
  const name = kind.toLowerCase();
  const found = name === "help" ? Object.keys(QUERIES) : QUERIES[KEYWORDS[name] ?? name];
  if (found === undefined || !/^[a-z-]+$/.test(name)) {
    say(`nacre: Unsupported query "${escapeText(kind)}"`);
    say("nacre: nacre -Q help lists the queries [usage]");
    return 255;
  }
  process.stdout.write(found.map((line) => `${line}\n`).join(""));
  return 0;
}
