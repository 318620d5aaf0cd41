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

/** Returns the modes, by name, in what `stty -a` prints. */
export function readTerminalModes(text: string): Record<string, number> {
  const modes: Record<string, number> = {};
  for (const [mode, name] of Object.entries(CHARACTERS)) {
    const [, word = ""] = new RegExp(`\\b${name} = ([^ ]+);`).exec(text) ?? [];
    const code = characterCode(word);
    if (code !== undefined) modes[mode] = code;
  }
  for (const mode of FLAGS) {
    const [, sign] = new RegExp(`(?:^|\\s)(-?)${mode.toLowerCase()}(?=[\\s;]|$)`).exec(text) ?? [];
    if (sign !== undefined) modes[mode] = sign === "" ? 1 : 0;
  }
  return modes;
}

/** Formats a character for stty, such as `^C`. Returns `undefined` for a space and for codes that stty versions write differently. */
function characterWord(code: number | undefined): string | undefined {
  if (code === undefined) return undefined;
  if (code === NONE) return "undef";
  if (code < 0x20) return `^${String.fromCharCode(code + 0x40)}`;
  if (code === 0x7f) return "^?";
  return code > 0x20 && code < 0x7f ? String.fromCharCode(code) : undefined;
}

/** Reads a character as stty prints it. Returns `undefined` for one that is not ASCII. */
function characterCode(word: string): number | undefined {
  if (word === "<undef>") return NONE;
  if (word === "^?") return 0x7f;
  if (/^\^[@-_]$/.test(word)) return word.charCodeAt(1) - 0x40;
  return /^[!-~]$/.test(word) ? word.charCodeAt(0) : undefined;
}
