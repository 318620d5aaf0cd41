import type { Contender } from "../bench.ts";
import { Child } from "../children.ts";
import { cpuSecondsOf } from "../measure/process-cpu.ts";
import type { Suite, Target } from "../tasks.ts";
import { startSshTunnel } from "./ssh-tunnel.ts";
import type { Address, TunnelForm } from "./tunnel-tasks.ts";

/** A tunnel in a separate process. */
export interface Tunnel {
  /** Address at which the tunnel listens. */
  readonly at: Address;
  /** Returns the CPU time of the process so far, in seconds. */
  cpuSeconds(): Promise<number>;
  close(): Promise<void>;
}

const TIMEOUT = 15_000;

/** Starts a contender's tunnel to `to`, or its SOCKS proxy. Resolves when it listens. */
export async function startTunnel(
  { program }: Contender,
  target: Target,
  suite: Suite | undefined,
  form: TunnelForm,
  to: Address,
): Promise<Tunnel> {
  if (program === undefined) {
    const ssh = await startSshTunnel(target, suite, form, to);
    return { at: ssh.at, cpuSeconds: () => cpuSecondsOf(ssh.pid), close: () => ssh.close() };
  }
  const child = new Child(program);
  try {
    const at = await child.perform({ kind: "forward", target, suite, form, to }, TIMEOUT);
    return { at, cpuSeconds: () => cpuSecondsOf(child.pid), close: () => child.end() };
  } catch (error) {
    await child.end();
    throw error;
  }
}
