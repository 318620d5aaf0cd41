import { lstat, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isWindows } from "@nacre/node/extend";
import { KEYGEN_CASES, keygenOutcome } from "@nacre/testing/known-hosts-keygen";
import { expect, test, vi } from "vitest";
import recorded from "../../../test-vectors/known-hosts.json" with { type: "json" };
import { keygen } from "../src/keygen/keygen.ts";
import { temporaryFolder } from "./support.ts";

// Each folder is a file system of its own, without hard links.
vi.mock(import("node:fs/promises"), async (original) => {
  const fs = await original();
  const failed = Object.assign(new Error("EXDEV: cross-device link not permitted"), { code: "EXDEV" });
  return {
    ...fs,
    link: () => Promise.reject(failed),
    rename: (from, to) =>
      dirname(String(from)) === dirname(String(to)) ? fs.rename(from, to) : Promise.reject(failed),
  };
});

/** Runs `nacre keygen` in this process. */
async function run(words: readonly string[]) {
  const printed = { stdout: "", stderr: "" };
  const spies = (["stdout", "stderr"] as const).map((name) =>
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      printed[name] += text;
      return true;
    }),
  );
  try {
    return { status: await keygen(words), ...printed };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

test.each(KEYGEN_CASES.map(([text, words], index) => ({ text, words, expected: recorded.outcomes[index] })))(
  "keygen $words searches and changes known_hosts byte for byte as ssh-keygen does",
  async ({ text, words, expected }) => {
    // Windows has no permission bits.
    const { mode } = isWindows() ? { mode: 0o666 } : expected!;
    expect(await keygenOutcome(text, words, run)).toEqual({ ...expected, mode });
  },
);

test("keygen -R changes a file behind a link to another file system", async () => {
  const folder = await temporaryFolder();
  const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA\n";
  await mkdir(join(folder, "elsewhere"));
  await writeFile(join(folder, "elsewhere", "hosts"), `a.org ${key}b.org ${key}`);
  const file = join(folder, "known_hosts");
  await symlink(join("elsewhere", "hosts"), file);
  expect(await run(["-R", "a.org", "-f", file])).toMatchObject({ status: 0 });
  expect((await lstat(file)).isSymbolicLink()).toBe(true);
  expect(await readFile(file, "latin1")).toBe(`b.org ${key}`);
  expect(await readFile(`${file}.old`, "latin1")).toBe(`a.org ${key}b.org ${key}`);
  expect([await readdir(folder), await readdir(join(folder, "elsewhere"))]).toEqual([
    ["elsewhere", "known_hosts", "known_hosts.old"],
    ["hosts"],
  ]);
});

test("keygen refuses options that do not go together", async () => {
  for (const words of [
    ["-lH"],
    ["-l", "-R", "x"],
    ["-R", "x", "-F", "x"],
    ["-HR", "x"],
    ["-F", "x", "-t", "rsa"],
    ["-q"],
  ])
    await expect(keygen(words)).rejects.toMatchObject({ code: "usage" });
});
