import { type Bytes, base64Decode, base64Encode } from "@nacre/wire";

/** Encodes bytes as base64 with the URL-safe alphabet and without padding (RFC 4648 §5). */
export function base64urlEncode(bytes: Uint8Array): string {
  return base64Encode(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** Decodes unpadded base64url. Returns `undefined` if the text is invalid. */
export function base64urlDecode(text: string): Bytes | undefined {
  if (/[^\w-]/.test(text)) return undefined;
  const padding = "=".repeat((4 - (text.length % 4)) % 4);
  return base64Decode(text.replaceAll("-", "+").replaceAll("_", "/") + padding);
}
