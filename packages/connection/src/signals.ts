/** Signal names defined in RFC 4254 §6.10. Other signals are written `name@domain`. */
export const SIGNAL_NAMES = [
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
] as const;

/** Signal name defined in RFC 4254 §6.10, without "SIG". */
export type SignalName = (typeof SIGNAL_NAMES)[number];
