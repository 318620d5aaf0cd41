import { BadLine, LastLine, type Origin, place } from "./problems.ts";
import type { AlgorithmNames, LocalFacts } from "./request.ts";
import { expandText } from "./tokens.ts";

/** Facts that parsing a line may use. */
export interface LineContext {
  readonly local: LocalFacts;
  readonly algorithms: AlgorithmNames;
  /** Whether the line is from the command line or a file of the user. */
  readonly fromUser: boolean;
}

/** A line on its way through a keyword's parser, which takes the words that it knows. */
export class Line {
  readonly keyword: string;
  /** All after the keyword, unsplit. */
  readonly rest: string;
  readonly origin: Origin;
  readonly context: LineContext;
  readonly #words: readonly string[];
  #at = 0;

  constructor(keyword: string, rest: string, words: readonly string[], origin: Origin, context: LineContext) {
    this.keyword = keyword;
    this.rest = rest;
    this.#words = words;
    this.origin = origin;
    this.context = context;
  }

  /** Returns the next word, which may be empty, or `undefined` at the end. */
  next(): string | undefined {
    return this.#words[this.#at++];
  }

  /** Returns the next word; a missing or empty one is a bad line. */
  need(message = "Missing argument."): string {
    const word = this.next();
    return word === undefined || word === "" ? this.fail(message) : word;
  }

  /** Returns all words that are left. */
  all(): string[] {
    const words = this.#words.slice(this.#at);
    this.#at = this.#words.length;
    return words;
  }

  /** `FILE line N`. */
  get at(): string {
    return place(this.origin);
  }

  /** Words that were not taken. */
  get left(): number {
    return Math.max(0, this.#words.length - this.#at);
  }

  /** Makes the line a bad one; `message` follows the file and line. */
  fail(message: string, ...before: readonly string[]): never {
    throw new BadLine(...before, `${place(this.origin)}: ${message}`);
  }

  /** Ends reading at once. */
  fatal(message: string): never {
    throw new LastLine(`${place(this.origin)}: ${message}`);
  }

  /** Replaces `${NAME}`; an unset variable is a bad line. */
  expandEnvironment(text: string, message: string): string {
    const expanded = expandText(text, undefined, this.context.local.environment);
    return typeof expanded === "string" ? expanded : this.fail(message, `vdollar_percent_expand: ${expanded.message}`);
  }

  /** Reads a port number or the name of a service. `undefined` if it is neither. */
  port(text: string): number | undefined {
    const number = /^\+?\d+$/.test(text) ? Number(text) : this.context.local.service(text);
    return number !== undefined && number <= 65_535 ? number : undefined;
  }
}
