import type { ArgumentKind } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { findCommand } from "./parse.ts";
import type { Session } from "./session.ts";
import { quoteWord, scanWords, type Word, type WordLine } from "./words.ts";

/** Words that may replace the last one of a line, and the last one as typed. The form that `node:readline` takes. */
export type Completion = [hits: string[], typed: string];

/** Longest time in milliseconds to wait for the names of a directory on the server. */
const TIMEOUT = 5000;

/** Most names that are offered; a key press must not print more. */
const MOST_NAMES = 1000;

/** A name in a directory. */
interface Name {
  readonly name: string;
  readonly isDirectory: boolean;
}

/** Completes the last word of a line: a command, or a name on the side that the command expects. Resolves with nothing after an error. */
export async function complete(session: Session, line: string): Promise<Completion> {
  const scanned = scanWords(line);
  const typed = line.slice(scanned.lastStart);
  const finished = typed === "" ? scanned.words : scanned.words.slice(0, -1);
  const word = typed === "" ? undefined : scanned.words.at(-1);
  if (line.startsWith("!")) return [[], typed];
  if (finished.length === 0) return [commandsWith(word?.text ?? ""), typed];
  const kind = kindOf(finished);
  if (kind === "other") return [[], typed];
  try {
    return [await namesWith(session, kind, word?.text ?? "", quoteOf(scanned, typed)), typed];
  } catch {
    return [[], typed];
  }
}

function commandsWith(beginning: string): string[] {
  const names = COMMANDS.flatMap((command) => command.names).filter((name) => name.startsWith(beginning.toLowerCase()));
  return names.sort().map((name) => `${name} `);
}

/** Returns what the word after the given ones names. */
function kindOf([name, ...words]: readonly Word[]): ArgumentKind {
  const command = findCommand(name!.text, COMMANDS);
  if (command === undefined) return "other";
  const index = words.filter(({ text }) => !/^-./.test(text)).length;
  if (index >= command.count[1]) return "other";
  return command.kinds[Math.min(index, command.kinds.length - 1)] ?? "other";
}

/** Returns the quote in which the last word is typed. */
function quoteOf({ openQuote }: WordLine, typed: string): '"' | "'" | undefined {
  return openQuote !== undefined && typed.startsWith(openQuote) ? openQuote : undefined;
}

async function namesWith(
  session: Session,
  kind: "remote" | "local",
  text: string,
  quote: '"' | "'" | undefined,
): Promise<string[]> {
  const slash = text.lastIndexOf("/") + 1;
  const [directory, beginning] = [text.slice(0, slash), text.slice(slash)];
  const names: Name[] = [];
  const listed = kind === "remote" ? remoteNames(session, directory) : localNames(session, directory);
  for await (const entry of listed) {
    const isHidden = entry.name.startsWith(".") && !beginning.startsWith(".");
    if (entry.name.startsWith(beginning) && !isHidden && isPlain(entry.name)) names.push(entry);
    if (names.length > MOST_NAMES) return [];
  }
  names.sort((a, b) => (a.name < b.name ? -1 : 1));
  return names.map(({ name, isDirectory }) => {
    const word = quoteWord(`${directory}${name}${isDirectory ? "/" : ""}`, quote);
    if (names.length === 1 && !isDirectory) return `${word} `;
    // The word goes on after a directory, and after what several names have in common.
    return quote !== undefined && word.startsWith(quote) ? word.slice(0, -1) : word;
  });
}

async function* remoteNames(session: Session, directory: string): AsyncGenerator<Name> {
  const signal = AbortSignal.timeout(TIMEOUT);
  for await (const entry of await session.sftp.opendir(session.remotePath(directory), { signal }))
    yield { name: entry.name, isDirectory: entry.isDirectory() };
}

async function* localNames(session: Session, directory: string): AsyncGenerator<Name> {
  for await (const { name, type } of session.files.list(session.localPath(directory)))
    yield { name, isDirectory: type === "directory" };
}

/** Returns whether a name can be shown and typed: it has no control character, which `node:readline` would print as it is. */
function isPlain(name: string): boolean {
  // rule: sftp-completed-name
  return !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(name);
}
