/** Code to be fuzzed. */
export interface Target {
  /** Name for options and output, such as `"known-hosts"`. */
  readonly name: string;
  /**
   * Runs an input. Throws or rejects if the contract is broken, which is a finding. Must be deterministic, and must not leave asynchronous
   * work running.
   */
  readonly run: (input: Uint8Array) => void | Promise<void>;
}

/** An input under which a target breaks its contract. */
export interface Finding {
  readonly target: string;
  readonly input: Uint8Array;
  /** The error with its stack, or a message that the input took too much time or memory. */
  readonly problem: string;
}

/** Result of fuzzing a target. */
export interface Summary {
  readonly target: string;
  readonly executions: number;
  readonly milliseconds: number;
  /** Number of branches taken. */
  readonly covered: number;
  /** Kept inputs, each with coverage that earlier ones lack. The seeds are first. */
  readonly corpus: readonly Uint8Array[];
  readonly finding: Finding | undefined;
}
