import { existsSync, readdirSync, readFileSync } from "node:fs";
import { type Comment, type Node, parseSync } from "oxc-parser";

/** Replacement for the code that a rule names. */
interface Change {
  /** The rule's id. */
  readonly rule: string;
  /** New text, in which `$&` stands for the replaced text. Empty to remove the code. */
  readonly replacement: string;
}

/** Changes that together disable a protection in the sources. */
export type Patch = readonly Change[];

/** Part of a source named by a comment such as `// rule: window-overflow`. */
interface Rule {
  readonly id: string;
  readonly file: string;
  /** Start offset in the source, inclusive; `end` is exclusive. */
  readonly start: number;
  readonly end: number;
  readonly isStatement: boolean;
}

/** Expression types in which only an operand, not the whole expression, can be a rule. */
const CHAINS = new Set(["LogicalExpression", "ConditionalExpression"]);

/**
 * Finds and changes the rules in sources. A rule is the largest statement, class member, property, element or expression that starts after
 * its comment. In a chain of `&&`, `||`, `??` or `?:` it is the operand that starts there.
 */
export class Rules {
  readonly #sources: ReadonlyMap<string, string>;
  readonly #rules = new Map<string, Rule>();

  /** `sources` maps file names to texts. Throws if two rules share an id, or if a rule comment is malformed or has no code after it. */
  constructor(sources: ReadonlyMap<string, string>) {
    this.#sources = sources;
    for (const [file, source] of sources)
      for (const rule of rulesIn(file, source)) {
        const other = this.#rules.get(rule.id);
        if (other !== undefined) throw new Error(`${other.file} and ${file} both have a rule ${rule.id}; rename one`);
        this.#rules.set(rule.id, rule);
      }
  }

  get ids(): string[] {
    return [...this.#rules.keys()];
  }

  /** Returns the file of a rule. Throws if the rule does not exist. */
  fileOf(id: string): string {
    return this.#find(id).file;
  }

  /** Returns the sources that a patch changes, by file. Throws if a rule is missing, or if a result does not parse. */
  patched(patch: Patch): Map<string, string> {
    const changes = patch.map((change) => ({ ...change, ...this.#find(change.rule) }));
    const results = new Map<string, string>();
    // From last to first, so that the offsets of earlier rules stay valid.
    for (const [index, change] of changes.sort((a, b) => b.start - a.start).entries()) {
      const { file, end } = change;
      const inside = changes.slice(0, index).find((later) => later.file === file && later.start < end);
      if (inside !== undefined)
        throw new Error(`rule ${inside.id} is part of rule ${change.id}; change only one of them`);
      results.set(file, replaced(results.get(file) ?? this.#sources.get(file)!, change));
    }
    for (const [file, source] of results) {
      const [error] = parseSync(file, source).errors;
      if (error === undefined) continue;
      throw new Error(`${file} does not parse after "${describePatch(patch)}": ${error.message}`);
    }
    return results;
  }

  #find(id: string): Rule {
    const rule = this.#rules.get(id);
    if (rule === undefined) throw new Error(`no source has a comment "rule: ${id}"`);
    return rule;
  }
}

/** Reads the rules of all packages. `root` is the repository's folder, with a trailing slash. */
export function readRules(root: URL): Rules {
  const sources = new Map<string, string>();
  for (const name of readdirSync(new URL("packages", root))) {
    const folder = `packages/${name}/src`;
    if (!existsSync(new URL(folder, root))) continue;
    for (const path of readdirSync(new URL(folder, root), { recursive: true, encoding: "utf8" })) {
      if (!path.endsWith(".ts")) continue;
      const file = `${folder}/${path.replaceAll("\\", "/")}`;
      sources.set(file, readFileSync(new URL(file, root), "utf8"));
    }
  }
  return new Rules(sources);
}

/** Describes a patch in one line. */
export function describePatch(patch: Patch): string {
  return patch
    .map(({ rule, replacement }) => (replacement === "" ? `remove ${rule}` : `${rule} → ${firstLine(replacement)}`))
    .join("; ");
}

function rulesIn(file: string, source: string): Rule[] {
  // Parse only files with rules: parsing all sources would take seconds.
  if (!/\/[/*]\s*rule:/.test(source)) return [];
  const { program, comments } = parseSync(file, source);
  return comments
    .filter(({ value }) => /^\s*rule:/.test(value))
    .map((comment) => {
      const id = /^ rule: ([a-z0-9]+(?:-[a-z0-9]+)*) ?$/.exec(comment.value)?.[1];
      if (id === undefined) throw new Error(`${file} has a malformed rule "${comment.value}"; write "rule: some-id"`);
      const node = namedAfter(comment, comments, program, source);
      if (node === undefined) throw new Error(`${file} has nothing after the comment of rule ${id}`);
      const { start, end, type } = node;
      return { id, file, start, end, isStatement: /(?:Statement|Declaration)$/.test(type) };
    });
}

/** Returns the largest node that can be a rule and starts after the comment, or after an `else` that follows the comment. */
function namedAfter(comment: Comment, comments: readonly Comment[], program: Node, source: string): Node | undefined {
  let at = comment.end;
  for (let next: Comment | undefined = comment; next !== undefined; ) {
    at = next.end + /^\s*(?:else\b\s*)?/.exec(source.slice(next.end))![0].length;
    next = comments.find(({ start }) => start === at);
  }
  return nodeAt(at, program);
}

function nodeAt(at: number, node: Node): Node | undefined {
  if (node.start > at || node.end <= at) return undefined;
  if (node.start === at && node.type !== "Program" && !CHAINS.has(node.type)) return node;
  for (const child of Object.values(node).flat()) {
    const found = isNode(child) ? nodeAt(at, child) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && "start" in value;
}

/** Returns the source with one change. A removed statement becomes `;`; a removed property or element loses its comma too. */
function replaced(source: string, { start, end, isStatement, replacement }: Rule & Change): string {
  const before = source.slice(0, start);
  const after = source.slice(end);
  if (replacement !== "") return before + replacement.replaceAll("$&", () => source.slice(start, end)) + after;
  return isStatement ? `${before};${after}` : before + after.replace(/^\s*,/, "");
}

function firstLine(text: string): string {
  return text.split("\n")[0]!.slice(0, 70);
}
