import type { TransportAlgorithms } from "@nacre/transport";
import { algorithms } from "./protocol-target.ts";

/** Implementations of the algorithms: the portable one and, outside browsers, the one based on `node:crypto`. */
export const IMPLEMENTATIONS: readonly TransportAlgorithms[] =
  typeof process === "undefined" ? [algorithms] : [algorithms, await nodeImplementation()];

async function nodeImplementation(): Promise<TransportAlgorithms> {
  const { nodeAlgorithms } = await import("@nacre/node");
  const { hostKeys, ciphers, macs } = nodeAlgorithms;
  return { ...algorithms, hostKeys, ciphers, macs };
}
