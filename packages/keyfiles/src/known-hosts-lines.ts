import { type HmacSha1, type NameMatcher, parseNames } from "./known-host-names.ts";

/**
 * Line of known_hosts as `ssh-keygen -F`, `-H` and `-R` take it apart. They leave the key unread, so a line may be an entry here and
 * malformed for `parseKnownHosts`.
 */
export type KnownHostsLine =
  | { readonly kind: "comment" | "invalid" }
  | {
      readonly kind: "entry";
      readonly marker: "revoked" | "cert-authority" | undefined;
      /** Names as written: patterns, or a hash. */
      readonly names: string;
      /** Returns whether a name matches, in the form `host` or `[host]:port`; `undefined` if the hash is malformed. */
      readonly matches: NameMatcher | undefined;
      /** Rest of the line from the key format on. */
      readonly key: string;
      readonly format: string;
      readonly base64: string;
      readonly comment: string;
    };

/** Key and signature names that ssh-keygen knows. */
const FORMATS =
  /^(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp(?:256|384|521)|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com|rsa-sha2-(?:256|512)|(?:sk-)?(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp(?:256|384|521)|rsa-sha2-(?:256|512))-cert-v01@openssh\.com|webauthn-sk-ecdsa-sha2-nistp256@openssh\.com)$/;

/** Reads a line without its line feed. Returns each part as it stands in the line. */
export function readKnownHostsLine(line: string, hmacSha1: HmacSha1): KnownHostsLine {
  const text = line.replace(/^[ \t]+/, "");
  if (text === "" || text.startsWith("#")) return { kind: "comment" };
  const [, word, afterMarker = text] = /^@([^ \t]*)[ \t]+(.*)$/s.exec(text) ?? [];
  const marker = word === "revoked" || word === "cert-authority" ? word : undefined;
  if (afterMarker.startsWith("@") || (word !== undefined && marker === undefined)) return { kind: "invalid" };
  const [, names = "", key = ""] = /^([^ \t]*)[ \t]*(.*)$/s.exec(afterMarker) ?? [];
  const [, format = "", base64 = "", comment = ""] = /^([^ \t]*)[ \t]*([^ \t]*)[ \t]*(.*)$/s.exec(key) ?? [];
  if (!FORMATS.test(format) || base64 === "" || base64.startsWith("#")) return { kind: "invalid" };
  const hashOrPatterns = parseNames(names, hmacSha1);
  // Patterns ignore case; the name of a hash is in lower case.
  const matches =
    hashOrPatterns === undefined || names.startsWith("|")
      ? hashOrPatterns
      : (name: string): boolean => hashOrPatterns(name.toLowerCase());
  return { kind: "entry", marker, names, matches, key, format, base64, comment };
}

/** Returns the lines of a text, without line feeds. */
export function linesOf(text: string): readonly string[] {
  const lines = text.split("\n");
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
}
