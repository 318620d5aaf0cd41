import type { Client } from "@nacre/node";
import { onTestFinished, vi } from "vitest";
import { parseCopyArguments } from "../../src/cp/arguments.ts";
import { CopyRun, type Located } from "../../src/cp/copy-run.ts";
import type { Place } from "../../src/cp/place.ts";

let written = "";

/** Collects what this test writes to standard error from now on. */
export function collectComplaints(): void {
  written = "";
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    written += String(text);
    return true;
  });
  onTestFinished(() => void vi.restoreAllMocks());
}

/** Returns what was written to standard error. */
export const complaints = (): string => written;

/** Runs `nacre cp` with the server of a client as `host`. Resolves with the status. */
export function copy(client: Client, line: readonly string[]): Promise<number> {
  const words = parseCopyArguments(line);
  const server = { client, isOver: false };
  const located = (place: Place): Located => (place.kind === "local" ? { place } : { place, server });
  const run = new CopyRun(words, new AbortController().signal, undefined);
  return run.run(words.sources.map(located), located(words.target));
}
