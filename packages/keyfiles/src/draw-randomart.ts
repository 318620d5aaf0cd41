import { keyLabel, type PublicKey } from "@nacre/keys/internal";

const WIDTH = 17;
const HEIGHT = 9;
/** Characters by number of visits to a field. */
const VISITS = " .o+=*BOX@%&#/^";

/**
 * Draws the randomart of a public key from its `digest`. `hash` is the name of the hash function, shown below the board. The algorithm
 * moves a bishop over the board, one step per two bits of the digest (Loss, Limmer and von Gernler, "The drunken bishop").
 */
export function drawRandomart(
  { format, bits }: Pick<PublicKey, "format" | "bits">,
  hash: string,
  digest: Uint8Array,
): string {
  const visits = Array.from({ length: HEIGHT }, () => new Uint32Array(WIDTH));
  const start = { x: (WIDTH - 1) / 2, y: (HEIGHT - 1) / 2 };
  let { x, y } = start;
  for (const byte of digest) {
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
  const label = keyLabel(format);
  const title = `[${label} ${bits}]`;
  // OpenSSH leaves the size out if there is no room, and cuts off what is still too long.
  const shown = (title.length > WIDTH ? `[${label}]` : title).slice(0, WIDTH - 1);
  return [border(shown), ...rows.map((row) => `|${row}|`), border(`[${hash.toUpperCase()}]`)].join("\n");
}

function border(text: string): string {
  const left = Math.floor((WIDTH - text.length) / 2);
  return `+${"-".repeat(left)}${text}${"-".repeat(WIDTH - text.length - left)}+`;
}
