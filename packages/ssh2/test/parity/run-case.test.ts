import { EventEmitter } from "node:events";
import { existsSync } from "node:fs";
import ssh2 from "ssh2";
import { expect, test } from "vitest";
import type { Case } from "./case.ts";
import { comparable } from "./comparable.ts";
import { runCase } from "./run-case.ts";
import { differencesIn } from "./suite.ts";

function caseOf(run: Case["run"]): Case {
  return { name: "one", section: "harness", run };
}

test("records events until the case is over, and releases in reverse order", async () => {
  const released: string[] = [];
  let late: (() => void) | undefined;
  let folder = "";
  const run = await runCase(
    caseOf(async (_ssh2, record, peers) => {
      ({ folder } = peers);
      peers.after(() => released.push("first"));
      peers.after(async () => released.push("second"));
      record("data", Buffer.from("ab"), undefined, 1);
      late = () => record("late");
      expect(existsSync(folder)).toBe(true);
    }),
    ssh2,
    { ssh2 },
  );
  late?.();
  expect(run).toEqual({ record: [["data", "<Buffer 6162>", "<undefined>", 1]], failure: undefined });
  expect(released).toEqual(["second", "first"]);
  expect(existsSync(folder)).toBe(false);
});

test("reports a case that throws, one that does not end, and a release that throws", async () => {
  const throws = caseOf(async () => {
    throw new Error("thrown");
  });
  expect((await runCase(throws, ssh2, { ssh2 })).failure).toContain("thrown");
  const hangs = caseOf(() => new Promise<void>(() => {}));
  expect((await runCase(hangs, ssh2, { ssh2 }, 10)).failure).toContain("did not end within");
  const leaks = caseOf(async (_ssh2, _record, { after }) =>
    after(() => {
      throw new Error("kept");
    }),
  );
  expect((await runCase(leaks, ssh2, { ssh2 })).failure).toContain("kept");
});

test("tells apart what users of ssh2 can tell apart", () => {
  const error = Object.assign(new Error("refused"), { level: "client-socket", code: "ECONNREFUSED", errno: -111 });
  expect(comparable(error)).toEqual({ error: "refused", level: "client-socket", code: "ECONNREFUSED" });
  expect(comparable(Buffer.of(1))).not.toEqual(comparable(Uint8Array.of(1)));
  expect(comparable([undefined])).not.toEqual(comparable([null]));
  expect(comparable({ a: undefined })).not.toEqual(comparable({}));
  expect(comparable(new EventEmitter())).toEqual(comparable(process));
});

test("reads the first column of the table of differences", () => {
  const table =
    "## What differs\n\ntext\n\n| | a |\n| --- | --- |\n| Calls before `ready` | x |\n| host keys | y |\n\n## Next\n";
  expect([...differencesIn(table)]).toEqual(["calls before ready", "host keys"]);
  expect(() => differencesIn("# no table")).toThrow("What differs");
});
