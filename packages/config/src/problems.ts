import { escapeText, SshError, type SshErrorCode } from "@nacre/wire";

/** File and line of a value; line 0 of `command-line` is the command line. */
export interface Origin {
  readonly file: string;
  /** Line number, from 1. */
  readonly line: number;
}

/** A line that is wrong. The others of its file are read on, so that all are listed. */
export class BadLine extends Error {
  /** Lines to print, without the file. */
  readonly lines: readonly string[];
  /** Whether nothing is read after the line. */
  readonly isLast: boolean = false;

  constructor(...lines: readonly string[]) {
    super(lines[0]);
    this.lines = lines;
  }
}

/** A line that is wrong and ends reading at once. */
export class LastLine extends BadLine {
  override readonly isLast = true;
}

/** Returns the error that ends reading at once. Its lines are those of OpenSSH, since programs search for them. */
export function configError(lines: readonly string[], code: SshErrorCode = "file-malformed"): SshError {
  return new SshError(code, lines.map((line) => escapeText(line)).join("\n"));
}

/** Returns `FILE line N`. */
export function place({ file, line }: Origin): string {
  return `${file} line ${line}`;
}
