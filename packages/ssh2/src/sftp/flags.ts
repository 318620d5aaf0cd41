import { SSH_FXF } from "@nacre/sftp";

/** Flags of an open file (draft-ietf-secsh-filexfer-02 §6.3), under ssh2's names. */
export const OPEN_MODE: {
  readonly READ: number;
  readonly WRITE: number;
  readonly APPEND: number;
  readonly CREAT: number;
  readonly TRUNC: number;
  readonly EXCL: number;
} = {
  READ: SSH_FXF.READ,
  WRITE: SSH_FXF.WRITE,
  APPEND: SSH_FXF.APPEND,
  CREAT: SSH_FXF.CREAT,
  TRUNC: SSH_FXF.TRUNC,
  EXCL: SSH_FXF.EXCL,
};

const { READ, WRITE, APPEND, CREAT, TRUNC, EXCL } = OPEN_MODE;
const REPLACE = WRITE | CREAT | TRUNC;
const ADD = WRITE | CREAT | APPEND;

/** Flags by text. Of two texts with the same flags, `flagsToString` returns the first. */
const FLAGS: ReadonlyMap<string, number> = new Map([
  ["r", READ],
  ["r+", READ | WRITE],
  ["w", REPLACE],
  ["wx", REPLACE | EXCL],
  ["xw", REPLACE | EXCL],
  ["w+", REPLACE | READ],
  ["wx+", REPLACE | READ | EXCL],
  ["xw+", REPLACE | READ | EXCL],
  ["a", ADD],
  ["ax", ADD | EXCL],
  ["xa", ADD | EXCL],
  ["a+", ADD | READ],
  ["ax+", ADD | READ | EXCL],
  ["xa+", ADD | READ | EXCL],
]);

/** Returns the flags for a text such as `"r+"`, or null for an unknown one. */
export function stringToFlags(text: string): number | null {
  return FLAGS.get(text) ?? null;
}

/** Returns the text for flags, or null if no text has exactly these. */
export function flagsToString(flags: number): string | null {
  for (const [text, value] of FLAGS) if (value === flags) return text;
  return null;
}
