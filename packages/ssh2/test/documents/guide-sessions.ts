import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import type { Effect, Effects, Stage } from "./stage.ts";

/** Calls the function of a ssh2 block with a client, runs a block of Nacre with `ssh`, and then asserts the same of both. */
function both(assert: (stage: Stage) => void | Promise<void>): { readonly ssh2: Effect; readonly nacre: Effect } {
  return {
    async ssh2(stage, block) {
      await stage.call(block);
      await stage.until(() => assert(stage));
    },
    async nacre(stage, block) {
      await stage.runWithSsh(block);
      await stage.until(() => assert(stage));
    },
  };
}

/** Asserts the first size of the terminal and the next, and ends the shell. */
async function resized(stage: Stage): Promise<void> {
  await stage.until(() => expect(stage.output).toMatch(/size 160x50\n$/));
  stage.type("exit\n");
}

/** What the blocks of the guide about commands and files do. */
export const sessions: Effects = {
  "Streams of a command": both((stage) => {
    expect(stage.output.trim()).toBe("3");
    expect(stage.printed).toEqual(["0"]);
  }),
  "Environment, terminal and signals": both((stage) => {
    expect(stage.output).toBe("test\n");
    expect(stage.printed).toEqual(["over"]);
  }),
  "A shell": {
    async ssh2(stage, block) {
      await stage.call(block);
      await resized(stage);
    },
    async nacre(stage, block) {
      await stage.runWithSsh(block);
      await resized(stage);
    },
  },
  "A subsystem": both((stage) => expect(stage.output).toBe("text")),
  SFTP: both(async (stage) => {
    expect(stage.printed).toEqual(["app.tar.gz 23"]);
    expect(await stage.read("app.tar.gz")).toBe("contents of the release");
  }),
  "Files over SFTP": both(async (stage) => {
    expect(stage.printed).toEqual(["first line\n"]);
    const path = join(stage.host.root, "releases/notes");
    expect(await readFile(path, "utf8")).toBe("first line\n");
    await rm(path);
  }),
};
