import { SSH_FXF } from "@nacre/sftp";
import { usage } from "nacre/extend";

/** How to open a file, as in Node: `"r"` reads, `"w"` truncates, `"a"` appends, `"+"` does both, `"x"` fails if the file exists. */
export type OpenFlags = "r" | "r+" | "w" | "wx" | "w+" | "wx+" | "a" | "ax" | "a+" | "ax+";

const { READ, WRITE, APPEND, CREAT, TRUNC, EXCL } = SSH_FXF;

const FLAGS: Readonly<Record<OpenFlags, number>> = {
  r: READ,
  "r+": READ | WRITE,
  w: WRITE | CREAT | TRUNC,
  wx: WRITE | CREAT | TRUNC | EXCL,
  "w+": READ | WRITE | CREAT | TRUNC,
  "wx+": READ | WRITE | CREAT | TRUNC | EXCL,
  a: WRITE | CREAT | APPEND,
  ax: WRITE | CREAT | APPEND | EXCL,
  "a+": READ | WRITE | CREAT | APPEND,
  "ax+": READ | WRITE | CREAT | APPEND | EXCL,
};

/** Returns flags of SSH_FXP_OPEN. Throws `usage` for unknown flags. */
export function encodeFlags(flags: OpenFlags): number {
  if (typeof flags === "string" && Object.hasOwn(FLAGS, flags)) return FLAGS[flags];
  throw usage(`\`flags\` must be one of ${Object.keys(FLAGS).join(", ")}`);
}

/** Returns whether the server puts each write at the end of the file. */
export function isAppend(flags: OpenFlags): boolean {
  return flags.startsWith("a");
}
