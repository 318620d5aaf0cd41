import { type Bench, ssh2Has } from "../bench.ts";
import { Child, type Program } from "../children.ts";
import type { Target } from "../tasks.ts";

/** A server to be measured. */
export interface Host {
  readonly name: string;
  readonly program: Program;
  /** Key exchange methods that it supports; default all that are measured. */
  readonly has?: readonly string[];
}

/** Keys and files that all parts of the `server` case share. */
export interface ServerSetup {
  /** Target without a port: each part starts its own server. */
  readonly target: Target;
  readonly hostKeyFile: string;
  readonly userKey: string;
  /** Public key of the authority whose certificates may log in as well; default none. */
  readonly authority?: string;
  readonly payloadFile: string;
}

// A small young generation: with 16 MiB, garbage in it would hide the memory of connections.
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

/** The server of this project's package with ssh2's API. */
export const nacreSsh2Server: Host = {
  name: "@nacre/ssh2",
  program: { file: "child-server-ssh2", args: ["nacre"], nodeArgs },
};

/** All servers, in the order of the tables' rows. */
export const allServers: readonly Host[] = [nacreServer, nobleServer, nacreSsh2Server, ssh2Server];

/** Time limit of a task of a server in milliseconds, far above the normal time. */
export const SERVER_TIMEOUT = 60_000;

/** Starts a server, calls `use`, and ends the server. */
export async function withServer<T>(
  setup: ServerSetup,
  program: Program,
  use: (server: Child, target: Target) => Promise<T>,
): Promise<T> {
  const server = new Child(program);
  try {
    const { hostKeyFile, userKey, authority } = setup;
    const { port } = await server.perform({ kind: "listen", hostKeyFile, userKey, authority }, SERVER_TIMEOUT);
    return await use(server, { ...setup.target, port });
  } finally {
    await server.end();
  }
}

/** Runs `work`. Returns its result, and the CPU time of the server during it. */
export async function timed<T>(
  server: Child,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly cpuSeconds: number }> {
  const cpu = async (): Promise<number> =>
    (await server.perform({ kind: "census", collect: false }, SERVER_TIMEOUT)).cpuSeconds;
  const before = await cpu();
  const result = await work();
  return { result, cpuSeconds: (await cpu()) - before };
}

/** Returns the servers that the run includes. */
export function hostsOf(bench: Bench, hosts: readonly Host[]): readonly Host[] {
  return hosts.filter((host) => bench.takesPart({ ...host, otherLibrary: false }));
}
