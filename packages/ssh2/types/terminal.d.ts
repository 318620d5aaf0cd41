type Flag = 0 | 1 | undefined;

/** Modes of a terminal by their names in RFC 4254 §8: characters as their codes, flags as 0 or 1, speeds in bits per second. */
export interface TerminalModes extends TerminalCharacters, TerminalFlags {
  TTY_OP_ISPEED?: number | undefined;
  TTY_OP_OSPEED?: number | undefined;
}

interface TerminalCharacters {
  VINTR?: number | undefined;
  VQUIT?: number | undefined;
  VERASE?: number | undefined;
  VKILL?: number | undefined;
  VEOF?: number | undefined;
  VEOL?: number | undefined;
  VEOL2?: number | undefined;
  VSTART?: number | undefined;
  VSTOP?: number | undefined;
  VSUSP?: number | undefined;
  VDSUSP?: number | undefined;
  VREPRINT?: number | undefined;
  VWERASE?: number | undefined;
  VLNEXT?: number | undefined;
  VFLUSH?: number | undefined;
  VSWTCH?: number | undefined;
  VSTATUS?: number | undefined;
  VDISCARD?: number | undefined;
}

interface TerminalFlags {
  IGNPAR?: Flag;
  PARMRK?: Flag;
  INPCK?: Flag;
  ISTRIP?: Flag;
  INLCR?: Flag;
  IGNCR?: Flag;
  ICRNL?: Flag;
  IUCLC?: Flag;
  IXON?: Flag;
  IXANY?: Flag;
  IXOFF?: Flag;
  IMAXBEL?: Flag;
  ISIG?: Flag;
  ICANON?: Flag;
  XCASE?: Flag;
  ECHO?: Flag;
  ECHOE?: Flag;
  ECHOK?: Flag;
  ECHONL?: Flag;
  NOFLSH?: Flag;
  TOSTOP?: Flag;
  IEXTEN?: Flag;
  ECHOCTL?: Flag;
  ECHOKE?: Flag;
  PENDIN?: Flag;
  OPOST?: Flag;
  OLCUC?: Flag;
  ONLCR?: Flag;
  OCRNL?: Flag;
  ONOCR?: Flag;
  ONLRET?: Flag;
  CS7?: Flag;
  CS8?: Flag;
  PARENB?: Flag;
  PARODD?: Flag;
}

/** A terminal that a client requests. */
export interface PseudoTtyOptions {
  /** Size in characters; default 24 by 80. */
  rows?: number;
  cols?: number;
  /** Size in pixels; default 480 by 640. */
  height?: number;
  width?: number;
  /** Type of the terminal; default "vt100". */
  term?: string;
  modes?: TerminalModes;
}

/** A terminal as a server sees it. */
export interface PseudoTtyInfo {
  term: string;
  cols: number;
  rows: number;
  width: number;
  height: number;
  modes: TerminalModes;
}

export interface WindowChangeInfo {
  cols: number;
  rows: number;
  width: number;
  height: number;
}

export {};
