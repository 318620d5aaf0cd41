/** Letter of each file type, by the type bits of the mode. */
const TYPES: Readonly<Record<number, string>> = {
  0o010_000: "p",
  0o020_000: "c",
  0o040_000: "d",
  0o060_000: "b",
  0o100_000: "-",
  0o120_000: "l",
  0o140_000: "s",
};

/**
 * Returns a mode as `ls -l` prints it, ten characters such as `-rw-r--r--`: the type of the file, and the permissions of its owner, its
 * group and others. The type is `?` if the mode has none that is known.
 */
export function modeText(mode: number): string {
  const bit = (mask: number, letter: string): string => (mode & mask ? letter : "-");
  const execute = (mask: number, special: number, letter: string): string => {
    if ((mode & special) === 0) return bit(mask, "x");
    return mode & mask ? letter : letter.toUpperCase();
  };
  return [
    TYPES[mode & 0o170_000] ?? "?",
    bit(0o400, "r"),
    bit(0o200, "w"),
    execute(0o100, 0o4000, "s"),
    bit(0o040, "r"),
    bit(0o020, "w"),
    execute(0o010, 0o2000, "s"),
    bit(0o004, "r"),
    bit(0o002, "w"),
    execute(0o001, 0o1000, "t"),
  ].join("");
}
