import { parsePublicKey } from "@nacre/keys/internal";
import { base64Encode } from "@nacre/wire";

/**
 * The text of a known_hosts file with one more line at its end: the key `blob` for `names`, as `hostName` or `hashName` writes them. What was
 * there stays as it is, to the byte. Throws the errors of `parsePublicKey` for the key.
 */
export function appendKnownHost(text: string, names: string, blob: Uint8Array, comment = ""): string {
  const { format } = parsePublicKey(blob);
  const line = [names, format, base64Encode(blob), ...(comment === "" ? [] : [comment])].join(" ");
  const ending = /\r\n[^\n]*$/.test(text) ? "\r\n" : "\n";
  const unfinished = text !== "" && !text.endsWith("\n");
  return `${text}${unfinished ? ending : ""}${line}${ending}`;
}
