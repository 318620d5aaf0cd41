import { readFileSync } from "node:fs";
import { join } from "node:path";
import ssh2 from "ssh2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as entry from "../../src/index.ts";
import type { Ssh2 } from "../parity/case.ts";
import { type Block, blocksOf } from "./blocks.ts";
import type { Effects } from "./effects.ts";
import { connections } from "./guide-connections.ts";
import { forwards } from "./guide-forwards.ts";
import { others } from "./guide-others.ts";
import { sessions } from "./guide-sessions.ts";
import { type Host, startHost } from "./host.ts";
import { newStage } from "./stage.ts";

// Runs every block of GUIDE.md against a host on loopback: those for ssh2 with ssh2 and with this package.

const BLOCKS = blocksOf(readFileSync(join(import.meta.dirname, "../../GUIDE.md"), "utf8"));
const EFFECTS: Effects = { ...connections, ...sessions, ...forwards, ...others };

const headings = [...new Set(BLOCKS.map(({ heading }) => heading))];

test("each section has one block for ssh2, then one for Nacre, and its effects", () => {
  expect(headings.toSorted()).toEqual(Object.keys(EFFECTS).toSorted());
  for (const heading of headings) {
    const [first, second, ...more] = BLOCKS.filter((block) => block.heading === heading);
    expect(more, heading).toEqual([]);
    expect(first?.code, heading).toMatch(/ from "ssh2";/);
    expect(second?.code, heading).not.toMatch(/ from "ssh2";/);
  }
});

const IMPLEMENTATIONS = { ssh2, "this package": entry as unknown as Ssh2 };

describe.each(headings)("%s", (heading) => {
  let host: Host;
  beforeAll(async () => {
    host = await startHost();
  });
  afterAll(() => host?.close());

  test.each(["ssh2", "this package"] as const)("with %s", async (name) => {
    await has("ssh2", BLOCKS.find((block) => block.heading === heading && block.at === 0)!, IMPLEMENTATIONS[name]);
  });

  test("with Nacre", async () => {
    await has("nacre", BLOCKS.find((block) => block.heading === heading && block.at === 1)!, ssh2);
  });

  async function has(side: "ssh2" | "nacre", block: Block, implementation: Ssh2): Promise<void> {
    host.logins.length = 0;
    const stage = await newStage(host, implementation);
    try {
      await EFFECTS[heading]![side](stage, block);
    } finally {
      await stage.close();
    }
  }
});
