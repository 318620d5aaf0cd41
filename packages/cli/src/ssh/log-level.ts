import type { ConfigValues } from "@nacre/config";
import { say } from "../say.ts";

type Level = Pick<ConfigValues, "logLevel">;

/** Whether no message is printed. */
export function isQuiet({ logLevel }: Level): boolean {
  return logLevel === "QUIET" || logLevel === "FATAL";
}

/** Whether the login is printed, as `ssh` does with LogLevel VERBOSE. */
export function isVerbose({ logLevel }: Level): boolean {
  return logLevel === "VERBOSE" || isDebug({ logLevel });
}

/** Whether the stages of the connection are printed (`-v`). */
export function isDebug({ logLevel }: Level): boolean {
  return logLevel.startsWith("DEBUG");
}

/** Prints a line that informs, unless the log level is that of errors. */
export function inform(values: Level, text: string): void {
  if (!isQuiet(values) && values.logLevel !== "ERROR") say(text);
}
