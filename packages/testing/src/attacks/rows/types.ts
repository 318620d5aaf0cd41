import type { Patch } from "../rules.ts";

/** A row that a side keeps: the test that shows it, and the changes with which that test must fail. */
export interface Held {
  /** The test's file, from the root of the repository. */
  readonly file: string;
  /** The test's name where it is not `"<title> · <side>"`. */
  readonly name?: string;
  readonly patches: readonly Patch[];
}

/** What becomes of a row on one side. */
export type RowStatus =
  | Held
  /** By several tests, each of its own name. */
  | readonly Held[]
  /** The row does not touch this side. */
  | "not touched"
  /** What the row is about does not exist in Nacre yet: nobody should think it covered. */
  | "not there yet";

/** One class of attacks on SSH implementations, and the rule that answers it. */
export interface Row {
  readonly title: string;
  /** What the row, or a part of it, is about and does not exist in Nacre yet, so that nothing can be tried on it. */
  readonly missing?: string;
  readonly client: RowStatus;
  readonly server: RowStatus;
}

const ATTACKS = "packages/session/test/attacks";

/** Held by the test of the row's own name in a file of the attack suite's folder. */
export function held(file: string, ...patches: readonly Patch[]): Held {
  return { file: `${ATTACKS}/${file}.test.ts`, patches };
}

/** Held by a test elsewhere. `file`: from the folder of the packages, `"node/test/attacks"`. */
export function heldBy(file: string, name: string, ...patches: readonly Patch[]): Held {
  return { file: `packages/${file}.test.ts`, name, patches };
}

/** The same for both sides. */
export function both(file: string, ...patches: readonly Patch[]): Pick<Row, "client" | "server"> {
  return { client: held(file, ...patches), server: held(file, ...patches) };
}

/** Replaces what a rule names. `$&` in the replacement stands for the text that it replaces. */
export function patch(rule: string, replacement: string): Patch {
  return [{ rule, replacement }];
}

/** Removes the statement, member, property or element that a rule names. */
export function remove(rule: string): Patch {
  return [{ rule, replacement: "" }];
}

/** Makes several changes at once. */
export function together(...patches: readonly Patch[]): Patch {
  return patches.flat();
}
