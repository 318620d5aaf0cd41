/** Names of special characters in stty, by their names in RFC 4254 §8. Only those with the same name on all systems. */
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

/** Flags that stty has under the same name in lower case. Speed and character size are omitted: a pseudo-terminal has no serial line. */
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

/** Value of a disabled special character (RFC 4254 §8). */
const NONE = 255;

/** Returns the arguments with which `stty` sets these modes. None contains a space. */
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

/** Formats a character for stty, such as `^C`. Returns `undefined` for a space and for codes that stty versions write differently. */
function characterWord(code: number | undefined): string | undefined {
  if (code === undefined) return undefined;
  if (code === NONE) return "undef";
  if (code < 0x20) return `^${String.fromCharCode(code + 0x40)}`;
  if (code === 0x7f) return "^?";
  return code > 0x20 && code < 0x7f ? String.fromCharCode(code) : undefined;
}
