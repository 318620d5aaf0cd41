const UNITS = ["B", "K", "M", "G", "T", "P", "E"];

/** Formats a size in powers of 1024 as `ls -h` of sftp(1) does, in at most five characters: `0B`, `1.5K`, `12M`. */
export function formatShort(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 9.95 ? Math.round(value) : value.toFixed(1)}${UNITS[unit]}`;
}
