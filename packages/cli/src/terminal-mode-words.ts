/** Special characters (RFC 4254 §8) by stty's names for them, where all systems have the same. */
const CHARACTERS: Readonly<Record<string, string>> = {
  VINTR: "intr",
  VQUIT: "quit",
  VERASE: "erase",
  VKILL: "kill",
  VEOF: "eof",
  VEOL: "eol",
  VEOL2: "eol2",
  VSTART: "start",
  VSTOP: "stop",
  VSUSP: "susp",
  VWERASE: "werase",
  VLNEXT: "lnext",
};

/** Flags, which stty knows by the same names in small letters. Speeds and bits are about lines that a pseudo-terminal has not. */
const FLAGS: readonly string[] = [
  "IGNPAR",
  "PARMRK",
  "INPCK",
  "ISTRIP",
  "INLCR",
  "IGNCR",
  "ICRNL",
  "IXON",
  "IXANY",
  "IXOFF",
  "IMAXBEL",
  "IUTF8",
  "ISIG",
  "ICANON",
  "ECHO",
  "ECHOE",
  "ECHOK",
  "ECHONL",
  "NOFLSH",
  "TOSTOP",
  "IEXTEN",
  "ECHOCTL",
  "ECHOKE",
  "OPOST",
  "ONLCR",
  "OCRNL",
  "ONOCR",
  "ONLRET",
];

/** The value of a special character that there is not (RFC 4254 §8). */
const NONE = 255;

/** Arguments that make `stty` set these modes; no argument contains a blank. */
export function terminalModeWords(modes: Readonly<Record<string, number>>): string[] {
  const characters = Object.entries(CHARACTERS).flatMap(([mode, name]) => {
    const word = characterWord(modes[mode]);
    return word === undefined ? [] : [name, word];
  });
  const flags = FLAGS.flatMap((mode) => {
    const value = modes[mode];
    return value === undefined ? [] : [`${value === 0 ? "-" : ""}${mode.toLowerCase()}`];
  });
  return [...characters, ...flags];
}

/** `^C`; `undefined` for what cannot be written without a blank, or in one way for all kinds of stty. */
function characterWord(code: number | undefined): string | undefined {
  if (code === undefined) return undefined;
  if (code === NONE) return "undef";
  if (code < 0x20) return `^${String.fromCharCode(code + 0x40)}`;
  if (code === 0x7f) return "^?";
  return code > 0x20 && code < 0x7f ? String.fromCharCode(code) : undefined;
}
