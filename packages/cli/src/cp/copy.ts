import { COPY_HELP } from "../help.ts";
import { Interrupt } from "../interrupt.ts";
import { asksForHelp } from "../options.ts";
import { INSTEAD_OF_FILE_OPTIONS } from "../ssh/connection-arguments.ts";
import { openKeyLog } from "../ssh/key-log.ts";
import { COPY_OPTIONS, parseCopyArguments } from "./arguments.ts";
import { CopyRun, type Located } from "./copy-run.ts";
import type { Place } from "./place.ts";
import { progressOnTerminal } from "./progress-bar.ts";
import { Servers } from "./servers.ts";

/**
 * Runs `nacre cp`: copies files between this machine and servers, or between servers. Resolves with the exit status: 0, or 1 if something
 * was not copied. Rejects with `usage`, or with the `SshError` that ended a connection.
 */
export async function copy(line: readonly string[]): Promise<number> {
  if (asksForHelp(line, COPY_OPTIONS, INSTEAD_OF_FILE_OPTIONS)) {
    process.stdout.write(COPY_HELP);
    return 0;
  }
  const words = parseCopyArguments(line);
  const keyLog = words.keyLogFile === undefined ? undefined : openKeyLog(words.keyLogFile);
  const servers = new Servers(words, words.port, keyLog);
  const locate = async (place: Place): Promise<Located> =>
    place.kind === "local" ? { place } : { place, server: await servers.connect(place) };
  let interrupt: Interrupt | undefined;
  try {
    const sources: Located[] = [];
    // One after the other: each login may ask at the terminal.
    for (const place of words.sources) sources.push(await locate(place));
    const target = await locate(words.target);
    interrupt = new Interrupt();
    const bar = words.quiet ? undefined : progressOnTerminal();
    return await new CopyRun(words, interrupt.signal, bar).run(sources, target);
  } finally {
    await servers.close();
    keyLog?.close();
    interrupt?.release();
    interrupt?.raise();
  }
}
