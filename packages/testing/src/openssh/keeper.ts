import type { ChildProcess } from "node:child_process";
import { Socket } from "node:net";

/**
 * Waits until server/keeper.sh prints "ready". After that, the keeper does not keep this process alive.
 *
 * @throws if the keeper ends first or takes longer than `timeoutMs` milliseconds, with its output. The keeper is killed then.
 */
export async function untilReady(keeper: ChildProcess, what: string, timeoutMs: number): Promise<void> {
  const { stdin, stdout, stderr } = keeper;
  let said = "";
  stdin?.on("error", () => {});
  const failure = await new Promise<string | undefined>((resolve) => {
    const timer = setTimeout(() => settle(`not ready within ${timeoutMs} ms`), timeoutMs);
    const settle = (why: string | undefined): void => {
      clearTimeout(timer);
      resolve(why);
    };
    stdout?.on("data", (chunk: Buffer) => {
      said += chunk;
      if (/^ready$/m.test(said)) settle(undefined);
    });
    stderr?.on("data", (chunk: Buffer) => {
      said += chunk;
    });
    keeper.on("error", (error) => settle(error.message));
    keeper.on("close", (status) => settle(`ended with status ${status}`));
  });
  if (failure !== undefined) {
    keeper.kill("SIGKILL");
    throw new Error(`${what}: ${failure}\n${said}`);
  }
  keeper.unref();
  for (const stream of [stdin, stdout, stderr]) {
    if (stream instanceof Socket) stream.unref();
  }
}

/** Ends a keeper by closing its standard input. Resolves with `false` if it still runs ten seconds later. */
export async function endKeeper(keeper: ChildProcess): Promise<boolean> {
  if (keeper.exitCode !== null || keeper.signalCode !== null) return true;
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), 10_000);
    keeper.once("exit", () => {
      clearTimeout(timer);
      resolve(true);
    });
    keeper.stdin?.end();
  });
}
