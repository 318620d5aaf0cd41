import type { Patch } from "./rules.ts";

/** Test that shows a protection on one side, and the patches that must make this test fail. */
export interface Held {
  /** Path of the test file from the repository root. */
  readonly file: string;
  /** Test title; default `"<title> · <side>"`. */
  readonly name?: string;
  readonly patches: readonly Patch[];
}

/** Status of a row on one side. */
export type RowStatus =
  | Held
  /** Several tests with different titles. */
  | readonly Held[]
  /** The attack does not apply to this side. */
  | "not touched"
  /** Nacre lacks the attacked feature, so the row is not covered. */
  | "not there yet";

/** Class of attacks on SSH implementations, and its tests. */
export interface Row {
  readonly title: string;
  /** Attacked feature, or part of it, that Nacre lacks and that therefore cannot be tested. */
  readonly missing?: string;
  readonly client: RowStatus;
  readonly server: RowStatus;
}

const ATTACKS = "packages/protocol/test/attacks";

/** Returns a test in the attack suite's folder whose title comes from the row. */
export function held(file: string, ...patches: readonly Patch[]): Held {
  return { file: `${ATTACKS}/${file}.test.ts`, patches };
}

/** Returns a test in another folder. `file` is relative to the packages folder, such as `"node/test/attacks"`. */
export function heldBy(file: string, name: string, ...patches: readonly Patch[]): Held {
  return { file: `packages/${file}.test.ts`, name, patches };
}

/** Returns the same test file and patches for both sides. */
export function both(file: string, ...patches: readonly Patch[]): Pick<Row, "client" | "server"> {
  return { client: held(file, ...patches), server: held(file, ...patches) };
}

/** Replaces the code that a rule names. In the replacement, `$&` stands for the replaced text. */
export function patch(rule: string, replacement: string): Patch {
  return [{ rule, replacement }];
}

/** Removes the statement, member, property or element that a rule names. */
export function remove(rule: string): Patch {
  return [{ rule, replacement: "" }];
}

/** Combines several patches into one. */
export function together(...patches: readonly Patch[]): Patch {
  return patches.flat();
}
