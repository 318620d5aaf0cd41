import { encodePath } from "@nacre/sftp";
import type { Bytes } from "@nacre/wire";

/** How scp is started on a server. */
export interface ScpCommand {
  /** `"sink"` receives files (`-t`), `"source"` sends them (`-f`). */
  readonly role: "sink" | "source";
  /** Path on the server, as text of `decodePath`. */
  readonly path: string;
  /** Whether directories are transferred (`-r`). */
  readonly recursive: boolean;
  /** Whether times and permission bits are kept (`-p`). */
  readonly preserve: boolean;
  /** Whether the path must be a directory (`-d`). */
  readonly isDirectory: boolean;
}

/** Returns the command line for a server with a POSIX shell. Throws `usage` if the path contains NUL. */
export function scpCommand({ role, path, recursive, preserve, isDirectory }: ScpCommand): Bytes {
  const flags = [recursive && "-r", preserve && "-p", isDirectory && "-d", role === "sink" ? "-t" : "-f"];
  const words = [
    "scp",
    ...flags.filter((flag) => flag !== false),
    quoteWord(path.startsWith("-") ? `./${path}` : path),
  ];
  return encodePath(words.join(" "));
}

/**
 * Quotes a text as one word of a POSIX shell (CVE-2020-15778: scp runs in the user's shell, which expands unquoted text). A word of
 * letters, digits and `_@%+=:,./-` stays as it is, because devices without a shell take no quotes. A backslash is quoted outside of the
 * single quotes, since fish reads it inside them.
 */
export function quoteWord(text: string): string {
  if (/* rule: scp-quoted-path */ /^[\w@%+=:,./-]+$/.test(text)) return text;
  return `'${text.replaceAll(/['\\]/g, (character) => `'\\${character}'`)}'`;
}
