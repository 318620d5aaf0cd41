import { formatName } from "@nacre/keys/internal";
import { base64Encode } from "@nacre/wire";

/**
 * Returns the text of a known_hosts file with an appended line: the key `blob` for `names`, in the format of `hostName` or `hashName`.
 * Keeps the existing text byte for byte. Throws `key-malformed` for a blob without a format.
 */
export function appendKnownHost(text: string, names: string, blob: Uint8Array, comment = ""): string {
  const line = [names, formatName(blob), base64Encode(blob), ...(comment === "" ? [] : [comment])].join(" ");
  const ending = /\r\n[^\n]*$/.test(text) ? "\r\n" : "\n";
  const unfinished = text !== "" && !text.endsWith("\n");
  return `${text}${unfinished ? ending : ""}${line}${ending}`;
}
