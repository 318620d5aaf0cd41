import { isWindows } from "@nacre/node/extend";
import { KEYGEN_CASES, keygenOutcome } from "@nacre/testing/known-hosts-keygen";
import { expect, test, vi } from "vitest";
import recorded from "../../../test-vectors/known-hosts.json" with { type: "json" };
import { keygen } from "../src/keygen/keygen.ts";

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
