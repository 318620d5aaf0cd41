// Makes code tell where it goes: a counter in every branch, and comparisons that can be listened to (feedback.ts).

import { type AnyNode, parse } from "acorn";

/** What instrumented code calls; it is put in front of every module, so the names must not be anybody's. */
const PRELUDE = `import { hits as __hits, compare as __compare } from "nacre-fuzz:feedback";`;

const COMPARISONS: Readonly<Record<string, string>> = {
  "===": "equal",
  "!==": "unequal",
  "<": "less",
  "<=": "atMost",
  ">": "more",
  ">=": "atLeast",
};

/** Instruments the modules of one program: each branch has a number of its own. */
export class Instrumenter {
  /** Branches so far. */
  blocks = 0;
  /** Words that stand in the code as strings, such as names of algorithms: what an input may well hold. */
  readonly words = new Set<string>();

  /** The same module, instrumented; lines keep their numbers. */
  instrument(code: string): string {
    const edits: Edit[] = [];
    this.#visit(parse(code, { ecmaVersion: "latest", sourceType: "module" }), code, edits);
    // What is put at the same place stays in the order in which it was put there.
    edits.sort((a, b) => a.at - b.at);
    let out = PRELUDE;
    let at = 0;
    for (const edit of edits) {
      out += code.slice(at, edit.at) + edit.text;
      at = edit.at + edit.removed;
    }
    return out + code.slice(at);
  }

  /** Openings are put before the children are visited and closings after it, so that they nest. */
  #visit(node: AnyNode, code: string, edits: Edit[]): void {
    if (node.type === "Literal" && typeof node.value === "string" && /^[ -~]{2,40}$/.test(node.value))
      this.words.add(node.value);
    const closings = this.#open(node, code, edits);
    for (const child of childrenOf(node)) this.#visit(child, code, edits);
    edits.push(...closings);
  }

  /** Puts what belongs before or inside of a node; returns what belongs behind its children. */
  #open(node: AnyNode, code: string, edits: Edit[]): Edit[] {
    const put = (at: number, text: string, removed = 0): number => edits.push({ at, text, removed });
    const closings: Edit[] = [];
    const statement = (body: AnyNode): void => {
      if (body.type === "BlockStatement") {
        put(body.start + 1, `${this.#count()};`);
      } else {
        put(body.start, `{${this.#count()};`);
        closings.push({ at: body.end, text: "}", removed: 0 });
      }
    };
    const expression = (body: AnyNode): void => {
      put(body.start, `(${this.#count()},`);
      closings.push({ at: body.end, text: ")", removed: 0 });
    };
    switch (node.type) {
      case "FunctionDeclaration":
      case "FunctionExpression":
        statement(node.body);
        break;
      case "ArrowFunctionExpression":
        if (node.expression) expression(node.body);
        else statement(node.body);
        break;
      case "IfStatement":
        statement(node.consequent);
        if (node.alternate) statement(node.alternate);
        else closings.push({ at: node.end, text: ` else {${this.#count()};}`, removed: 0 });
        break;
      case "ForStatement":
      case "ForOfStatement":
      case "ForInStatement":
      case "WhileStatement":
      case "DoWhileStatement":
        statement(node.body);
        break;
      case "CatchClause":
        statement(node.body);
        break;
      case "SwitchCase":
        if (node.consequent[0]) put(node.consequent[0].start, `${this.#count()};`);
        break;
      case "ConditionalExpression":
        expression(node.consequent);
        expression(node.alternate);
        break;
      case "LogicalExpression":
        expression(node.right);
        break;
      case "BinaryExpression": {
        const name = COMPARISONS[node.operator];
        if (name === undefined) break;
        put(node.start, `__compare.${name}(`);
        const operator = code.indexOf(node.operator, node.left.end);
        closings.push({ at: node.end, text: ")", removed: 0 });
        // Behind the left side's own closings: those are put when it is visited, so this must sort after them.
        put(operator, ",", node.operator.length);
        break;
      }
      default:
    }
    return closings;
  }

  #count(): string {
    return `__hits[${this.blocks++}]++`;
  }
}

interface Edit {
  readonly at: number;
  readonly text: string;
  /** Characters that the text stands for. */
  readonly removed: number;
}

/** In the order in which they stand in the code. */
function childrenOf(node: AnyNode): AnyNode[] {
  const children: AnyNode[] = [];
  for (const value of Object.values(node)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (typeof one === "object" && one !== null && typeof one.type === "string") children.push(one as AnyNode);
    }
  }
  return children.sort((a, b) => a.start - b.start);
}
