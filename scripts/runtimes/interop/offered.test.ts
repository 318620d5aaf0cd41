import { expect, test } from "vitest";
import { clientAlgorithms } from "../../../packages/node/src/crypto/algorithms.ts";
import { nodeAlgorithms } from "../../../packages/node/src/index.ts";
import { runtimeNamed } from "../list.ts";
import { runningIn } from "../running-in.ts";
import type { Seen } from "../seen.ts";

// Compares the algorithms of this runtime with the list from which README's table is generated.

const KINDS = ["kex", "hostKeys", "ciphers", "macs"] as const;

test("a client offers the algorithms of a client on Node, except those in the list of runtimes", ({ task }) => {
  const { name, version } = runningIn();
  const names = (kind: (typeof KINDS)[number], of: typeof nodeAlgorithms): string[] => of[kind].map((one) => one.name);
  const lacks = KINDS.flatMap((kind) => {
    const here = new Set(names(kind, nodeAlgorithms));
    return names(kind, clientAlgorithms("openssl")).filter((algorithm) => !here.has(algorithm));
  });
  const prefers = nodeAlgorithms.ciphers[0]!.name;
  const listed = runtimeNamed(name);
  expect({ lacks, prefers }).toEqual({ lacks: listed.lacks, prefers: listed.prefers });
  task.meta.seen = { version, lacks, prefers } satisfies Seen;
});
