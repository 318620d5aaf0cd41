import { type Bench, ssh2Has } from "./bench.ts";
import { Child, type Program } from "./children.ts";
import type { Target } from "./tasks.ts";

/** A server that is measured. */
export interface Host {
  readonly name: string;
  readonly program: Program;
  /** The key exchange methods that it has; all that are measured unless told. */
  readonly has?: readonly string[];
}

/** The parts of the case share keys, and a payload as a file. */
export interface House {
  /** Of a server that is still to be started: without a port. */
  readonly target: Target;
  readonly hostKeyFile: string;
  readonly userKey: string;
  readonly payloadFile: string;
}

// What garbage a young generation of 16 MiB happens to hold says nothing of connections.
const nodeArgs = ["--expose-gc", "--max-semi-space-size=1"];
export const nacreServer: Host = { name: "nacre", program: { file: "child-server-nacre", args: ["node"], nodeArgs } };
export const nobleServer: Host = {
  name: "nacre on noble",
  program: { file: "child-server-nacre", args: ["noble"], nodeArgs },
};
export const ssh2Server: Host = {
  name: "ssh2, no-delay",
  program: { file: "child-server-ssh2", nodeArgs },
  has: ssh2Has,
};

/** All of them, in the order of their rows. */
export const allServers: readonly Host[] = [nacreServer, nobleServer, ssh2Server];

/** Milliseconds that anything asked of a server may take: far more than it does. */
export const SERVER_TIMEOUT = 60_000;

/** Starts a server, lets `use` have it, and ends it. */
export async function withServer<T>(
  house: House,
  program: Program,
  use: (server: Child, target: Target) => Promise<T>,
): Promise<T> {
  const server = new Child(program);
  try {
    const { hostKeyFile, userKey } = house;
    const { port } = await server.ask({ kind: "listen", hostKeyFile, userKey }, SERVER_TIMEOUT);
    return await use(server, { ...house.target, port });
  } finally {
    await server.end();
  }
}

/** What `work` gives, and the CPU time that the server spent meanwhile. */
export async function timed<T>(
  server: Child,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly cpuSeconds: number }> {
  const cpu = async (): Promise<number> =>
    (await server.ask({ kind: "census", collect: false }, SERVER_TIMEOUT)).cpuSeconds;
  const before = await cpu();
  const result = await work();
  return { result, cpuSeconds: (await cpu()) - before };
}

/** Those of the servers that take part. */
export function hostsOf(bench: Bench, hosts: readonly Host[]): readonly Host[] {
  return hosts.filter((host) => bench.takesPart({ ...host, peer: false }));
}
