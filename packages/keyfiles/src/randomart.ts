import { parsePublicKey } from "@nacre/keys";
import { md5 } from "@noble/hashes/legacy.js";
import { sha256 } from "@noble/hashes/sha2.js";

const WIDTH = 17;
const HEIGHT = 9;
/** Character for each number of visits to a field. */
const VISITS = " .o+=*BOX@%&#/^";

/**
 * Returns the picture of a public key's fingerprint that `ssh-keygen -lv` prints: 11 lines, without a final newline. A bishop moves across
 * a board, two bits of the hash per step (Loss, Limmer and von Gernler, "The drunken bishop"). Throws like `parsePublicKey`.
 */
export function randomart(blob: Uint8Array, hash: "sha256" | "md5" = "sha256"): string {
  const { format, bits } = parsePublicKey(blob);
  const visits = Array.from({ length: HEIGHT }, () => new Uint32Array(WIDTH));
  const start = { x: (WIDTH - 1) / 2, y: (HEIGHT - 1) / 2 };
  let { x, y } = start;
  for (const byte of hash === "sha256" ? sha256(blob) : md5(blob)) {
    for (let step = byte, i = 0; i < 4; i++, step >>= 2) {
      x = Math.min(Math.max(x + (step & 1 ? 1 : -1), 0), WIDTH - 1);
      y = Math.min(Math.max(y + (step & 2 ? 1 : -1), 0), HEIGHT - 1);
      visits[y]![x]!++;
    }
  }
  const rows = visits.map((row, atY) =>
    Array.from(row, (count, atX) => {
      if (atX === x && atY === y) return "E";
      return atX === start.x && atY === start.y ? "S" : VISITS[Math.min(count, VISITS.length - 1)]!;
    }).join(""),
  );
  const title = `[${kind(format)} ${bits}]`;
  return [border(title), ...rows.map((row) => `|${row}|`), border(`[${hash.toUpperCase()}]`)].join("\n");
}

/** Returns OpenSSH's name for a key format in the title. */
function kind(format: string): string {
  if (format === "ssh-rsa") return "RSA";
  return format.startsWith("ecdsa-") ? "ECDSA" : format.replace(/^ssh-/, "").toUpperCase();
}

function border(text: string): string {
  const left = Math.floor((WIDTH - text.length) / 2);
  return `+${"-".repeat(left)}${text}${"-".repeat(WIDTH - text.length - left)}+`;
}
