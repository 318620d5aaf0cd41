/** Number of a session channel's plain data: input of a command in one direction, its output in the other. */
export const STDOUT = 0;
/** Number of a session channel's extended data: error output (RFC 4254 §5.2). */
export const STDERR = 1;

/** Signal names defined in RFC 4254 §6.10. Other signals are written `name@domain`. */
export const SIGNAL_NAMES: readonly string[] = [
  "ABRT",
  "ALRM",
  "FPE",
  "HUP",
  "ILL",
  "INT",
  "KILL",
  "PIPE",
  "QUIT",
  "SEGV",
  "TERM",
  "USR1",
  "USR2",
];
