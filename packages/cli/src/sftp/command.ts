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
  /** What each word names, in order. The last kind also applies to all further words. */
  readonly kinds: readonly ArgumentKind[];
  /** Minimum and maximum number of words after the flags. */
  readonly count: readonly [least: number, most: number];
  /** Whether words that begin with a dash are ordinary words, not flags; default false. */
  readonly takesDashes?: boolean;
  /** Runs the command. Rejects with its error. */
  run(session: Session, call: CommandCall): void | Promise<void>;
}

/** Flags and words of a command. */
export interface CommandCall {
  /** Letters of the given flags. */
  readonly flags: ReadonlySet<string>;
  /** Words after the flags. */
  readonly words: readonly Word[];
}
