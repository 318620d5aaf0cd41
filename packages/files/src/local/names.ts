import { escapeText, utf8Encode } from "@nacre/wire";
import { platformRandom } from "nacre/extend";

/** Names that Windows gives to devices, in any directory and with any extension. */
const WINDOWS_DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:[ .:]|$)/i;

/** Names in the form of the short names (8.3) that Windows gives to files beside their own, such as `PROGRA~1`. */
const WINDOWS_SHORT = /^(?=[^.]{2,8}(?:\.|$))[^.]*~\d+(?:\.[^.]{0,3})?$/;

/** Characters that Windows does not allow in names; ":" also begins the path of a drive or the name of an alternate stream. */
const WINDOWS_CHARACTERS = '\\:*?"<>|';

/** Returns why a name is not allowed for an entry of a directory; `undefined` if it is. A name must not lead out of the directory. */
export function nameProblem(name: string, rules: "posix" | "windows"): string | undefined {
  if (/* rule: transfer-name-path */ name === "" || name === "." || name === ".." || /[/\0]/.test(name))
    return "it is a path, not a name";
  if (rules === "posix") return undefined;
  if (/* rule: transfer-name-windows */ Array.from(name).some(isReserved))
    return "it has a character that Windows reserves";
  // Windows drops trailing dots and spaces, so the name would be that of another file.
  if (/* rule: transfer-name-trailing */ /[. ]$/.test(name)) return "Windows drops the dot or space at its end";
  if (/* rule: transfer-name-device */ WINDOWS_DEVICE.test(name)) return "it is the name of a device on Windows";
  if (/* rule: transfer-name-short */ WINDOWS_SHORT.test(name))
    return "on Windows it may be the short name of another file";
  return undefined;
}

/** Names that were written into one directory of Windows, where those that differ in case only are one file. */
export class WrittenNames {
  /** By the name without its case. */
  readonly #names = new Map<string, string>();

  /** Returns why a name is not allowed beside the earlier ones. If it is allowed, it becomes one of them. */
  problem(name: string): string | undefined {
    const folded = withoutCase(name);
    const earlier = this.#names.get(folded);
    // rule: transfer-name-case
    if (earlier !== undefined && earlier !== name) return `on Windows it is the same file as "${escapeText(earlier)}"`;
    this.#names.set(folded, name);
    return undefined;
  }
}

/** Windows compares names one character at a time. For one whose capital is two letters, such as U+1FBC, the small letter does it. */
function withoutCase(name: string): string {
  const upper = name.toUpperCase();
  if (upper.length === name.length) return upper;
  return Array.from(name, (character) => {
    const capital = character.toUpperCase();
    return capital.length === character.length ? capital : character.toLowerCase();
  }).join("");
}

/** Returns a local path as messages show it: escaped, but without doubling the backslashes of Windows, which separate names. */
export function shownPath(path: string, rules: "posix" | "windows"): string {
  const text = escapeText(path);
  return rules === "windows" ? text.replaceAll("\\\\", "\\") : text;
}

/** Length in bytes of the longest name that a temporary name contains. File systems allow 255 bytes. */
export const LONGEST_NAME = 200;

/** Returns a name for a partial file: `.NAME.nacre-RANDOM`, or without NAME if that is long. */
export function temporaryName(name: string): string {
  return utf8Encode(name).length > LONGEST_NAME ? `.nacre-${randomName()}` : `.${name}.nacre-${randomName()}`;
}

/** Number of random bytes in a name. */
const RANDOM_LENGTH = 12;

/** Random bytes in hex for later names. Taken for many names at once, because a call of the platform costs more than its bytes. */
let supply = "";

/** Returns 24 random hexadecimal digits. */
export function randomName(): string {
  if (supply === "")
    supply = Array.from(platformRandom(64 * RANDOM_LENGTH), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const random = supply.slice(0, 2 * RANDOM_LENGTH);
  supply = supply.slice(2 * RANDOM_LENGTH);
  return random;
}

/** Returns whether Windows reserves a character. It also reserves the control characters. */
function isReserved(character: string): boolean {
  return character < " " || WINDOWS_CHARACTERS.includes(character);
}
