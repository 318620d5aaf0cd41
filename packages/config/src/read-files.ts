import { KEYWORDS, OLD_KEYWORDS } from "./keywords.ts";
import type { Keyword } from "./kinds.ts";
import { ReadingLimits } from "./limits.ts";
import { Line, type LineContext } from "./line.ts";
import { knownHost, matchHost, matchLine, type Pass } from "./match.ts";
import { matchList } from "./patterns.ts";
import { BadLine, configError, type Origin, place } from "./problems.ts";
import { type Asking, ask, type ConfigFile, type LocalFacts } from "./request.ts";
import { type ConfigState, expandTilde, valueOf } from "./state.ts";
import { connectionTokens, expandText } from "./tokens.ts";
import { splitKeyword, splitWords } from "./words.ts";

/** The block that is being read. */
interface Block {
  /** Whether its lines apply. */
  active: boolean;
  /** Whether nothing in this file applies, because the Include stands in a block that does not match. */
  readonly never: boolean;
}

/** Where a line stands. */
interface Where {
  readonly file: Pick<ConfigFile, "path" | "kind">;
  readonly depth: number;
  readonly pass: Pass;
  readonly limits: ReadingLimits;
  readonly context: LineContext;
}

/** Reads all files once. */
export function* readFiles(state: ConfigState, pass: Pass): Asking<void> {
  const limits = new ReadingLimits();
  for (const file of state.request.files) {
    const answer = yield* ask("file", { path: file.path, checked: file.checked === true });
    if ("problem" in answer) {
      // rule: config-owner
      if (answer.problem === "unsafe")
        throw configError([`Bad owner or permissions on ${file.path}`], "file-unreadable");
      if (file.required !== true) continue;
      const why = answer.problem === "missing" ? "No such file or directory" : answer.message;
      throw configError([`Can't open user config file ${file.path}: ${why}`], "file-unreadable");
    }
    const { local, algorithms } = state.request;
    const context = { local, algorithms, fromUser: file.kind === "user" };
    yield* readFile(state, answer.text, { active: true, never: false }, { file, depth: 0, pass, limits, context });
  }
}

/** Reads the lines of a file. All bad lines are collected before it fails. */
function* readFile(state: ConfigState, text: string, block: Block, where: Where): Asking<void> {
  const { path } = where.file;
  state.files.push(path);
  where.limits.beginFile();
  where.limits.checkText(path, text);
  let bad = 0;
  let number = 0;
  for (let from = 0; from < text.length; ) {
    const end = text.indexOf("\n", from);
    const line = text.slice(from, end < 0 ? undefined : end);
    from = end < 0 ? text.length : end + 1;
    where.limits.countLine(path);
    try {
      const asking = readLine(state, line, { file: path, line: ++number }, block, where);
      if (asking !== undefined) yield* asking;
    } catch (error) {
      if (!(error instanceof BadLine)) throw error;
      if (error.isLast) throw configError([...state.problems, ...error.lines]);
      bad++;
      if (state.problems.length < MAX_LISTED) state.problems.push(...error.lines);
    }
  }
  if (bad > 0) throw configError([...state.problems, `${path}: terminating, ${bad} bad configuration options`]);
}

/** The most bad lines that an error lists. */
const MAX_LISTED = 1000;

/** Reads one line. Returns what is left to do for a `Match` or `Include`. Throws {@link BadLine} if the line is wrong. */
function readLine(
  state: ConfigState,
  text: string,
  origin: Origin,
  block: Block,
  where: Where,
): Asking<void> | undefined {
  const split = splitKeyword(text);
  if (split === undefined) return undefined;
  const { keyword, rest } = split;
  if (rest === "") throw new BadLine(`${place(origin)}: no argument after keyword "${keyword}"`);
  const name = valueOf(keyword);
  const isBlock = isBlockKeyword(keyword);
  const isUnknown = name === undefined && !isBlock && !OLD_KEYWORDS.has(keyword) && !isIgnored(state, keyword);
  const unknown = isUnknown ? [`${origin.file}: line ${origin.line}: Bad configuration option: ${keyword}`] : [];
  const words = splitWords(rest);
  if (words === undefined) throw new BadLine(...unknown, `${place(origin)}: invalid quotes`);
  if (isUnknown) throw new BadLine(...unknown);
  if (where.limits.isTooWide(rest, words)) throw new BadLine(`${place(origin)}: too many words or patterns`);
  if (isBlock) return BLOCKS[keyword](state, words, origin, block, where);
  if (name !== undefined) {
    const row = KEYWORDS[name] as Keyword<unknown>;
    const line = new Line(keyword, rest, words, origin, where.context);
    const value = row.parse(line);
    if (line.left > 0) line.fail(`keyword ${keyword} extra arguments at end of line`);
    if (block.active || row.everywhere === true) state.set(name, value, origin);
  } else if (OLD_KEYWORDS.get(keyword) === "unsupported")
    state.notices.push(`${place(origin)}: Unsupported option "${keyword}"`);
  return undefined;
}

