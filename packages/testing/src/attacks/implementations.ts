import type { TransportAlgorithms } from "@nacre/transport";
import { algorithms } from "./session-target.ts";

/** The implementations of the algorithms: the portable one and, except in a browser, Node's. */
export const IMPLEMENTATIONS: readonly TransportAlgorithms[] =
  typeof process === "undefined" ? [algorithms] : [algorithms, await nodeImplementation()];

async function nodeImplementation(): Promise<TransportAlgorithms> {
  const { nodeAlgorithms } = await import("@nacre/node");
  const { hostKeys, ciphers, macs } = nodeAlgorithms;
  return { ...algorithms, hostKeys, ciphers, macs };
}
