// Instruments code: adds a counter to every branch, and makes comparisons record their operands (feedback.ts).

import { type AnyNode, parse } from "acorn";

/** Imports for instrumented code. They precede every module, so their names must not occur in any source. */
const PRELUDE = `import { hits as __hits, compare as __compare } from "nacre-fuzz:feedback";`;

const COMPARISONS: Readonly<Record<string, string>> = {
  "===": "equal",
  "!==": "unequal",
  "<": "less",
  "<=": "atMost",
  ">": "more",
  ">=": "atLeast",
};

/** Instruments the modules of one program. Numbers the branches across all modules. */
export class Instrumenter {
  /** Number of branches so far. */
  blocks = 0;
  /** String literals of the code, such as names of algorithms. They are useful as parts of inputs. */
  readonly words = new Set<string>();

  /** Returns the instrumented module. Line numbers do not change. */
  instrument(code: string): string {
    const edits: Edit[] = [];
    this.#visit(parse(code, { ecmaVersion: "latest", sourceType: "module" }), code, edits);
    // The sort is stable: edits at the same offset keep their order.
    edits.sort((a, b) => a.at - b.at);
    let out = PRELUDE;
    let at = 0;
    for (const edit of edits) {
      out += code.slice(at, edit.at) + edit.text;
      at = edit.at + edit.removed;
    }
    return out + code.slice(at);
  }

  /** Adds the opening text of a node before visiting its children, and the closing text after, so that they nest. */
  #visit(node: AnyNode, code: string, edits: Edit[]): void {
    if (node.type === "Literal" && typeof node.value === "string" && /^[ -~]{2,40}$/.test(node.value))
      this.words.add(node.value);
    const closings = this.#open(node, code, edits);
    for (const child of childrenOf(node)) this.#visit(child, code, edits);
    edits.push(...closings);
  }

  /** Adds the edits before and inside a node. Returns the edits that belong after its children. */
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
        // esbuild prints a space before the operator, so this edit sorts after the closing edits of the left side.
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
  /** Number of characters that the text replaces. */
  readonly removed: number;
}

/** Returns the child nodes in source order. */
function childrenOf(node: AnyNode): AnyNode[] {
  const children: AnyNode[] = [];
  for (const value of Object.values(node)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (typeof one === "object" && one !== null && typeof one.type === "string") children.push(one as AnyNode);
    }
  }
  return children.sort((a, b) => a.start - b.start);
}
