/** One thing to be fuzzed. */
export interface Target {
  /** `"known-hosts"` */
  readonly name: string;
  /**
   * Throws, or rejects, when the contract is broken: that is a finding. Must do the same each time for the same input, and leave nothing
   * under way behind it.
   */
  readonly run: (input: Uint8Array) => void | Promise<void>;
}

/** An input under which a target breaks its contract. */
export interface Finding {
  readonly target: string;
  readonly input: Uint8Array;
  /** What was thrown, with its stack, or that it took too long, or too much memory. */
  readonly problem: string;
}

/** What became of fuzzing a target. */
export interface Summary {
  readonly target: string;
  readonly executions: number;
  readonly milliseconds: number;
  /** Branches that were taken. */
  readonly covered: number;
  /** Inputs that each cover something that none before it did, the seeds first. */
  readonly corpus: readonly Uint8Array[];
  readonly finding: Finding | undefined;
}
