/** The signals that RFC 4254 §6.10 names. Others are written `name@domain`. */
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

/** A signal that RFC 4254 §6.10 names, without "SIG". */
export type SignalName = (typeof SIGNAL_NAMES)[number];
