import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { gateway } from "../src/gateway.ts";
import { temporaryFolder } from "./support.ts";

test("refuses an --issue-token of less than 32 characters", async () => {
  const folder = await temporaryFolder();
  const token = join(folder, "token");
  // A valid token does not start a gateway either, because the certificate is missing.
  const missing = join(folder, "missing");
  const words = ["--origin", "https://a.example", "--allow", "b.example:22", "--cert", missing, "--key", missing];
  const start = (): Promise<number> => gateway([...words, "--issue-token", token]);
  for (const text of ["", "t".repeat(31), `${"t".repeat(31)} ${"t".repeat(31)}`]) {
    await writeFile(token, `${text}\n`);
    await expect(start()).rejects.toMatchObject({ code: "usage" });
  }
  await writeFile(token, `${"t".repeat(32)}\n`);
  await expect(start()).rejects.toMatchObject({ code: "file-unreadable" });
});
