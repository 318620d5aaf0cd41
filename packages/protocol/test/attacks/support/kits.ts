import type { CommonOptions, ProtocolTarget } from "@nacre/testing/attacks/protocol-target";
import { ClientTarget } from "./client-target.ts";
import { ServerTarget } from "./server-target.ts";

/** Attacked side, for tests that are the same for both sides. */
export interface Kit {
  readonly side: "client" | "server";
  create(options?: CommonOptions): ProtocolTarget;
  /** Message numbers that the protocol machine has sent after 1 to 3 steps of the first key exchange. */
  readonly flights: Readonly<Record<number, readonly number[]>>;
  /** Number of the peer's key exchange message. */
  readonly kexMessage: number;
}

export const CLIENT: Kit = {
  side: "client",
  create: (options) => new ClientTarget(options),
  flights: { 1: [20], 2: [20, 30], 3: [20, 30, 21, 5, 50] },
  kexMessage: 31,
};

export const SERVER: Kit = {
  side: "server",
  create: (options) => new ServerTarget(options),
  flights: { 1: [20], 2: [20], 3: [20, 31, 21, 7] },
  kexMessage: 30,
};

/** Returns a protocol machine after `count` steps of the peer's first key exchange: 1 identification, 2 KEXINIT, 3 key exchange message. */
export function afterSteps(kit: Kit, count: number, options?: CommonOptions): ProtocolTarget {
  const target = kit.create(options);
  target.peer.identify();
  if (count > 1) target.peer.init();
  if (count > 2) target.peer.run();
  return target;
}
