import type { PrivateKey } from "@nacre/keys/internal";
import { ssh2Error } from "../errors.ts";
import { isParsedKey, type ParsedKey, parseKey, privateKeyOf } from "../keys/parse-key.ts";

/** A host key of a server: the text or bytes of a private key file, a parsed key, or one of these with its passphrase. */
export type HostKeySource =
  | string
  | Buffer
  | ParsedKey
  | { readonly key: string | Buffer | ParsedKey; readonly passphrase?: string | Buffer };

/**
 * Returns the private keys, only the first of each type, as in ssh2. Throws ssh2's errors if `sources` is not an array or a key is
 * unreadable or public.
 */
export function readHostKeys(sources: unknown): readonly PrivateKey[] {
  if (!Array.isArray(sources)) throw ssh2Error("hostKeys must be an array");
  const keys = new Map<string, PrivateKey>();
  for (const source of sources as readonly HostKeySource[]) {
    const key = readHostKey(source);
    const { format } = key.publicKey;
    if (!keys.has(format)) keys.set(format, key);
  }
  return [...keys.values()];
}

function readHostKey(source: HostKeySource): PrivateKey {
  const isBare = typeof source === "string" || Buffer.isBuffer(source) || isParsedKey(source);
  const parsed = isBare ? parseKey(source) : parseKey(source?.key, source?.passphrase);
  if (parsed instanceof Error) throw ssh2Error(`Cannot parse privateKey: ${parsed.message}`);
  const [first] = Array.isArray(parsed) ? parsed : [parsed];
  const key = first && privateKeyOf(first);
  if (key === undefined) throw ssh2Error("privateKey value contains an invalid private key");
  return key;
}
