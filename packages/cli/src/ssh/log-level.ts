import type { ConfigValues } from "@nacre/config";
import { redirectMessages, say } from "../say.ts";

type Level = Pick<ConfigValues, "logLevel">;

const LEVELS = ["QUIET", "FATAL", "ERROR", "INFO", "VERBOSE", "DEBUG", "DEBUG2", "DEBUG3"] as const;

/** The log level of a session, which the user may change. */
export class SessionLevel {
  logLevel: ConfigValues["logLevel"];

  constructor({ logLevel }: Level) {
    this.logLevel = logLevel;
  }

  /** Makes messages louder or quieter by one level. */
  change(step: 1 | -1): void {
    const at = LEVELS.indexOf(this.logLevel);
    this.logLevel = LEVELS[at + step] ?? this.logLevel;
    redirectMessages(isQuiet(this) ? () => {} : undefined);
  }
}

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
