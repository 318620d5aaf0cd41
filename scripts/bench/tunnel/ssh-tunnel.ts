import { type ChildProcess, spawn } from "node:child_process";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "@nacre/testing/free-port";
import { sshArguments } from "../measure/ssh-command.ts";
import type { Suite, Target } from "../tasks.ts";
import type { Address, TunnelForm } from "./tunnel-tasks.ts";

/** Time limit until `ssh` listens, in milliseconds. */
const TIMEOUT = 15_000;

const running = new Set<ChildProcess>();

/** Kills all tunnels. Called when the run is interrupted. */
export function killSshTunnels(): void {
  for (const child of running) child.kill("SIGKILL");
}

/** A running `ssh -N` that forwards until it is closed. */
export interface SshTunnel {
  readonly at: Address;
  readonly pid: number;
  close(): Promise<void>;
}

/** Starts `ssh -N -L` or `ssh -N -D`. Resolves when it listens, after its login. */
export async function startSshTunnel(
  target: Target,
  suite: Suite | undefined,
  form: TunnelForm,
  to: Address,
): Promise<SshTunnel> {
  const at = { host: "127.0.0.1", port: await freePort() };
  const listen = `${at.host}:${at.port}`;
  const forward = form === "local" ? ["-L", `${listen}:${to.host}:${to.port}`] : ["-D", listen];
  const args = ["-N", "-o", "ExitOnForwardFailure=yes", ...forward, ...sshArguments(target, suite)];
  const child = spawn("ssh", args, { stdio: ["ignore", "ignore", "pipe"] });
  running.add(child);
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-2000);
  });
  const ended = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      stderr += error.message;
      resolve();
    });
    child.once("exit", () => resolve());
  }).then(() => void running.delete(child));
  const close = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  for (const deadline = performance.now() + TIMEOUT; ; await sleep(50)) {
    if (await listens(at)) return { at, pid: child.pid!, close };
    if (running.has(child) && performance.now() < deadline) continue;
    await close();
    throw new Error(`ssh ${forward.join(" ")} did not start to listen: ${stderr}`);
  }
}

function listens({ host, port }: Address): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const settle = (result: boolean): void => {
      socket.destroy();
      resolve(result);
    };
    socket.once("connect", () => settle(true));
    socket.once("error", () => settle(false));
  });
}
