import type { Session } from "./session.ts";
import type { Word } from "./words.ts";

/** What a word of a command names, for completion. */
export type ArgumentKind = "remote" | "local" | "other";

/** A command of `nacre sftp`. */
export interface Command {
  /** Names, the usual one first. */
  readonly names: readonly string[];
  /** Arguments as `help` shows them. */
  readonly usage: string;
  /** What it does, in a few words. */
  readonly summary: string;
  /** Letters of its flags. */
  readonly flags: string;
  /** Kinds of its words, in order; the last kind also applies to all further words. */
  readonly kinds: readonly ArgumentKind[];
  /** Fewest and most words after the flags. */
  readonly count: readonly [least: number, most: number];
  /** Whether words that begin with a dash are words like others, not flags; default false. */
  readonly takesDashes?: boolean;
  /** Runs it. Rejects with the error that made it fail. */
  run(session: Session, call: CommandCall): void | Promise<void>;
}

/** Flags and words of a command. */
export interface CommandCall {
  /** Letters of the given flags. */
  readonly flags: ReadonlySet<string>;
  /** Words after the flags. */
  readonly words: readonly Word[];
}
