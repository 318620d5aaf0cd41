import { base64Decode } from "@nacre/wire";
import findings from "../../test-vectors/fuzz-findings.json" with { type: "json" };
import file from "../../test-vectors/fuzz-seeds.json" with { type: "json" };

/** An input that once showed a fault. */
export interface PastFinding {
  readonly target: string;
  /** What was wrong. */
  readonly what: string;
  readonly input: Uint8Array;
}

/** Every fault that fuzzing has found, and that has been put right. */
export const pastFindings: readonly PastFinding[] = (
  findings.findings as readonly { readonly target: string; readonly what: string; readonly input: string }[]
).map(({ target, what, input }) => ({ target, what, input: base64Decode(input)! }));

/** Targets whose inputs tell the same as another's. */
const SHARED: Readonly<Record<string, string>> = { "client-door": "client-session", "server-door": "server-session" };

/** What fuzzing of a target begins with: examples, and earlier findings. */
export function seedsOf(target: string): Uint8Array[] {
  const examples = (file.seeds as Readonly<Record<string, readonly string[]>>)[SHARED[target] ?? target] ?? [];
  return [
    ...examples.map((seed) => base64Decode(seed)!),
    ...pastFindings.filter((finding) => finding.target === target).map(({ input }) => input),
  ];
}
