import type { AgentIdentity } from "@nacre/agent";
import { utf8DecodeLossy } from "@nacre/wire";
import { isParsedKey, type ParsedKey, parseOneKey } from "../keys/parse-key.ts";

/** What an application passes for one key beside a parsed one. */
interface KeyEntry {
  readonly pubKey?: unknown;
  readonly comment?: unknown;
}

/**
 * Returns the keys of a reply. Each is a parsed key, or an object with a key as `pubKey` and perhaps a `comment`; `pubKey` may be such an
 * object, too. Skips entries that are not keys. Throws if an entry is not an object.
 */
export function replyKeys(entries: readonly unknown[]): readonly AgentIdentity[] {
  return entries.flatMap((entry) => {
    if (typeof entry !== "object" || entry === null) throw new Error(`Invalid key entry: ${String(entry)}`);
    if (isParsedKey(entry)) return identityOf(entry, undefined);
    const { pubKey, comment } = entry as KeyEntry;
    const inner = isWrapped(pubKey) ? pubKey : { pubKey, comment };
    const key = parseOneKey(inner.pubKey);
    return key instanceof Error ? [] : identityOf(key, inner.comment);
  });
}

function isWrapped(value: unknown): value is KeyEntry {
  return typeof value === "object" && value !== null && !isParsedKey(value) && !Buffer.isBuffer(value);
}

function identityOf(key: ParsedKey, given: unknown): AgentIdentity {
  const comment = typeof given === "string" ? given : Buffer.isBuffer(given) ? utf8DecodeLossy(given) : "";
  return { publicKey: key.getPublicSSH(), comment: key.comment || comment };
}
