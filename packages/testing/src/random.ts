import type { RandomSource } from "@nacre/wire";

/** Returns a deterministic source of bytes (xorshift128), so that test runs are repeatable. Not random. */
export function seededRandom(seed: number): RandomSource {
  let [x, y, z, w] = [seed >>> 0, 362_436_069, 521_288_629, 88_675_123];
  return (length) => {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) {
      const t = x ^ (x << 11);
      [x, y, z] = [y, z, w];
      w = w ^ (w >>> 19) ^ (t ^ (t >>> 8));
      bytes[i] = w;
    }
    return bytes;
  };
}
