import { base64Decode, base64Encode, escapeText, utf8Decode, utf8DecodeLossy, utf8Encode } from "@nacre/wire";
import { expectEqual, expectSafe } from "../contract.ts";
import type { Target } from "../fuzzer/target.ts";
import { latin1 } from "../input.ts";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lossy = new TextDecoder("utf-8", { ignoreBOM: true });

/** UTF-8 and base64 must give the same results as the platform's functions. Escaped text must be safe to print. */
export const text: Target = {
  name: "text",
  run: (bytes) => {
    expectEqual(utf8Decode(bytes), platformDecode(bytes), "strict UTF-8");
    const decoded = utf8DecodeLossy(bytes);
    expectEqual(decoded, lossy.decode(bytes), "UTF-8 with replacements");
    expectEqual(utf8DecodeLossy(utf8Encode(decoded)), decoded, "UTF-8 encoded and decoded");
    expectSafe(escapeText(decoded));
    expectSafe(escapeText(decoded, { keepLines: true }).replaceAll(/[\n\t]/g, ""));

    expectEqual(base64Decode(base64Encode(bytes)), bytes, "base64 encoded and decoded");
    const read = base64Decode(latin1(bytes));
    if (read !== undefined) expectEqual(read, new Uint8Array(Buffer.from(latin1(bytes), "base64")), "base64 decoded");
  },
};

function platformDecode(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}
