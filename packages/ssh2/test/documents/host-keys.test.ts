import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fingerprint, nodeAlgorithms } from "@nacre/node";
import type { HostKey } from "nacre/extend";
import { expect, onTestFinished, test } from "vitest";
import type { HostKeyMode } from "../../src/client/host-key-mode.ts";
import { type HostKeyOptions, hostKeyCheck } from "../../src/client/host-keys.ts";
import { nextTurn, warnings } from "../client/support.ts";
import { ed25519Pair } from "../parity/made-keys.ts";

// Tries each cell of the table "Host keys" in README.

const MODES: readonly HostKeyMode[] = ["strict", "known", "warn", "off"];
const KNOWN = madeKey();
const OTHER = madeKey();

interface TestKey extends HostKey {
  /** Type and base64, as in known_hosts. */
  readonly line: string;
}

function madeKey(): TestKey {
  const [type = "", base64 = ""] = ed25519Pair().public.split(" ");
  const blob = Buffer.from(base64, "base64");
  return { algorithm: type, blob, fingerprint: fingerprint(blob), line: `${type} ${base64}` };
}

/** Situation of each column: lines of known_hosts, in which HOST is the host, and the key that it presents. */
interface Column {
  readonly lines: readonly string[];
  readonly key: TestKey;
  readonly more?: readonly Partial<HostKeyOptions>[];
}

const COLUMNS: Readonly<Record<string, Column>> = {
  "known host, its key": { lines: [`HOST ${KNOWN.line}`], key: KNOWN },
  "known host, another key": { lines: [`HOST ${KNOWN.line}`], key: OTHER },
  "revoked key": { lines: [`@revoked * ${OTHER.line}`], key: OTHER },
  "unknown host": { lines: [], key: OTHER },
  "loopback address, or `sock`": { lines: [], key: OTHER, more: [{ host: "127.0.0.1" }, { isStream: true }] },
};

const [head, , ...rows] = (/^## Host keys\n[^|]*(?<table>(?:\|.*\n)+)/m.exec(readmeText())?.groups?.["table"] ?? "")
  .trimEnd()
  .split("\n")
  .map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

test("the table has a row for each mode, and these columns", () => {
  expect(head?.slice(1)).toEqual(Object.keys(COLUMNS));
  expect(rows.map(([mode]) => /`(\w+)`/.exec(mode!)?.[1])).toEqual(MODES);
});

const CELLS = rows.flatMap(([, ...cells], row) =>
  Object.entries(COLUMNS).map(([name, column], at) => ({ mode: MODES[row]!, name, column, cell: cells[at]! })),
);

test.each(CELLS)("$mode, $name: $cell", async ({ mode, column, cell }) => {
  for (const more of column.more ?? [{}]) {
    const outcome = await outcomeOf(mode, column.lines, column.key, more);
    // "as any host": one that known_hosts lacks is refused, and one that it has is accepted.
    if (cell !== "as any host") expect(outcome).toBe(cell);
    else {
      expect(outcome).toBe("refused");
      expect(await outcomeOf(mode, [`HOST ${OTHER.line}`], OTHER, more)).toBe("accepted");
    }
  }
});

let hosts = 0;

/** Returns what is decided about a key, in the words of the table. Each call has a host or port of its own: warnings come once for each. */
async function outcomeOf(
  mode: HostKeyMode,
  lines: readonly string[],
  key: TestKey,
  more: Partial<HostKeyOptions>,
): Promise<string> {
  const host = more.host ?? `cell-${++hosts}.example.org`;
  const folder = await mkdtemp(join(tmpdir(), "nacre-ssh2-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "known_hosts");
  await writeFile(file, lines.map((line) => `${line.replace("HOST", host)}\n`).join(""));
  const list = warnings();
  const { verify } = await hostKeyCheck({
    host,
    port: 22,
    isStream: false,
    mode,
    hostVerifier: undefined,
    hostHash: undefined,
    offered: nodeAlgorithms.hostKeys.filter(({ name }) => !name.includes("-cert-")),
    certificates: [],
    files: [file],
    ...more,
  });
  const verdict = await Promise.resolve(verify(key)).catch(() => false);
  await nextTurn();
  if (verdict !== true) return list.length === 0 ? "refused" : "refused, warning";
  return list.length === 0 ? "accepted" : "accepted, warning";
}

function readmeText(): string {
  return readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");
}
