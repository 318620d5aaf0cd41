import { usage } from "../options.ts";

const UNITS: Readonly<Record<string, number>> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** Lowest rate in bytes a second that a transfer can keep. */
const LEAST = 1024;

/** Parses a rate in bytes a second, at least 1024: `500000`, `500K`, `1.5M`, `1G`, in powers of 1024. Throws `usage` if it is invalid. */
export function readRate(text: string): number {
  const [, number, unit = ""] = /^(\d{1,12}(?:\.\d{1,6})?)([kmg]?)$/i.exec(text) ?? [];
  const rate = Math.floor(Number(number) * UNITS[unit.toLowerCase()]!);
  if (!(rate >= LEAST && Number.isSafeInteger(rate)))
    throw usage(`invalid rate "${text}"; expected at least 1024 bytes a second, such as 500K or 1.5M`);
  return rate;
}
