declare module "vitest" {
  interface TaskMeta {
    seen?: Seen;
  }
}

/** Facts that a test reports about a runtime or browser. The matrix reads them from the test results. */
export interface Seen {
  readonly version: string;
  /** Algorithms that `@nacre/node` does not offer; `undefined` in browsers. */
  readonly lacks?: readonly string[];
  /** Cipher that `@nacre/node` prefers; `undefined` in browsers. */
  readonly prefers?: string;
}
