/**
 * A command line, and what `ssh` of OpenSSH 10 did with it. bash runs it in an empty folder, without a terminal. Only
 * the fields that are set are compared. Ports and folders have the names of their variables, and `DIR` is the folder.
 */
export interface Line {
  readonly name: string;
  /**
   * `$S` stands for `ssh -F $C`. Port `$P` of 127.0.0.1 has a server, `$P2` one with other host keys, `$MUTE` one that never answers, and
   * `$Q` is free. `$K` is the user's key, `$KH` the known hosts, `$PW` the password, and `$T` a folder that has all of them.
   */
  readonly line: string;
  readonly status: number;
  readonly out?: string;
  /** Lines that must be on standard error in this order; "" if nothing may be there, and true if anything must. */
  readonly err?: string | true;
  readonly files?: Readonly<Record<string, string>>;
}
