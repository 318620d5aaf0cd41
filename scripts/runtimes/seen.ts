declare module "vitest" {
  interface TaskMeta {
    seen?: Seen;
  }
}

/** Facts about a runtime or browser. The matrix reads them from the test results. */
export interface Seen {
  readonly version: string;
  /** Algorithms that `@nacre/node` does not offer; `undefined` where it does not run. */
  readonly lacks?: readonly string[];
  /** The cipher that `@nacre/node` prefers; `undefined` where it does not run. */
  readonly prefers?: string;
}
