import { SftpError } from "@nacre/sftp";
import { usage } from "nacre/extend";
import { type CallContext, call } from "../channel/call.ts";
import { join, toBytes } from "../channel/remote-path.ts";
import type { SftpChannel } from "../channel/sftp-channel.ts";
import { readAllEntries } from "./directory.ts";
import type { Stats } from "./stats.ts";
import { checkDepth } from "./tree.ts";

/** Maximum number of patterns that braces may stand for. */
const MAX_ALTERNATIVES = 1024;

/** Files that a pattern is matched with. Paths have "/" between names. */
export interface GlobFiles<E extends GlobEntry> {
  /** Resolves with the entries of a directory, "" for the one that patterns are relative to; none if it cannot be listed. */
  list(path: string): Promise<readonly E[]>;
  /** Resolves with whether a path exists. */
  has(path: string): Promise<boolean>;
}

/** Calls a function that lists a directory. May wait until no file is open, and call it again if it fails. */
export type ListDirectory = <T>(work: () => Promise<T>) => Promise<T>;

/** An entry of a directory. */
export interface GlobEntry {
  readonly name: string;
  readonly type: string;
}

/** A path that matches a pattern. */
export interface GlobMatch<E extends GlobEntry> {
  readonly path: string;
  /** Its entry; `undefined` if its directory was not listed, because the pattern names it. */
  readonly entry: E | undefined;
}

/** An entry of a directory of the server. */
export interface RemoteGlobEntry extends GlobEntry {
  readonly stats: Stats;
}

/** Yields the paths of `globRemote`. See `Sftp.glob`. */
export async function* glob(
  channel: SftpChannel,
  pattern: string,
  cwd: string,
  context: CallContext,
): AsyncGenerator<string, void> {
  for await (const { path } of globRemote(channel, pattern, cwd, context, (work) => work())) yield path;
}

/**
 * Yields what matches a pattern on the server, each path once, in no particular order. Lists one directory at a time. A directory that
 * cannot be listed is left out.
 */
export function globRemote(
  channel: SftpChannel,
  pattern: string,
  cwd: string,
  context: CallContext,
  list: ListDirectory,
): AsyncGenerator<GlobMatch<RemoteGlobEntry>, void> {
  const pathOf = (path: string): string => (path.startsWith("/") ? path : join(cwd, path));
  return globBelow(pattern, {
    list: (path) => list(() => entriesOf(channel, pathOf(path) || ".", context)),
    has: (path) => exists(channel, pathOf(path), context),
  });
}

/** Yields what matches a pattern, each path once. An absolute pattern yields absolute paths. */
export async function* globBelow<E extends GlobEntry>(
  pattern: string,
  files: GlobFiles<E>,
): AsyncGenerator<GlobMatch<E>, void> {
  const found = new Set<string>();
  for (const alternative of expandBraces(pattern)) {
    const names = alternative.split(/\/+/);
    const isAbsolute = names[0] === "" && names.length > 1;
    // Several "**" in a row match what one does.
    const parts = names.filter((name, i) => name !== "" && !(name === "**" && names[i - 1] === "**"));
    for await (const match of matches(files, isAbsolute ? "/" : "", parts))
      if (!found.has(match.path)) {
        found.add(match.path);
        yield match;
      }
  }
}

