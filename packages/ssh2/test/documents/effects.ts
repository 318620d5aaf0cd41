import type { Block } from "./blocks.ts";
import type { Stage } from "./stage.ts";

/** Runs a block, and asserts what it prints or leaves. */
export type Effect = (stage: Stage, block: Block) => Promise<void>;

/** The effects of the two blocks of a section: the first is for ssh2, the second for Nacre. */
export interface SectionEffects {
  readonly ssh2: Effect;
  readonly nacre: Effect;
}

/** Effects by the heading of the section. */
export type Effects = Readonly<Record<string, SectionEffects>>;
