import { parsePublicKey } from "@nacre/keys/internal";
import { base64Encode } from "@nacre/wire";

/**
 * Returns the text of a known_hosts file with an appended line: the key `blob` for `names`, in the format of `hostName` or `hashName`.
 * Keeps the existing text byte for byte. Throws the errors of `parsePublicKey` for the key.
 */
export function appendKnownHost(text: string, names: string, blob: Uint8Array, comment = ""): string {
  const { format } = parsePublicKey(blob);
  const line = [names, format, base64Encode(blob), ...(comment === "" ? [] : [comment])].join(" ");
  const ending = /\r\n[^\n]*$/.test(text) ? "\r\n" : "\n";
  const unfinished = text !== "" && !text.endsWith("\n");
  return `${text}${unfinished ? ending : ""}${line}${ending}`;
}
