import { resolve } from "node:path";
import type { Plugin } from "esbuild";

/** Gives noble's ML-KEM the hash functions of node:crypto (`sha3.ts`). */
export const hashingWithNode: Plugin = {
  name: "hashing with Node",
  setup(bundler) {
    bundler.onResolve({ filter: /^@noble\/hashes\/sha3\.js$/ }, ({ importer }) =>
      importer.includes("/@noble/post-quantum/") ? { path: resolve("scripts/build/sha3.ts") } : undefined,
    );
  },
};