/** Returns whether an IgnoreUnknown that came before names the keyword. */
export function isIgnored(state: ConfigState, keyword: string): boolean {
  return matchList(keyword, state.get("ignoreUnknown") ?? "", { ignoreCase: true }) === "yes";
}

type BlockKeyword = "host" | "match" | "include";

export function isBlockKeyword(keyword: string): keyword is BlockKeyword {
  return keyword === "host" || keyword === "match" || keyword === "include";
}

const BLOCKS: Readonly<
  Record<
    BlockKeyword,
    (
      state: ConfigState,
      words: readonly string[],
      origin: Origin,
      block: Block,
      where: Where,
    ) => Asking<void> | undefined
  >
> = {
  host(_, words, origin, block, { pass }) {
    block.active = matchHost(block.never ? words.slice(0, 1) : words, pass.host, place(origin)) && !block.never;
    return undefined;
  },
  *match(state, words, origin, block, { pass }) {
    // quirk: conditions are tried, and commands run, even where nothing can apply.
    const matches = yield* matchLine(words, state, pass, origin);
    block.active = matches && !block.never;
  },
  *include(state, words, origin, block, where) {
    const at = place(origin);
    for (const word of words) {
      if (word === "") throw new BadLine(`${at}: keyword include empty argument`);
      const pattern = includePath(state, word, origin, where);
      if (pattern === undefined) continue;
      for (const path of yield* ask("glob", { pattern })) yield* includeFile(state, path, at, block, where);
    }
  },
};

/** Returns the glob pattern of an included path, or `undefined` if a variable in it is not set. */
function includePath(state: ConfigState, word: string, origin: Origin, { file, pass }: Where): string | undefined {
  const { local } = state.request;
  const tokens = connectionTokens(state.soFar(knownHost(state, pass, origin)));
  const expanded = expandText(word, tokens, local.environment);
  if (typeof expanded !== "string") {
    const line = `vdollar_percent_expand: ${expanded.message}`;
    if (expanded.kind !== "variable") throw configError([...state.problems, line, "percent_dollar_expand: failed"]);
    state.notices.push(line, `${place(origin)}: Unable to expand user config file '${word}'`);
    return undefined;
  }
  if (expanded.startsWith("~") && file.kind === "system")
    throw new BadLine(`${place(origin)}: bad include path ${expanded}.`);
  if (isAbsolute(expanded, local)) return expanded;
  if (!expanded.startsWith("~")) {
    const folder = file.kind === "system" ? systemFolder(local) : `${local.home}/.ssh/`;
    if (folder === undefined)
      throw new BadLine(`${place(origin)}: relative include path ${expanded} without a folder of the system's files.`);
    return `${folder}${expanded}`;
  }
  // As with glob(3), the path of an unknown user is taken as written, and matches nothing.
  return expandTilde(expanded, state.request) ?? expanded;
}

function isAbsolute(path: string, { windows }: LocalFacts): boolean {
  return path.startsWith("/") || (windows !== undefined && /^(?:[a-z]:[\\/]|\\)/i.test(path));
}

function systemFolder({ windows }: LocalFacts): string | undefined {
  // On Windows, /etc/ssh is on the current drive, where every user may create files.
  return windows === undefined ? "/etc/ssh/" : windows.systemFolder;
}

function* includeFile(state: ConfigState, path: string, at: string, block: Block, where: Where): Asking<void> {
  where.limits.beginInclude(where.depth + 1);
  const answer = yield* ask("file", { path, checked: /* rule: config-include-checked */ true });
  if ("problem" in answer) {
    if (answer.problem === "missing") return;
    // rule: config-include-owner
    if (answer.problem === "unsafe")
      throw configError([...state.problems, `Bad owner or permissions on ${path}`], "file-unreadable");
    throw new BadLine(`${at}: Can't open user config file ${path}: ${answer.message}`);
  }
  // A Host or Match in the file ends with it: the block around goes on.
  const inner = { active: block.active, never: !block.active };
  yield* readFile(state, answer.text, inner, { ...where, file: { ...where.file, path }, depth: where.depth + 1 });
}
