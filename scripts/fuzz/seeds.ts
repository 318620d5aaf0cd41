import { base64Decode } from "@nacre/wire";
import findings from "../../test-vectors/fuzz-findings.json" with { type: "json" };
import file from "../../test-vectors/fuzz-seeds.json" with { type: "json" };

/** An input that triggered a fault which is now fixed. */
export interface PastFinding {
  readonly target: string;
  /** Description of the fault. */
  readonly what: string;
  readonly input: Uint8Array;
}

/** Inputs of all faults found by fuzzing. All of them are fixed. */
export const pastFindings: readonly PastFinding[] = (
  findings.findings as readonly { readonly target: string; readonly what: string; readonly input: string }[]
).map(({ target, what, input }) => ({ target, what, input: base64Decode(input)! }));

/** Targets with the same input format as another target, whose seeds they use. */
const SHARED: Readonly<Record<string, string>> = {
  "host-key-lists": "known-hosts",
  "client-entry-point": "client-session",
  "server-entry-point": "server-session",
};

/** Returns the first inputs of a target: examples and past findings. */
export function seedsOf(target: string): Uint8Array[] {
  const examples = (file.seeds as Readonly<Record<string, readonly string[]>>)[SHARED[target] ?? target] ?? [];
  return [
    ...examples.map((seed) => base64Decode(seed)!),
    ...pastFindings.filter((finding) => finding.target === target).map(({ input }) => input),
  ];
}