/** Returns whether a part of a pattern is more than a name. */
export function isPattern(part: string): boolean {
  return /[*?[{\\]/.test(part);
}

/** Yields what matches the remaining parts of a pattern below `directory`. */
async function* matches<E extends GlobEntry>(
  files: GlobFiles<E>,
  directory: string,
  [part, ...rest]: readonly string[],
  depth = 0,
): AsyncGenerator<GlobMatch<E>, void> {
  // A hostile server may nest directories without an end.
  checkDepth(depth, "glob", directory);
  if (part === undefined) {
    if (directory !== "" && (await files.has(directory))) yield { path: directory, entry: undefined };
    return;
  }
  if (!/[*?[\\]/.test(part)) {
    yield* matches(files, join(directory, part), rest);
    return;
  }
  if (part === "**") yield* matches(files, directory, rest, depth);
  for (const entry of await files.list(directory)) {
    const { name, type } = entry;
    const path = join(directory, name);
    if (part === "**") {
      // Links are not followed, so that the walk ends.
      if (type === "directory" && !name.startsWith(".")) yield* matches(files, path, ["**", ...rest], depth + 1);
      else if (rest.length === 0 && !name.startsWith(".")) yield { path, entry };
    } else if (matchesName(part, name)) {
      if (rest.length === 0) yield { path, entry };
      else if (type === "directory" || type === "link") yield* matches(files, path, rest);
    }
  }
}

/**
 * Returns whether a name matches a part of a pattern: `*` is any number of characters, `?` is one, `[a-z]` one of a set, `[!a-z]` none of
 * it, and `\` takes the next character as it is. A leading "." must be in the pattern. Takes time proportional to both lengths' product.
 */
export function matchesName(pattern: string, name: string): boolean {
  if (name.startsWith(".") && !pattern.startsWith(".") && !pattern.startsWith("\\.")) return false;
  const tokens = tokensOf(pattern);
  const characters = Array.from(name);
  let token = 0;
  let at = 0;
  /** The last `*`, and the character up to which it matches. Only the last one needs to take more. */
  let star = -1;
  let starEnd = 0;
  while (at < characters.length) {
    const current = tokens[token];
    if (current === "*") {
      star = token++;
      starEnd = at;
    } else if (current?.(characters[at]!) === true) {
      token++;
      at++;
    } else if (star >= 0) {
      token = star + 1;
      at = ++starEnd;
    } else {
      return false;
    }
  }
  return tokens.slice(token).every((rest) => rest === "*");
}

type Token = "*" | ((character: string) => boolean);

function tokensOf(pattern: string): Token[] {
  const characters = Array.from(pattern);
  const tokens: Token[] = [];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!;
    const close = character === "[" ? characters.indexOf("]", at + 2) : -1;
    if (character === "*") {
      tokens.push("*");
    } else if (character === "?") {
      tokens.push(() => true);
    } else if (close > 0) {
      tokens.push(setOf(characters.slice(at + 1, close)));
      at = close;
    } else {
      const literal = character === "\\" ? (characters[++at] ?? "\\") : character;
      tokens.push((other) => other === literal);
    }
  }
  return tokens;
}

/** Returns a test for the characters between brackets. */
function setOf(characters: readonly string[]): Token {
  const isNegated = characters[0] === "!" || characters[0] === "^";
  const members = isNegated ? characters.slice(1) : characters;
  return (character) => {
    for (let at = 0; at < members.length; at++) {
      const isRange = members[at + 1] === "-" && at + 2 < members.length;
      const last = isRange ? members[at + 2]! : members[at]!;
      if (compare(members[at]!, character) <= 0 && compare(character, last) <= 0) return !isNegated;
      if (isRange) at += 2;
    }
    return isNegated;
  };
}

function compare(a: string, b: string): number {
  return a.codePointAt(0)! - b.codePointAt(0)!;
}

/** Returns the patterns that `{a,b}` stands for. Throws `usage` if there are too many. */
export function expandBraces(pattern: string): string[] {
  const done: string[] = [];
  const open = [pattern];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const braces = firstBraces(next);
    if (braces === undefined) done.push(next);
    else open.push(...braces.toReversed());
    if (done.length + open.length > MAX_ALTERNATIVES)
      throw usage(`the braces of the pattern stand for more than ${MAX_ALTERNATIVES} patterns; use several patterns`);
  }
  return done;
}

/** Replaces the first braces with a comma in them by each of their parts. */
function firstBraces(pattern: string): string[] | undefined {
  const start = findUnescaped(pattern, "{", 0);
  if (start < 0) return undefined;
  const commas: number[] = [start];
  let depth = 0;
  for (let at = start; at < pattern.length; at++) {
    const character = pattern[at];
    if (character === "\\") at++;
    else if (character === "{") depth++;
    else if (character === "," && depth === 1) commas.push(at);
    else if (character === "}" && --depth === 0) {
      if (commas.length === 1) break;
      const ends = [...commas.slice(1), at];
      return ends.map((end, i) => pattern.slice(0, start) + pattern.slice(commas[i]! + 1, end) + pattern.slice(at + 1));
    }
  }
  // These braces have no parts. Take them as they are.
  const rest = firstBraces(pattern.slice(start + 1));
  return rest?.map((text) => pattern.slice(0, start + 1) + text);
}

function findUnescaped(text: string, character: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === character) return at;
  }
  return -1;
}

async function exists(channel: SftpChannel, path: string, context: CallContext): Promise<boolean> {
  try {
    await call(channel, { type: "lstat", path: toBytes(path) }, "attributes", context);
    return true;
  } catch (error) {
    if (error instanceof SftpError) return false;
    throw error;
  }
}

async function entriesOf(channel: SftpChannel, path: string, context: CallContext): Promise<RemoteGlobEntry[]> {
  try {
    const entries = await readAllEntries(channel, path, context);
    return entries.map((entry) => ({
      name: entry.name,
      stats: entry.stats,
      type: entry.isDirectory() ? "directory" : entry.isSymbolicLink() ? "link" : "file",
    }));
  } catch (error) {
    if (error instanceof SftpError) return [];
    throw error;
  }
}
