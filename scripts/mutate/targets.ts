/** A part of the sources whose tests are measured by mutants. */
export interface Target {
  /** Files to mutate. */
  readonly sources: readonly string[];
  /** Test files that may notice. */
  readonly tests: readonly string[];
}

/** The parts by the name that `npm run mutate` takes. */
export const TARGETS: Readonly<Record<string, Target>> = {
  tunnel: { sources: ["packages/tunnel/src"], tests: ["packages/tunnel/test/*.test.ts"] },
  gateway: {
    sources: ["packages/gateway/src"],
    // The flood takes long, and notices nothing that the others do not.
    tests: ["packages/gateway/test/{[a-e]*,[g-z]*}.test.ts"],
  },
  sftp: { sources: ["packages/sftp/src"], tests: ["packages/sftp/test/*.test.ts"] },
  agent: { sources: ["packages/agent/src"], tests: ["packages/agent/test/*.test.ts"] },
  disk: {
    sources: ["packages/node/src/disk"],
    tests: [
      "packages/node/test/disk/*.test.ts",
      "packages/node/test/{local-blocks,local-files,short-*,turn-budget}.test.ts",
    ],
  },
  transfer: {
    sources: ["packages/files/src/transfer"],
    tests: ["packages/files/test/client/*.test.ts"],
  },
  forward: {
    sources: ["packages/nacre/src/users/forward", "packages/node/src/forward"],
    tests: [
      "packages/nacre/test/forward/*.test.ts",
      "packages/node/test/forward/*.test.ts",
      "packages/node/test/{tcp-forwarding,forward-lookups}.test.ts",
    ],
  },
};
