import { mkdtemp, rm } from "node:fs/promises";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Case, Peers, Ssh2 } from "./case.ts";
import { comparable } from "./comparable.ts";

/** Limit of one run, in milliseconds. */
const MAX_RUN = 20_000;
/** Limit of each release at its end, in milliseconds. */
const MAX_RELEASE = 5000;

/** What one run recorded. */
export interface Run {
  /** Events as `[name, ...values]`. */
  readonly record: readonly unknown[];
  /** Why it failed: the case threw, did not end, or could not release something. */
  readonly failure: string | undefined;
}

let withoutNagle = false;

/** Switches Nagle's algorithm off for all sockets that connect from now on: ssh2 would wait up to 40 ms for each reply on loopback. */
export function switchNagleOff(): void {
  if (withoutNagle) return;
  withoutNagle = true;
  const { connect } = Socket.prototype as unknown as { connect: (this: Socket, ...args: unknown[]) => Socket };
  Object.assign(Socket.prototype, {
    connect(this: Socket, ...args: unknown[]): Socket {
      this.setNoDelay(true);
      return connect.apply(this, args);
    },
  });
}

/** Runs a case with an implementation. `more` has the peers beside those of each case. */
export async function runCase<P extends Peers>(
  one: Case<P>,
  implementation: Ssh2,
  more: Omit<P, "folder" | "after">,
  limit: number = MAX_RUN,
): Promise<Run> {
  const record: unknown[] = [];
  const releases: (() => unknown)[] = [];
  const failures: string[] = [];
  let isOver = false;
  const folder = await mkdtemp(join(tmpdir(), "nacre-parity-"));
  const peers = { ...more, folder, after: (release: () => unknown) => void releases.push(release) } as unknown as P;
  const recorder = (event: string, ...values: unknown[]): void => {
    if (!isOver) record.push([event, ...values.map((value) => comparable(value))]);
  };
  try {
    await within(limit, "the case", async () => one.run(implementation, recorder, peers));
  } catch (error) {
    failures.push(describe(error));
  }
  isOver = true;
  for (const release of releases.toReversed()) {
    try {
      await within(MAX_RELEASE, `the release ${String(release).slice(0, 80)}`, async () => release());
    } catch (error) {
      failures.push(describe(error));
    }
  }
  await rm(folder, { recursive: true, force: true });
  return { record, failure: failures.length === 0 ? undefined : failures.join("\n") };
}

/** Rejects if the work takes longer than `limit` milliseconds. */
async function within(limit: number, name: string, work: () => Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${name} did not end within ${limit / 1000} s`)), limit);
  });
  try {
    await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
