import { type Comment, parseSync, Visitor } from "oxc-parser";

/** A document, a comment or a string literal. */
export interface Passage {
  readonly kind: "document" | "comment" | "string";
  /** The text from the file, with comment marks and embedded expressions replaced by as many other characters. */
  readonly text: string;
  /** Offset of the text in the file. */
  readonly start: number;
}

/** Returns the comments and string literals of a TypeScript or JavaScript source. Throws if the source does not parse. */
export function passagesOf(file: string, source: string): Passage[] {
  const { program, comments, errors } = parseSync(file, source);
  if (errors[0] !== undefined) throw new Error(`${file} does not parse: ${errors[0].message}`);
  const passages = commentPassages(comments, source);
  new Visitor({
    Literal({ value, start, end }) {
      if (typeof value === "string") passages.push({ kind: "string", text: source.slice(start, end), start });
    },
    TemplateLiteral({ expressions, start, end }) {
      let text = source.slice(start, end);
      for (const { start: from, end: to } of expressions)
        text = text.slice(0, from - start) + "_".repeat(to - from) + text.slice(to - start);
      passages.push({ kind: "string", text, start });
    },
  }).visit(program);
  return passages;
}

/** Returns one passage for each block comment and for each run of `//` lines. */
function commentPassages(comments: readonly Comment[], source: string): Passage[] {
  const passages: Passage[] = [];
  for (const { type, start, end } of comments) {
    const previous = passages.at(-1);
    const text = blank(source.slice(start, end));
    const gap = previous && source.slice(previous.start + previous.text.length, start);
    if (type === "Line" && previous && gap !== undefined && /^\n[ \t]*$/.test(gap))
      passages.splice(-1, 1, { kind: "comment", text: previous.text + gap + text, start: previous.start });
    else passages.push({ kind: "comment", text, start });
  }
  return passages;
}

/** Replaces comment marks by spaces, so that a phrase matches across lines. */
function blank(comment: string): string {
  return comment.replace(/^\/[/*]+|^[ \t]*\*(?!\/)|\*+\/$/gm, (marks) => " ".repeat(marks.length));
}
